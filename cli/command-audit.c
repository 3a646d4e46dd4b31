/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster audit FILE...`: whether anything is missing from protobuf files without a word.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "commands.h"
#include "muster-json.h"
#include "table.h"

#include <glib/gi18n.h>

/* How many intervals of holes are named. */
#define HOLES_SHOWN 8

/* What was wrong with a file. */
typedef struct
{
  char *file;
  char *message;
  guint64 offset;
  gboolean is_corrupt; /* else it could not be read */
} Problem;

typedef struct
{
  MusterAudit *audit;
  GPtrArray *problems; /* of Problem */
  GPtrArray *streams;  /* of MusterAuditStream; owned by the audit */
  gboolean complete;
  guint64 entries;
  guint64 declared;
  guint64 holes;
  guint64 duplicates;
  guint absent;
  guint open;     /* of workers */
  guint headless; /* of workers: first number is not 1, or nobody knows */
  guint unreadable;
} Report;

static void
problem_free (gpointer data)
{
  Problem *problem = data;

  g_free (problem->file);
  g_free (problem->message);
  g_free (problem);
}

static void
add_problem (Report *report, const char *file, guint64 offset, const GError *error)
{
  Problem *problem = g_new0 (Problem, 1);

  problem->file = g_strdup (file);
  problem->message = g_strdup (error->message);
  problem->offset = offset;
  problem->is_corrupt = g_error_matches (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  report->unreadable += !problem->is_corrupt;
  g_ptr_array_add (report->problems, problem);
  muster_cli_error ("%s: %s", file, error->message);
}

/* -- reading --------------------------------------------------------------------------------------- */

static void
read_file (Report *report, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterLogReader) reader = muster_log_reader_open (path, &error);
  guint64 nameless = muster_audit_get_n_nameless (report->audit);

  if (reader == NULL)
    {
      add_problem (report, path, 0, error);
      return;
    }
  if (!muster_audit_read (report->audit, reader, &error))
    add_problem (report, muster_log_reader_get_name (reader), muster_log_reader_get_offset (reader), error);
  nameless = muster_audit_get_n_nameless (report->audit) - nameless;
  if (nameless > 0)
    {
      g_autoptr (GError) lost =
          g_error_new (MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                       ngettext ("%" PRIu64 " entry before the first origin: nobody knows whose it is",
                                 "%" PRIu64 " entries before the first origin: nobody knows whose they are", nameless),
                       nameless);

      add_problem (report, muster_log_reader_get_name (reader), 0, lost);
    }
}

static guint64
count_entries (const MusterAuditStream *stream)
{
  return stream->records + stream->snapshots + stream->datasets + stream->others;
}

static void
add_up (Report *report)
{
  report->streams = muster_audit_finish (report->audit);
  for (guint i = 0; i < report->streams->len; i++)
    {
      const MusterAuditStream *stream = g_ptr_array_index (report->streams, i);

      report->entries += count_entries (stream);
      report->declared += stream->n_declared;
      report->holes += stream->holes;
      report->duplicates += stream->duplicates;
      report->absent += stream->state == MUSTER_AUDIT_ABSENT;
      report->open += stream->state == MUSTER_AUDIT_OPEN && !stream->is_primary;
      report->headless += stream->state != MUSTER_AUDIT_ABSENT && !stream->is_primary && stream->first != 1;
    }
}

static int
get_status (const Report *report)
{
  if (report->unreadable > 0)
    return MUSTER_CLI_USAGE;
  if (report->holes > 0 || report->duplicates > 0 || report->problems->len > 0)
    return MUSTER_CLI_FAILED;
  return report->complete && report->absent + report->open + report->headless > 0 ? MUSTER_CLI_FAILED : 0;
}

/* -- for people ------------------------------------------------------------------------------------ */

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* How many hex digits tell all streams apart; 8 at least. */
static int
id_width (GPtrArray *streams)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  gsize width = 8;

  for (guint i = 0; i < streams->len; i++)
    g_ptr_array_add (ids, ((MusterAuditStream *) g_ptr_array_index (streams, i))->id);
  g_ptr_array_sort (ids, compare_texts);
  for (guint i = 0; i + 1 < ids->len; i++)
    while (strncmp (g_ptr_array_index (ids, i), g_ptr_array_index (ids, i + 1), width) == 0)
      width++;
  return (int) width;
}

static char *
number (guint64 value)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, value);
}

static const char *
state_text (MusterAuditState state)
{
  return state == MUSTER_AUDIT_ENDED ? _ ("ended") : state == MUSTER_AUDIT_OPEN ? _ ("open") : _ ("absent");
}

static void
print_table (const Report *report, int width)
{
  const char *const columns[] = {
    _ ("STREAM"),     _ ("WORKER"),    _ (">PID"),      _ ("HOST"),   _ (">FIRST"),      _ (">LAST"), _ (">RECORDS"),
    _ (">SNAPSHOTS"), _ (">DATASETS"), _ (">DECLARED"), _ (">HOLES"), _ (">DUPLICATES"), _ ("END"),   NULL
  };
  g_autoptr (MusterTable) table = muster_table_new (columns);

  for (guint i = 0; i < report->streams->len; i++)
    {
      const MusterAuditStream *stream = g_ptr_array_index (report->streams, i);

      muster_table_add (table, g_strndup (stream->id, (gsize) width));
      muster_table_add (table, g_strdup (stream->worker));
      muster_table_add (table, number (stream->pid));
      muster_table_add (table, g_strdup (stream->host));
      muster_table_add (table, number (stream->first));
      muster_table_add (table, number (stream->last));
      muster_table_add (table, number (stream->records));
      muster_table_add (table, number (stream->snapshots));
      muster_table_add (table, number (stream->datasets));
      muster_table_add (table, number (stream->n_declared));
      muster_table_add (table, number (stream->holes));
      muster_table_add (table, number (stream->duplicates));
      muster_table_add (table, g_strdup (state_text (stream->state)));
    }
  muster_table_print (table, stdout);
}

static void
print_declared (const MusterAuditStream *stream, int width)
{
  gboolean first = TRUE;

  if (stream->n_declared == 0)
    return;
  printf (_ ("%.*s declares as missing:"), width, stream->id);
  for (guint i = 0; i < MUSTER_GAP_N_REASONS; i++)
    if (stream->declared[i] > 0)
      {
        printf ("%s %" G_GUINT64_FORMAT " %s", first ? "" : ",", stream->declared[i],
                muster_gap_reason_to_string ((MusterGapReason) i));
        first = FALSE;
      }
  printf ("\n");
}

static void
print_holes (const MusterAuditStream *stream, int width)
{
  guint n = muster_interval_map_get_length (stream->hole_intervals);

  if (n == 0)
    return;
  printf (_ ("%.*s lacks without a word:"), width, stream->id);
  for (guint i = 0; i < MIN (n, HOLES_SHOWN); i++)
    {
      const MusterInterval *hole = muster_interval_map_get (stream->hole_intervals, i);

      printf ("%s %" G_GUINT64_FORMAT, i > 0 ? "," : "", hole->first);
      if (hole->last > hole->first)
        printf ("-%" G_GUINT64_FORMAT, hole->last);
    }
  printf (n > HOLES_SHOWN ? ", ...\n" : "\n");
}

static void
print_totals (const Report *report)
{
  g_autofree char *streams =
      g_strdup_printf (ngettext ("%u stream", "%u streams", report->streams->len), report->streams->len);

  printf (_ ("%s, %" PRIu64 " entries, %" PRIu64 " declared missing, %" PRIu64 " holes, %" PRIu64 " duplicates\n"),
          streams, report->entries, report->declared, report->holes, report->duplicates);
  if (report->absent > 0)
    printf (ngettext ("%u stream was started, and nothing of it is here\n",
                      "%u streams were started, and nothing of them is here\n", report->absent),
            report->absent);
  if (report->complete && report->open > 0)
    printf (ngettext ("%u stream has no end\n", "%u streams have no end\n", report->open), report->open);
  if (report->complete && report->headless > 0)
    printf (ngettext ("%u stream does not begin with 1\n", "%u streams do not begin with 1\n", report->headless),
            report->headless);
}

static void
print_report (const Report *report)
{
  int width = id_width (report->streams);

  if (report->streams->len > 0)
    print_table (report, width);
  for (guint i = 0; i < report->streams->len; i++)
    {
      print_declared (g_ptr_array_index (report->streams, i), width);
      print_holes (g_ptr_array_index (report->streams, i), width);
    }
  print_totals (report);
}

/* -- for programs ---------------------------------------------------------------------------------- */

static void
append_key (GByteArray *out, const char *name)
{
  gboolean is_first = out->len == 0 || strchr ("{[", (char) out->data[out->len - 1]) != NULL;

  muster_json_append_raw (out, is_first ? "\"" : ",\"");
  muster_json_append_raw (out, name);
  muster_json_append_raw (out, "\":");
}

static void
append_string (GByteArray *out, const char *name, const char *value)
{
  append_key (out, name);
  muster_json_append_string (out, value, -1);
}

static void
append_number (GByteArray *out, const char *name, guint64 value)
{
  append_key (out, name);
  muster_json_append_uint (out, value);
}

static void
append_declared (GByteArray *out, const MusterAuditStream *stream)
{
  append_key (out, "declared");
  muster_json_append_raw (out, "{");
  for (guint i = 0; i < MUSTER_GAP_N_REASONS; i++)
    if (stream->declared[i] > 0)
      append_number (out, muster_gap_reason_to_string ((MusterGapReason) i), stream->declared[i]);
  muster_json_append_raw (out, "}");
}

static void
append_holes (GByteArray *out, const MusterAuditStream *stream)
{
  append_number (out, "holes", stream->holes);
  append_key (out, "hole-ranges");
  muster_json_append_raw (out, "[");
  for (guint i = 0; i < muster_interval_map_get_length (stream->hole_intervals); i++)
    {
      const MusterInterval *hole = muster_interval_map_get (stream->hole_intervals, i);

      muster_json_append_raw (out, i > 0 ? ",[" : "[");
      muster_json_append_uint (out, hole->first);
      muster_json_append_raw (out, ",");
      muster_json_append_uint (out, hole->last);
      muster_json_append_raw (out, "]");
    }
  muster_json_append_raw (out, "]");
}

static void
append_stream (GByteArray *out, const MusterAuditStream *stream)
{
  muster_json_append_raw (out, "{");
  append_string (out, "stream", stream->id);
  append_string (out, "worker", stream->worker);
  append_number (out, "pid", stream->pid);
  append_string (out, "host", stream->host);
  append_string (out, "group", stream->group);
  append_key (out, "primary");
  muster_json_append_raw (out, stream->is_primary ? "true" : "false");
  append_number (out, "first", stream->first);
  append_number (out, "last", stream->last);
  append_number (out, "records", stream->records);
  append_number (out, "snapshots", stream->snapshots);
  append_number (out, "datasets", stream->datasets);
  append_number (out, "unknown", stream->others);
  append_declared (out, stream);
  append_holes (out, stream);
  append_number (out, "duplicates", stream->duplicates);
  append_string (out, "end",
                 stream->state == MUSTER_AUDIT_ENDED  ? "ended"
                 : stream->state == MUSTER_AUDIT_OPEN ? "open"
                                                      : "absent");
  muster_json_append_raw (out, "}");
}

static void
append_problem (GByteArray *out, const Problem *problem)
{
  muster_json_append_raw (out, "{");
  append_string (out, "file", problem->file);
  append_string (out, "message", problem->message);
  if (problem->is_corrupt)
    append_number (out, "offset", problem->offset);
  muster_json_append_raw (out, "}");
}

static void
print_json (const Report *report)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  muster_json_append_raw (out, "{\"streams\":[");
  for (guint i = 0; i < report->streams->len; i++)
    {
      muster_json_append_raw (out, i > 0 ? ",\n" : "\n");
      append_stream (out, g_ptr_array_index (report->streams, i));
    }
  muster_json_append_raw (out, "],\n\"problems\":[");
  for (guint i = 0; i < report->problems->len; i++)
    {
      muster_json_append_raw (out, i > 0 ? ",\n" : "\n");
      append_problem (out, g_ptr_array_index (report->problems, i));
    }
  muster_json_append_raw (out, "]");
  append_number (out, "entries", report->entries);
  append_number (out, "declared", report->declared);
  append_number (out, "holes", report->holes);
  append_number (out, "duplicates", report->duplicates);
  append_number (out, "absent", report->absent);
  append_number (out, "open", report->open);
  append_key (out, "ok");
  muster_json_append_raw (out, get_status (report) == 0 ? "true}\n" : "false}\n");
  fwrite (out->data, 1, out->len, stdout);
}

/* -- the command ----------------------------------------------------------------------------------- */

int
muster_command_audit (int argc, char **argv)
{
  gboolean complete = FALSE, json = FALSE;
  const GOptionEntry entries[] = { { "complete", 0, 0, G_OPTION_ARG_NONE, &complete,
                                     N_ ("Fail too where a worker's stream has no beginning or no end, or is absent"),
                                     NULL },
                                   { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print JSON, for programs"), NULL },
                                   { NULL } };
  g_autoptr (MusterAudit) audit = NULL;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (problem_free);
  Report report = { .problems = problems };
  int status;

  if (!muster_cli_parse (
          &argc, &argv, entries, _ ("FILE..."),
          _ ("Reads protobuf files (- is standard input), all together, and says for each stream what they hold, what "
             "they declare as missing, and what is missing without a word."),
          _ ("Ends with status 0 if nothing is missing without a word and nothing is there twice, with 1 if something "
             "is or a file is damaged, with 2 if a file cannot be read."),
          &status))
    return status;
  if (argc < 2)
    return muster_cli_usage_error (_ ("no file given"));
  audit = muster_audit_new ();
  report.audit = audit;
  report.complete = complete;
  for (int i = 1; i < argc; i++)
    read_file (&report, argv[i]);
  add_up (&report);
  if (json)
    print_json (&report);
  else
    print_report (&report);
  return get_status (&report);
}
