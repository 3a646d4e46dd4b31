/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file transport: batches into files. Its properties are set before the start; all else belongs to the transport's
 * thread.
 *
 * A batch is written to all its files or to none: where one fails, the others are cut back, and the same parts, with the
 * bytes that the format made of them, are tried again.
 *
 * Whatever kills the process, an entry is in its files once. For each batch the checkpoint is committed twice at most:
 * before it is written, if a file is not the one, or does not end where, the checkpoint says (a new one; seldom), and
 * behind it, for the ends of all its files, the mark of its stream and what the filters have yet to declare, together.
 * Only then is the batch done. Who comes after a kill cuts the files back to what was committed, and the stream goes on
 * at its mark.
 */
#include "config.h"

#include <string.h>

#include "muster-enums.h"
#include "muster-fault-private.h"
#include "muster-file-marks.h"
#include "muster-file-router.h"
#include "muster-param.h"
#include "muster-sync.h"
#include "muster-transport-file.h"
#include "muster-transport-private.h"

/* One part of the batch in hand. */
typedef struct
{
  MusterFileOutput *output; /* borrowed from the router */
  GByteArray *formatted;    /* owned; NULL where the batch's own bytes are written */
  gconstpointer data;
  gsize size;
} Piece;

struct _MusterTransportFile
{
  MusterTransport parent_instance;

  char *pattern;        /* owned */
  char *mode;           /* owned */
  char *directory_mode; /* owned */
  MusterSync sync;
  gint64 sync_interval_us;
  guint max_open_files;
  guint64 rotate_size;
  gint64 rotate_interval_us;
  guint keep;

  MusterFileCheckpoint *checkpoint; /* owned */
  MusterFileMarks *marks;           /* owned; uses checkpoint */
  gboolean marks_failed;            /* that there is no room for one was said */
  MusterFilePath *path;             /* owned */
  MusterFileOptions options;
  MusterFileRouter *router; /* owned; uses path and options */
  gboolean is_log;          /* the format writes the batches' own bytes */

  MusterBatch *batch; /* owned; the batch in hand, that is not written yet; NULL for none */
  GArray *parts;      /* owned; of MusterFilePart */
  GArray *pieces;     /* owned; of Piece, in the same order; their data may be the parts' */
  gint64 sync_due_us; /* monotonic; 0 while nothing waits to be synced */
};

enum
{
  PROP_PATH = 1,
  PROP_MODE,
  PROP_DIRECTORY_MODE,
  PROP_SYNC,
  PROP_SYNC_INTERVAL,
  PROP_MAX_OPEN_FILES,
  PROP_ROTATE_SIZE,
  PROP_ROTATE_INTERVAL,
  PROP_KEEP,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportFile, muster_transport_file, MUSTER_TYPE_TRANSPORT)

/* -- starting -- */

static gboolean
parse_mode (const char *name, const char *text, mode_t *mode, GError **error)
{
  guint64 value;

  if (text != NULL && *text != '\0' && strspn (text, "01234567") == strlen (text)
      && (value = g_ascii_strtoull (text, NULL, 8)) <= 07777)
    {
      *mode = (mode_t) value;
      return TRUE;
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s='%s' is no octal mode: write it like 0640", name,
               text != NULL ? text : "");
  return FALSE;
}

/* Whether a format hands batches on byte for byte, so that it need not be asked. The protobuf format does, unless its
 * property `content` says otherwise. */
static gboolean
is_log_format (MusterFormat *format)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (format), "content");
  const GEnumValue *content;
  int value;

  if (!muster_format_get_keeps_gaps (format)
      || g_strcmp0 (muster_format_get_content_type (format), "application/x-protobuf") != 0)
    return FALSE;
  if (spec == NULL || !G_IS_PARAM_SPEC_ENUM (spec))
    return TRUE;
  g_object_get (format, "content", &value, NULL);
  content = g_enum_get_value (G_PARAM_SPEC_ENUM (spec)->enum_class, value);
  return content != NULL && g_str_equal (content->value_nick, "log");
}

