/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster cat FILE...`: protobuf files in any format, and of them what one asks for.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "entry-filter.h"
#include "entry-sorter.h"
#include "log-reader.h"
#include "log-writer.h"
#include "muster-nearest-private.h"
#include "muster-registry.h"
#include "time-point.h"

#include <glib/gi18n.h>

/* As they were given; strings owned. */
typedef struct
{
  char *format;
  char *pattern;
  char *theme;
  char *level;
  char **workers;
  char **domains;
  char *since;
  char *until;
  char *grep;
  char *sort;
  gboolean unique;
  char *output;
} Options;

typedef struct
{
  MusterFormat *format;        /* owned */
  MusterEntryFilter *filter;   /* owned */
  MusterEntrySorter *sorter;   /* owned, nullable */
  MusterKnownStreams *streams; /* owned */
  MusterLogWriter *writer;     /* owned */
  int fd;                      /* owned, unless it is standard output */
  gboolean unique;
  gboolean keeps_gaps;
  gboolean needs_time;
  const MusterKnownOrigin *origin; /* borrowed: whose entries come now */
  gboolean is_broken;              /* a file was; the others have been read */
  gboolean is_done;                /* the output cannot be written, or nobody reads it */
  GError *error;                   /* owned, nullable: why it cannot */
} Cat;

static void
options_clear (Options *options)
{
  g_free (options->format);
  g_free (options->pattern);
  g_free (options->theme);
  g_free (options->level);
  g_strfreev (options->workers);
  g_strfreev (options->domains);
  g_free (options->since);
  g_free (options->until);
  g_free (options->grep);
  g_free (options->sort);
  g_free (options->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
cat_clear (Cat *cat)
{
  g_clear_pointer (&cat->writer, muster_log_writer_free);
  g_clear_pointer (&cat->sorter, muster_entry_sorter_free);
  g_clear_pointer (&cat->filter, muster_entry_filter_free);
  g_clear_pointer (&cat->streams, muster_known_streams_free);
  g_clear_object (&cat->format);
  g_clear_error (&cat->error);
  if (cat->fd > STDOUT_FILENO)
    close (cat->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Cat, cat_clear)

/* -- the options ----------------------------------------------------------------------------------- */

static gboolean
set_property (MusterFormat *format, const char *type, const char *name, const char *value, GError **error)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (format), name);

  if (value == NULL)
    return TRUE;
  if (spec == NULL || spec->value_type != G_TYPE_STRING)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, _ ("the format '%s' has no %s; leave --%s out"), type,
                   name, name);
      return FALSE;
    }
  g_object_set (format, name, value, NULL);
  return TRUE;
}

static void
add_nearest (MusterRegistry *registry, const char *name, GError **error)
{
  g_auto (GStrv) names = muster_registry_list_types (registry, MUSTER_PLUGIN_FORMAT);
  g_autofree char *list = g_strjoinv (", ", names);
  const char *nearest = muster_nearest (name, (const char *const *) names);

  g_clear_error (error);
  if (nearest != NULL)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, _ ("there is no format '%s'; did you mean '%s'?"), name,
                 nearest);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, _ ("there is no format '%s'; installed are: %s"), name,
                 *list != '\0' ? list : _ ("none"));
}

/* Tables are as wide as the terminal, if there is one. */
static void
fit_terminal (MusterFormat *format)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (format), "columns");
  struct winsize size;

  if (spec != NULL && spec->value_type == G_TYPE_UINT && ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0
      && size.ws_col > 0)
    g_object_set (format, "columns", (guint) size.ws_col, NULL);
}

static gboolean
make_format (Cat *cat, const Options *options, GError **error)
{
  MusterRegistry *registry = muster_registry_get_default ();
  const char *name = options->format != NULL ? options->format : "text";
  GType type = muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, name, error);

  if (type == G_TYPE_INVALID)
    {
      if (error != NULL && g_error_matches (*error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND))
        add_nearest (registry, name, error);
      return FALSE;
    }
  cat->format = g_object_new (type, NULL);
  fit_terminal (cat->format);
  if (!set_property (cat->format, name, "pattern", options->pattern, error)
      || !set_property (cat->format, name, "theme", options->theme, error) || !muster_format_start (cat->format, error))
    return FALSE;
  cat->keeps_gaps = muster_format_get_keeps_gaps (cat->format);
  return TRUE;
}

static gboolean
make_filter (Cat *cat, const Options *options, GError **error)
{
  MusterEntryFilter *filter = cat->filter = muster_entry_filter_new ();
  gint64 now_us = g_get_real_time ();
  MusterLevel level = MUSTER_LEVEL_NONE;
  guint64 time_ns;

  if (options->level != NULL && !muster_level_from_string (options->level, &level))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   _ ("--level=%s is not a level; expected emergency, alert, critical, error, warning, notice, info or "
                      "debug"),
                   options->level);
      return FALSE;
    }
  muster_entry_filter_set_level (filter, level);
  for (char **glob = options->workers; glob != NULL && *glob != NULL; glob++)
    muster_entry_filter_add_worker (filter, *glob);
  for (char **glob = options->domains; glob != NULL && *glob != NULL; glob++)
    muster_entry_filter_add_domain (filter, *glob);
  if (options->since != NULL)
    {
      if (!muster_time_point_parse (options->since, now_us, &time_ns, error))
        return FALSE;
      muster_entry_filter_set_since (filter, time_ns);
    }
  if (options->until != NULL)
    {
      if (!muster_time_point_parse (options->until, now_us, &time_ns, error))
        return FALSE;
      muster_entry_filter_set_until (filter, time_ns);
    }
  return options->grep == NULL || muster_entry_filter_set_grep (filter, options->grep, error);
}

static gboolean
make_rest (Cat *cat, const Options *options, GError **error)
{
  if (options->sort != NULL && strcmp (options->sort, "time") != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, _ ("--sort=%s is not known; expected time"),
                   options->sort);
      return FALSE;
    }
  if (options->sort != NULL)
    cat->sorter = muster_entry_sorter_new ();
  cat->streams = muster_known_streams_new ();
  cat->unique = options->unique;
  cat->needs_time = cat->sorter != NULL || muster_entry_filter_needs_time (cat->filter);
  return TRUE;
}

/* An output that is one of the inputs would grow for ever, or be emptied before it is read. */
static gboolean
is_input (int fd, int argc, char **argv)
{
  struct stat out, in;

  if (fstat (fd, &out) != 0 || !S_ISREG (out.st_mode))
    return FALSE;
  for (int i = 1; i < argc; i++)
    if ((strcmp (argv[i], "-") == 0 ? fstat (STDIN_FILENO, &in) : g_stat (argv[i], &in)) == 0 && in.st_dev == out.st_dev
        && in.st_ino == out.st_ino)
      return TRUE;
  return FALSE;
}

static gboolean
open_output (Cat *cat, const Options *options, int argc, char **argv, GError **error)
{
  if (options->output != NULL)
    cat->fd = g_open (options->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (cat->fd < 0)
    {
      int code = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s: %s", options->output, g_strerror (code));
      return FALSE;
    }
  if (is_input (cat->fd, argc, argv))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, _ ("%s is input and output; write to another file"),
                   options->output != NULL ? options->output : _ ("one file"));
      return FALSE;
    }
  /* A device or a pipe has nothing to cut. */
  if (options->output != NULL && ftruncate (cat->fd, 0) != 0 && errno != EINVAL)
    {
      int code = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s: %s", options->output, g_strerror (code));
      return FALSE;
    }
  cat->writer = muster_log_writer_new (cat->format, cat->fd);
  return TRUE;
}

/* -- entries --------------------------------------------------------------------------------------- */

static void
check (Cat *cat, gboolean good)
{
  cat->is_done = cat->is_done || !good;
}

/* Whether it has not come before. A gap is new as long as it tells of one number that nothing else has told of. */
static gboolean
is_new (MusterKnownStream *stream, const MusterEntry *entry)
{
  guint64 last = entry->sequence + entry->count - 1;
  guint64 n_known;

  if (stream->held == NULL)
    {
      stream->held = muster_number_set_new ();
      stream->known = muster_interval_map_new ();
    }
  n_known = muster_interval_map_add (stream->known, entry->sequence, last, 0);
  if (entry->kind == MUSTER_ENTRY_GAP)
    return n_known < entry->count;
  return muster_number_set_add (stream->held, entry->sequence, last) == 0;
}

/* What has no time of its own belongs to what came before it. */
static guint64
note_time (MusterKnownStream *stream, const MusterEntry *entry)
{
  guint64 time_ns = muster_entry_get_time (entry);

  if (time_ns != 0)
    stream->time_ns = time_ns;
  return stream->time_ns;
}

/* Entries before the first origin: nobody knows whose they are. */
static const MusterKnownOrigin *
take_nameless (Cat *cat)
{
  static const MusterOrigin nobody = { .first_seq = 1 };

  return muster_known_streams_intern (cat->streams, &nobody);
}

static void
take_entry (Cat *cat, const MusterEntry *entry)
{
  const MusterKnownOrigin *origin = G_LIKELY (cat->origin != NULL) ? cat->origin : take_nameless (cat);
  guint64 time_ns = cat->needs_time ? note_time (origin->stream, entry) : 0;

  if (cat->unique && !is_new (origin->stream, entry))
    return;
  if ((entry->kind != MUSTER_ENTRY_GAP || !cat->keeps_gaps)
      && !muster_entry_filter_passes (cat->filter, origin, entry, time_ns))
    check (cat, muster_log_writer_skip (cat->writer, origin, entry, &cat->error));
  else if (cat->sorter != NULL)
    muster_entry_sorter_add (cat->sorter, origin, entry, time_ns);
  else
    check (cat, muster_log_writer_put (cat->writer, origin, entry, &cat->error));
}

/* Before something that may take its time is waited for: show what there is. */
static void
flush_cb (gpointer user_data)
{
  Cat *cat = user_data;

  check (cat, muster_log_writer_flush (cat->writer, &cat->error));
}

static void
read_file (Cat *cat, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterLogReader) reader = muster_log_reader_open (path, &error);
  MusterEntry entry;

  cat->origin = NULL;
  if (reader != NULL)
    {
      if (!muster_log_reader_is_regular (reader) && cat->sorter == NULL)
        muster_log_reader_set_refill_func (reader, flush_cb, cat);
      while (!cat->is_done && muster_log_reader_next (reader, &entry, &error))
        if (entry.kind == MUSTER_ENTRY_ORIGIN)
          cat->origin = muster_known_streams_intern (cat->streams, entry.origin);
        else
          take_entry (cat, &entry);
    }
  if (error == NULL)
    return;
  /* First what was readable, then why it ends there. */
  check (cat, muster_log_writer_flush (cat->writer, &cat->error));
  muster_cli_error ("%s: %s", reader != NULL ? muster_log_reader_get_name (reader) : path, error->message);
  cat->is_broken = TRUE;
}

static void
put_sorted (Cat *cat)
{
  MusterEntry entry;

  muster_entry_sorter_sort (cat->sorter);
  for (guint i = 0; i < muster_entry_sorter_get_length (cat->sorter) && !cat->is_done; i++)
    {
      const MusterKnownOrigin *origin = muster_entry_sorter_get (cat->sorter, i, &entry);

      check (cat, muster_log_writer_put (cat->writer, origin, &entry, &cat->error));
    }
}

static int
run (Cat *cat, int argc, char **argv, const char *output)
{
  for (int i = 1; i < argc && !cat->is_done; i++)
    read_file (cat, argv[i]);
  if (cat->sorter != NULL && !cat->is_done)
    put_sorted (cat);
  if (!cat->is_done)
    check (cat, muster_log_writer_finish (cat->writer, cat->streams, &cat->error));
  if (cat->error != NULL)
    return muster_cli_error (_ ("writing to %s: %s"), output != NULL ? output : _ ("standard output"),
                             cat->error->message);
  return cat->is_broken ? MUSTER_CLI_FAILED : 0;
}

/* -- the command ----------------------------------------------------------------------------------- */

static gboolean
parse (int *argc, char ***argv, Options *options, int *status)
{
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options->format,
      N_ ("text, json, protobuf, or another format plugin; default: text"), N_ ("FORMAT") },
    { "pattern", 0, 0, G_OPTION_ARG_STRING, &options->pattern, N_ ("What a line of text looks like"), N_ ("PATTERN") },
    { "theme", 0, 0, G_OPTION_ARG_STRING, &options->theme, N_ ("The colours of text"), N_ ("THEME") },
    { "level", 'l', 0, G_OPTION_ARG_STRING, &options->level, N_ ("Records of this level or worse"), N_ ("LEVEL") },
    { "worker", 'w', 0, G_OPTION_ARG_STRING_ARRAY, &options->workers, N_ ("What these workers said: web-*"),
      N_ ("GLOB") },
    { "domain", 'd', 0, G_OPTION_ARG_STRING_ARRAY, &options->domains, N_ ("Records of these domains"), N_ ("GLOB") },
    { "since", 0, 0, G_OPTION_ARG_STRING, &options->since,
      N_ ("Not before: 2024-05-01T12:00:00Z, 2024-05-01, 12:00, -10m or seconds since 1970"), N_ ("TIME") },
    { "until", 0, 0, G_OPTION_ARG_STRING, &options->until, N_ ("Not after"), N_ ("TIME") },
    { "grep", 'g', 0, G_OPTION_ARG_STRING, &options->grep, N_ ("Records whose message matches"), N_ ("REGEX") },
    { "sort", 0, 0, G_OPTION_ARG_STRING, &options->sort, N_ ("time: all files together in order; in memory"),
      N_ ("KEY") },
    { "unique", 'u', 0, G_OPTION_ARG_NONE, &options->unique, N_ ("What is there twice only once"), NULL },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, N_ ("Write to a file"), N_ ("FILE") },
    { NULL },
  };

  return muster_cli_parse (
      argc, argv, entries, _ ("FILE..."),
      _ ("Writes protobuf files (- is standard input) in another format, or what one asks for of them in the same."),
      _ ("Ends with status 0, with 1 if a file is damaged or cannot be read, with 2 for wrong usage."), status);
}

int
muster_command_cat (int argc, char **argv)
{
  g_auto (Options) options = { .unique = FALSE };
  g_auto (Cat) cat = { .fd = STDOUT_FILENO };
  g_autoptr (GError) error = NULL;
  int status;

  if (!parse (&argc, &argv, &options, &status))
    return status;
  if (argc < 2)
    return muster_cli_usage_error (_ ("no file given"));
  if (!make_filter (&cat, &options, &error) || !make_rest (&cat, &options, &error)
      || !make_format (&cat, &options, &error))
    return muster_cli_usage_error ("%s", error->message);
  signal (SIGPIPE, SIG_IGN); /* an output that nobody reads any more is an answer of write() */
  if (!open_output (&cat, &options, argc, argv, &error))
    {
      muster_cli_error ("%s", error->message);
      return MUSTER_CLI_USAGE;
    }
  return run (&cat, argc, argv, options.output);
}