static MusterFileContent
content_of (MusterFormat *format, gboolean is_log)
{
  const char *type = muster_format_get_content_type (format);

  if (is_log)
    return MUSTER_FILE_LOG;
  return g_str_has_prefix (type, "text/") || strstr (type, "ndjson") != NULL ? MUSTER_FILE_LINES : MUSTER_FILE_OTHER;
}

static void
let_go (MusterTransportFile *self)
{
  g_clear_pointer (&self->router, muster_file_router_free);
  g_clear_pointer (&self->checkpoint, muster_file_checkpoint_free);
  g_clear_pointer (&self->path, muster_file_path_free);
}

static gboolean
open_checkpoint (MusterTransportFile *self, GError **error)
{
  MusterTransport *transport = MUSTER_TRANSPORT (self);
  g_autofree char *note = NULL;

  self->checkpoint = muster_file_checkpoint_open (muster_transport_get_state_dir (transport),
                                                  muster_transport_get_name (transport), &note, error);
  if (note != NULL)
    muster_transport_report (transport, MUSTER_LEVEL_WARNING, "%s", note);
  if (self->checkpoint == NULL)
    return FALSE;
  g_clear_pointer (&self->marks, muster_file_marks_free); /* was kept, for somebody might still ask */
  self->marks = muster_file_marks_new (self->checkpoint);
  return TRUE;
}

/* Goes on where an earlier life was ended. */
static void
restore (MusterTransportFile *self)
{
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (self->checkpoint);

  muster_file_router_restore (self->router);
  for (guint i = 0; i < streams->len; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);

      if (muster_file_marks_is_journal (stream))
        continue;
      muster_transport_set_pending (MUSTER_TRANSPORT (self), stream->id, stream->next, &stream->pending);
    }
  muster_file_checkpoint_commit (self->checkpoint);
}

static void
set_options (MusterTransportFile *self, MusterFormat *format)
{
  self->is_log = is_log_format (format);
  self->options.transport = MUSTER_TRANSPORT (self);
  self->options.checkpoint = self->checkpoint;
  self->options.content = content_of (format, self->is_log);
  self->options.durable = self->sync != MUSTER_SYNC_NONE;
  self->options.rotate_size = self->rotate_size;
  self->options.rotate_interval_us = self->rotate_interval_us;
  self->options.keep = self->keep;
}

static gboolean
open_files (MusterTransportFile *self, MusterFormat *format, GError **error)
{
  self->path = muster_file_path_new (self->pattern, error);
  if (self->path == NULL || !open_checkpoint (self, error))
    return FALSE;
  set_options (self, format);
  self->router = muster_file_router_new (self->path, self->pattern, &self->options,
                                         muster_format_get_keeps_gaps (format), self->max_open_files);
  restore (self);
  /* what can be found out now is said now */
  return muster_file_path_has_labels (self->path)
         || muster_file_output_open (muster_file_router_get_output (self->router), error);
}

static gboolean
muster_transport_file_start (MusterTransport *transport, GError **error)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);
  MusterFormat *format = muster_transport_get_format (transport);

  if (format == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "a file needs a format: write format=protobuf, text or json");
      return FALSE;
    }
  if (!parse_mode ("mode", self->mode, &self->options.mode, error)
      || !parse_mode ("directory-mode", self->directory_mode, &self->options.directory_mode, error))
    return FALSE;
  if (open_files (self, format, error))
    return TRUE;
  let_go (self);
  return FALSE;
}

/* -- writing -- */

static void
piece_clear (gpointer data)
{
  g_clear_pointer (&((Piece *) data)->formatted, g_byte_array_unref);
}

static void
put_batch_down (MusterTransportFile *self)
{
  g_array_set_size (self->pieces, 0);
  g_clear_pointer (&self->parts, g_array_unref);
  g_clear_pointer (&self->batch, muster_batch_unref);
}

static gboolean
add_piece (MusterTransportFile *self, const MusterFilePart *part, GError **error)
{
  Piece piece = { .output = part->output };

  if (self->is_log)
    piece.data = muster_batch_get_data (part->batch, &piece.size);
  else
    {
      piece.formatted = g_byte_array_new ();
      if (!muster_format_format_batch (muster_transport_get_format (MUSTER_TRANSPORT (self)), part->batch,
                                       piece.formatted, error))
        {
          piece_clear (&piece);
          return FALSE;
        }
      piece.data = piece.formatted->data;
      piece.size = piece.formatted->len;
    }
  g_array_append_val (self->pieces, piece);
  return TRUE;
}

/* Splits and formats a batch, once, however often it is tried. */
static gboolean
take_batch_up (MusterTransportFile *self, MusterBatch *batch, GError **error)
{
  if (self->batch == batch)
    return TRUE;
  put_batch_down (self);
  self->batch = muster_batch_ref (batch);
  self->parts = muster_file_router_route (self->router, batch);
  for (guint i = 0; i < self->parts->len; i++)
    if (!add_piece (self, &g_array_index (self->parts, MusterFilePart, i), error))
      {
        put_batch_down (self);
        return FALSE;
      }
  return TRUE;
}

static Piece *
get_piece (MusterTransportFile *self, guint index)
{
  return &g_array_index (self->pieces, Piece, index);
}

/* Opens the files, and makes sure that nothing but a write can fail from here on. */
static gboolean
prepare_pieces (MusterTransportFile *self, GError **error)
{
  guint n_slots = 2 + muster_file_router_count_slots (self->router, muster_batch_get_origin (self->batch)->stream);

  for (guint i = 0; i < self->pieces->len; i++)
    {
      const Piece *piece = get_piece (self, i);

      if (piece->size == 0) /* what a format leaves out makes no file */
        continue;
      if (!muster_file_output_is_open (piece->output))
        muster_file_router_make_room (self->router);
      if (!muster_file_output_prepare (piece->output, piece->size, error))
        return FALSE;
    }
  if (!muster_file_checkpoint_reserve (self->checkpoint, n_slots, error))
    return FALSE;
  muster_file_checkpoint_commit (self->checkpoint);
  return TRUE;
}

static void
take_back (MusterTransportFile *self, guint n)
{
  while (n-- > 0)
    if (get_piece (self, n)->size > 0)
      muster_file_output_take_back (get_piece (self, n)->output);
}

/* What could not be synced is written anew, through a fresh descriptor. */
static gboolean
sync_pieces (MusterTransportFile *self, GError **error)
{
  if (muster_file_router_sync (self->router, error))
    return TRUE;
  take_back (self, self->pieces->len);
  for (guint i = 0; i < self->pieces->len; i++)
    muster_file_output_close (get_piece (self, i)->output);
  return FALSE;
}

static gboolean
write_pieces (MusterTransportFile *self, GError **error)
{
  if (!prepare_pieces (self, error))
    return FALSE;
  for (guint i = 0; i < self->pieces->len; i++)
    {
      const Piece *piece = get_piece (self, i);

      if (piece->size > 0 && !muster_file_output_write (piece->output, piece->data, piece->size, error))
        {
          take_back (self, i);
          return FALSE;
        }
    }
  return self->sync != MUSTER_SYNC_BATCH || sync_pieces (self, error);
}

static void
forget_stream (MusterTransportFile *self, const guint8 *stream)
{
  muster_file_router_forget (self->router, stream);
  muster_file_marks_remove (self->marks, stream);
}

/* The stream has moved on, and the journal that brought the batch, if any; there is room in the checkpoint for that. */
static guint32
set_mark (MusterTransportFile *self, const guint8 *stream, guint64 next)
{
  MusterPendingRuns pending;
  guint8 journal[MUSTER_STREAM_ID_SIZE];
  guint64 journal_next;
  const guint8 *superfluous = muster_file_marks_find_superfluous (self->marks, g_get_monotonic_time ());

  if (superfluous != NULL)
    {
      guint8 copy[MUSTER_STREAM_ID_SIZE];

      memcpy (copy, superfluous, sizeof copy);
      if (memcmp (copy, stream, sizeof copy) != 0)
        forget_stream (self, copy);
    }
  if (muster_transport_get_journal (MUSTER_TRANSPORT (self), journal, &journal_next))
    muster_file_marks_set_journal (self->marks, journal, journal_next);
  muster_transport_get_pending (MUSTER_TRANSPORT (self), stream, &pending);
  return muster_file_marks_set (self->marks, stream, next, &pending);
}

/* All that the batch has changed, at once. */
static void
commit_batch (MusterTransportFile *self)
{
  const guint8 *stream = muster_batch_get_origin (self->batch)->stream;
  guint32 slot = set_mark (self, stream, muster_transport_get_next_seq (MUSTER_TRANSPORT (self)));

  for (guint i = 0; i < self->pieces->len; i++)
    if (get_piece (self, i)->size > 0)
      muster_file_output_settle (get_piece (self, i)->output);
  muster_file_router_settle (self->router, stream, slot);
  muster_file_checkpoint_commit (self->checkpoint);
}

/* While the queue never runs empty there is no flush. */
static void
sync_if_due (MusterTransportFile *self)
{
  gint64 now_us;

  if (self->sync != MUSTER_SYNC_INTERVAL)
    return;
  now_us = g_get_monotonic_time ();
  if (self->sync_due_us == 0)
    self->sync_due_us = now_us + self->sync_interval_us;
  else if (now_us >= self->sync_due_us)
    {
      self->sync_due_us = 0;
      muster_file_router_sync_late (self->router);
    }
}

static MusterWriteResult
muster_transport_file_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);

  if (!take_batch_up (self, batch, error))
    {
      muster_file_router_undo (self->router, muster_batch_get_origin (batch)->stream,
                               muster_batch_get_first_seq (batch));
      return MUSTER_WRITE_FAILED;
    }
  if (!write_pieces (self, error))
    return MUSTER_WRITE_RETRY;
  commit_batch (self);
  for (guint i = 0; i < self->pieces->len; i++)
    muster_transport_add_bytes (transport, get_piece (self, i)->size);
  put_batch_down (self);
  sync_if_due (self);
  return MUSTER_WRITE_DONE;
}

/* Without room for it, the mark is not kept: what is left out comes again after a kill, to be left out again. */
static void
muster_transport_file_skip (MusterTransport *transport, const guint8 *stream, guint64 next)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);
  g_autoptr (GError) error = NULL;

  if (!muster_file_checkpoint_reserve (self->checkpoint, 2, &error))
    {
      if (!self->marks_failed)
        muster_transport_report (transport, MUSTER_LEVEL_ERROR, "%s", error->message);
      self->marks_failed = TRUE;
      return;
    }
  self->marks_failed = FALSE;
  set_mark (self, stream, next);
  muster_file_checkpoint_commit (self->checkpoint);
}

static gboolean
muster_transport_file_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  return muster_file_marks_get_first (MUSTER_TRANSPORT_FILE (transport)->marks, stream, next);
}

static void
muster_transport_file_forget (MusterTransport *transport, const guint8 *stream)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);

  forget_stream (self, stream);
  muster_file_checkpoint_commit (self->checkpoint);
}

static gboolean
muster_transport_file_flush (MusterTransport *transport, GError **error)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);
  gint64 left_us = self->sync_due_us - g_get_monotonic_time ();

  if (self->sync_due_us == 0)
    return TRUE;
  if (left_us > 0 && !muster_transport_is_stopping (transport))
    {
      muster_transport_schedule_flush (transport, left_us);
      return TRUE;
    }
  self->sync_due_us = 0;
  muster_file_router_sync_late (self->router);
  return TRUE;
}

static gboolean
muster_transport_file_reopen (MusterTransport *transport, GError **error)
{
  muster_file_router_close (MUSTER_TRANSPORT_FILE (transport)->router);
  MUSTER_FAULT ("file.reopen");
  return TRUE;
}

static void
muster_transport_file_stop (MusterTransport *transport)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (transport);

  put_batch_down (self);
  let_go (self);
}

/* -- the object -- */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_transport_file_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (object);

  switch (id)
    {
    case PROP_PATH:
      replace (&self->pattern, value);
      break;
    case PROP_MODE:
      replace (&self->mode, value);
      break;
    case PROP_DIRECTORY_MODE:
      replace (&self->directory_mode, value);
      break;
    case PROP_SYNC:
      self->sync = (MusterSync) g_value_get_enum (value);
      break;
    case PROP_SYNC_INTERVAL:
      self->sync_interval_us = g_value_get_int64 (value);
      break;
    case PROP_MAX_OPEN_FILES:
      self->max_open_files = g_value_get_uint (value);
      break;
    case PROP_ROTATE_SIZE:
      self->rotate_size = g_value_get_uint64 (value);
      break;
    case PROP_ROTATE_INTERVAL:
      self->rotate_interval_us = g_value_get_int64 (value);
      break;
    case PROP_KEEP:
      self->keep = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_file_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (object);

  switch (id)
    {
    case PROP_PATH:
      g_value_set_string (value, self->pattern);
      break;
    case PROP_MODE:
      g_value_set_string (value, self->mode);
      break;
    case PROP_DIRECTORY_MODE:
      g_value_set_string (value, self->directory_mode);
      break;
    case PROP_SYNC:
      g_value_set_enum (value, (int) self->sync);
      break;
    case PROP_SYNC_INTERVAL:
      g_value_set_int64 (value, self->sync_interval_us);
      break;
    case PROP_MAX_OPEN_FILES:
      g_value_set_uint (value, self->max_open_files);
      break;
    case PROP_ROTATE_SIZE:
      g_value_set_uint64 (value, self->rotate_size);
      break;
    case PROP_ROTATE_INTERVAL:
      g_value_set_int64 (value, self->rotate_interval_us);
      break;
    case PROP_KEEP:
      g_value_set_uint (value, self->keep);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_file_finalize (GObject *object)
{
  MusterTransportFile *self = MUSTER_TRANSPORT_FILE (object);

  put_batch_down (self);
  g_array_unref (self->pieces);
  let_go (self);
  g_clear_pointer (&self->marks, muster_file_marks_free);
  g_free (self->pattern);
  g_free (self->mode);
  g_free (self->directory_mode);
  G_OBJECT_CLASS (muster_transport_file_parent_class)->finalize (object);
}

static void
muster_transport_file_class_init (MusterTransportFileClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_transport_file_set_property;
  object_class->get_property = muster_transport_file_get_property;
  object_class->finalize = muster_transport_file_finalize;
  transport_class->start = muster_transport_file_start;
  transport_class->write = muster_transport_file_write;
  transport_class->flush = muster_transport_file_flush;
  transport_class->reopen = muster_transport_file_reopen;
  transport_class->stop = muster_transport_file_stop;
  transport_class->get_mark = muster_transport_file_get_mark;
  transport_class->skip = muster_transport_file_skip;
  transport_class->forget = muster_transport_file_forget;

  properties[PROP_PATH] = g_param_spec_string (
      "path", NULL, "Where to write; {worker} {host} {cluster} {time:%Y%m%d} are filled in", NULL, flags);
  properties[PROP_MODE] = g_param_spec_string ("mode", NULL, "Mode of new files, octal", "0640", flags);
  properties[PROP_DIRECTORY_MODE] =
      g_param_spec_string ("directory-mode", NULL, "Mode of new directories, octal", "0750", flags);
  properties[PROP_SYNC] = g_param_spec_enum (
      "sync", NULL, "When what was written is made to survive the machine: none, interval, or each batch",
      MUSTER_TYPE_SYNC, MUSTER_SYNC_INTERVAL, flags);
  properties[PROP_SYNC_INTERVAL] =
      muster_param_spec_duration ("sync-interval", NULL, "How long it may wait for that, with sync=interval", 1000,
                                  G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
  properties[PROP_MAX_OPEN_FILES] = g_param_spec_uint (
      "max-open-files", NULL, "More are not kept open; the longest unused is closed", 1, G_MAXUINT16, 64, flags);
  properties[PROP_ROTATE_SIZE] = muster_param_spec_size (
      "rotate-size", NULL, "A file that would become longer is moved to PATH.1, and a new one begun; 0: never", 0,
      G_MAXINT64, 0, flags);
  properties[PROP_ROTATE_INTERVAL] = muster_param_spec_duration (
      "rotate-interval", NULL, "The same when the hour, day or week (1h, 1d, 7d) is another one; 0: never", 0,
      366 * G_TIME_SPAN_DAY, 0, flags);
  properties[PROP_KEEP] =
      g_param_spec_uint ("keep", NULL, "How many old files stay, as PATH.1, PATH.2 and so on", 0, 9999, 7, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_file_init (MusterTransportFile *self)
{
  self->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_array_set_clear_func (self->pieces, piece_clear);
}
