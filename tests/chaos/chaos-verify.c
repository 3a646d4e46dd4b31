/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The verdict: compares, record by record, what the page says was said with what the files say arrived. Prints JSON.
 *
 *   chaos-verify PAGE --protobuf=FILE... [--json=FILE...] [--text=FILE...] [--hit=FILE]
 *
 * A file that was rotated is given in pieces, oldest first. How what is missing is matched with what is declared:
 *
 * Each stream is one life. The records of a lane come in the order in which they were said, so a record that is missing
 * has its place somewhere between the places of its neighbours in the lane. A gap stands at a place too. So each number
 * of a gap can account for one missing record whose neighbours are on both sides of it. What no gap accounts for is
 * unaccounted, what no missing record explains is overdeclared. A call that had not returned may have arrived, be
 * declared, or neither: `missing` counts those alone whose calls had returned, declared or not. With --hit, a list of records (LIFE LANE NUMBER), nothing but these may be missing.
 */
#include "config.h"

#include "chaos-page.h"
#include "muster.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum
{
  PROTOBUF,
  JSON,
  TEXT,
  N_OUTPUTS
} Output;

#define HIT       0x80
#define N_REASONS (MUSTER_GAP_REFUSED + 1)

static const char *const output_names[N_OUTPUTS] = { "protobuf", "json", "text" };

typedef struct
{
  guint64 begun;
  guint64 returned;
  guint64 *places; /* by number; 0: not in the protobuf file */
  guint8 *seen;    /* by number; a bit for each output, and HIT */
  guint64 last[N_OUTPUTS];
  guint64 last_place;
} Lane;

typedef struct
{
  guint64 place, count;
  MusterGapReason reason;
} Gap;

/* What a death record says. */
typedef struct
{
  guint64 place; /* 0: there is none */
  gboolean has_backtrace, has_stderr, has_run_time, has_rss;
  gint64 signal, status;
} End;

typedef struct
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint32 pid;
  gboolean is_taken;   /* by a life */
  gboolean is_primary; /* also where it carries lines of its workers, under their labels */
  GArray *gaps;
  guint64 declared[N_REASONS];
  guint64 last_place;
  guint n_ends;
  End end;
} Stream;

typedef struct
{
  guint32 pid;
  guint n_lanes;
  Stream *stream; /* borrowed, nullable */
  Lane lanes[CHAOS_LANES];
} Life;

typedef struct
{
  guint64 delivered, twice, disordered, torn, phantom;
} Count;

static ChaosPage *page;
static guint n_lives;
static Life *lives;
static Count counts[N_OUTPUTS];
static guint64 gaps[N_OUTPUTS];         /* how many numbers they take */
static gboolean has_unknown[N_OUTPUTS]; /* a gap that stands for any number */
static GHashTable *streams;             /* id -> Stream */
static guint64 declared[N_REASONS], missing, unaccounted, overdeclared, differing, uncountable, unhit, captured_lines;
static GString *examples;
static guint n_examples;
static gboolean all_hit;

static void note (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
note (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (n_examples++ >= 20)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_strdelimit (text, "\"\\\n", '\'');
  g_string_append_printf (examples, "%s\"%s\"", examples->len > 0 ? "," : "", text);
}

/* -- what was said ---------------------------------------------------------------------------------- */

static void
read_page (const char *path)
{
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!g_file_get_contents (path, (char **) &page, &length, &error) || length != sizeof *page)
    g_error ("%s: %s", path, error != NULL ? error->message : "wrong size");
  n_lives = MIN (page->n_lives, CHAOS_LIVES);
  lives = g_new0 (Life, n_lives);
  for (guint i = 0; i < n_lives; i++)
    {
      const ChaosLife *said = &page->lives[i];

      lives[i].pid = said->pid;
      lives[i].n_lanes = MIN (said->n_lanes, CHAOS_LANES);
      for (guint k = 0; k < lives[i].n_lanes; k++)
        {
          Lane *lane = &lives[i].lanes[k];

          lane->begun = said->lanes[k].begun;
          lane->returned = said->lanes[k].returned;
          lane->places = g_new0 (guint64, lane->begun + 1);
          lane->seen = g_new0 (guint8, lane->begun + 1);
        }
    }
}

static void
read_hits (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, &error))
    g_error ("%s", error->message);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      guint life, lane;
      guint64 number;

      if (sscanf (*line, "%u %u %" G_GUINT64_FORMAT, &life, &lane, &number) == 3 && life < n_lives
          && lane < lives[life].n_lanes && number <= lives[life].lanes[lane].begun)
        lives[life].lanes[lane].seen[number] |= HIT;
    }
}

/* -- what arrived ----------------------------------------------------------------------------------- */

static gboolean
take_number (const char **p, const char *end, guint64 *number)
{
  const char *start = *p;

  *number = 0;
  while (*p < end && **p >= '0' && **p <= '9')
    *number = *number * 10 + (guint64) (*(*p)++ - '0');
  if (*p == start || *p == end || **p != ' ')
    return FALSE;
  (*p)++;
  return TRUE;
}

/* Counts the record whose message begins at @text; returns its life. */
static Life *
take_record (Output output, const char *text, gsize length, guint64 place)
{
  const char *p = text + 6, *end = text + length;
  guint64 life_number, lane_number, number;
  gsize whole;
  Lane *lane;

  if (!take_number (&p, end, &life_number) || !take_number (&p, end, &lane_number) || !take_number (&p, end, &number)
      || life_number >= n_lives || lane_number >= lives[life_number].n_lanes)
    {
      counts[output].torn++;
      note ("%s: torn: %.40s", output_names[output], text);
      return NULL;
    }
  lane = &lives[life_number].lanes[lane_number];
  whole = chaos_message_length (number);
  if (number == 0 || number > lane->begun)
    {
      counts[output].phantom++;
      note ("%s: life %u lane %u number %" G_GUINT64_FORMAT " was never said", output_names[output],
            (guint) life_number, (guint) lane_number, number);
      return NULL;
    }
  if (length < whole || text[whole - 1] != '#' || strspn (p, ".") != (gsize) (text + whole - 1 - p))
    {
      counts[output].torn++;
      note ("%s: life %u lane %u number %" G_GUINT64_FORMAT " is torn", output_names[output], (guint) life_number,
            (guint) lane_number, number);
      return NULL;
    }
  if (lane->seen[number] & 1 << output)
    {
      counts[output].twice++;
      note ("%s: life %u lane %u number %" G_GUINT64_FORMAT " is there twice", output_names[output],
            (guint) life_number, (guint) lane_number, number);
      return &lives[life_number];
    }
  if (number < lane->last[output])
    {
      counts[output].disordered++;
      note ("%s: life %u lane %u number %" G_GUINT64_FORMAT " comes after %" G_GUINT64_FORMAT, output_names[output],
            (guint) life_number, (guint) lane_number, number, lane->last[output]);
    }
  lane->last[output] = number;
  lane->seen[number] |= (guint8) (1 << output);
  if (output == PROTOBUF)
    lane->places[number] = lane->last_place = place;
  counts[output].delivered++;
  return &lives[life_number];
}

static gboolean
is_text (MusterSlice slice, const char *text)
{
  return slice.length == strlen (text) && memcmp (slice.data, text, slice.length) == 0;
}

static Stream *
find_stream (const MusterOrigin *origin)
{
  Stream *stream = g_hash_table_lookup (streams, origin->stream);

  if (stream == NULL)
    {
      stream = g_new0 (Stream, 1);
      memcpy (stream->id, origin->stream, sizeof stream->id);
      stream->pid = origin->pid;
      stream->gaps = g_array_new (FALSE, FALSE, sizeof (Gap));
      g_hash_table_insert (streams, stream->id, stream);
    }
  if (origin->pid != stream->pid || is_text (origin->worker, "master"))
    stream->is_primary = TRUE;
  return stream;
}

static void
take_end (Stream *stream, guint64 place, const MusterRecordView *record)
{
  MusterFieldIter iter;
  MusterFieldView field;
  gboolean is_end = FALSE;
  End end = { .place = place };

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, &field))
    {
      if (is_text (field.key, "event"))
        is_end = is_text (field.value.text, "exit") || is_text (field.value.text, "primary-lost");
      else if (is_text (field.key, "signal"))
        end.signal = field.value.integer;
      else if (is_text (field.key, "status"))
        end.status = field.value.integer;
      else if (is_text (field.key, "backtrace"))
        end.has_backtrace = field.value.text.length > 0;
      else if (is_text (field.key, "stderr"))
        end.has_stderr = g_strstr_len (field.value.text.data, (gssize) field.value.text.length, "last line") != NULL;
      else if (is_text (field.key, "run_time_ms"))
        end.has_run_time = TRUE;
      else if (is_text (field.key, "max_rss_kib"))
        end.has_rss = TRUE;
    }
  if (!is_end)
    return;
  stream->end = end;
  if (stream->n_ends++ > 0)
    {
      counts[PROTOBUF].twice++;
      note ("the death record of pid %u is there twice", stream->pid);
    }
}

static void
take_entry (const MusterEntry *entry)
{
  Stream *stream;
  MusterRecordView record;
  Gap gap = { .place = entry->sequence };

  if (entry->kind == MUSTER_ENTRY_ORIGIN || entry->origin == NULL)
    return;
  stream = find_stream (entry->origin);
  stream->last_place = MAX (stream->last_place, entry->sequence);
  if (entry->kind == MUSTER_ENTRY_GAP && muster_entry_get_gap (entry, &gap.count, &gap.reason))
    {
      gaps[PROTOBUF] += gap.reason != MUSTER_GAP_FILTERED ? gap.count : 0;
      stream->declared[MIN (gap.reason, N_REASONS - 1)] += gap.count;
      if (gap.reason != MUSTER_GAP_UNKNOWN)
        g_array_append_val (stream->gaps, gap);
    }
  if (entry->kind != MUSTER_ENTRY_RECORD || !muster_entry_get_record (entry, &record))
    return;
  if (record.message.length > 6 && memcmp (record.message.data, "chaos ", 6) == 0)
    {
      Life *life = take_record (PROTOBUF, record.message.data, record.message.length, entry->sequence);

      if (life == NULL)
        return;
      if (life->stream == NULL)
        life->stream = stream;
      stream->is_taken = TRUE;
      if (life->stream != stream)
        {
          counts[PROTOBUF].phantom++;
          note ("what pid %u said is in two streams", life->pid);
        }
    }
  else if (record.message.length > 5 && memcmp (record.message.data, "line ", 5) == 0)
    captured_lines++;
  else
    take_end (stream, entry->sequence, &record);
}

static Stream *
find_stream_of (guint32 pid)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, streams);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Stream *stream = value;

      if (stream->pid == pid && !stream->is_primary && !stream->is_taken)
        return stream;
    }
  return NULL;
}

/* A life of which no record arrived is known by its number; but where the journal's header was lost, so was that. */
static void
find_missing_streams (void)
{
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < n_lives; i++)
      if (lives[i].stream == NULL && (lives[i].stream = find_stream_of (pass == 0 ? lives[i].pid : 0)) != NULL)
        lives[i].stream->is_taken = TRUE;
  for (guint i = 0; i < n_lives; i++)
    for (guint k = 0; lives[i].stream != NULL && k < N_REASONS; k++)
      declared[k] += lives[i].stream->declared[k];
}

static void
read_protobuf (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &error);
  MusterEntryIter iter;
  MusterEntry entry;

  if (file == NULL)
    g_error ("%s: %s", path, error->message);
  muster_entry_iter_init (&iter, g_mapped_file_get_contents (file), g_mapped_file_get_length (file));
  while (muster_entry_iter_next (&iter, &entry))
    take_entry (&entry);
  if (muster_entry_iter_get_error (&iter, &error))
    {
      counts[PROTOBUF].torn++;
      note ("%s", error->message);
    }
}

/* `"gap":{"count":3,"reason":"corrupt"}` or `-- 3 entries missing: corrupt`. */
static void
count_gap (Output output, const char *line, gsize length)
{
  const char *word = output == JSON ? "\"gap\":{\"count\":" : "-- ";
  const char *found = memmem (line, length, word, strlen (word));

  if (found != NULL && (output == JSON || memmem (found, length - (gsize) (found - line), " missing: ", 10) != NULL))
    {
      gaps[output] += g_ascii_strtoull (found + strlen (word), NULL, 10);
      has_unknown[output] |= memmem (found, length - (gsize) (found - line), "unknown", 7) != NULL;
    }
}

static void
read_lines (Output output, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &error);
  const char *p, *end;

  if (file == NULL)
    g_error ("%s: %s", path, error->message);
  p = g_mapped_file_get_contents (file);
  end = p + g_mapped_file_get_length (file);
  while (p < end)
    {
      const char *newline = memchr (p, '\n', (gsize) (end - p));
      const char *stop = newline != NULL ? newline : end;
      const char *text = memmem (p, (gsize) (stop - p), "chaos ", 6);

      count_gap (output, p, (gsize) (stop - p));
      if (newline == NULL || (output == JSON && (*p != '{' || stop[-1] != '}')))
        {
          counts[output].torn++;
          note ("%s: a torn line", output_names[output]);
        }
      else if (text != NULL)
        take_record (output, text, (gsize) (stop - text), 0);
      p = stop + 1;
    }
}

/* -- the comparison --------------------------------------------------------------------------------- */

/* The run of missing records of a lane that is being accounted for. */
typedef struct
{
  Lane *lane;
  guint64 next;      /* the first number of the run that is left */
  guint64 end;       /* behind its last */
  guint64 low, high; /* places of its neighbours */
  gboolean spare;    /* the call that had not returned is missing, and no gap has been taken for it */
} Run;

/* The next run of missing numbers from @from on; of those whose calls returned. */
static void
find_run (Run *run, guint64 from)
{
  Lane *lane = run->lane;

  run->next = from;
  while (run->next <= lane->returned && lane->places[run->next] != 0)
    run->next++;
  run->low = run->next > 1 ? lane->places[run->next - 1] : 0;
  run->end = run->next;
  while (run->end <= lane->returned && lane->places[run->end] == 0)
    run->end++;
  run->high = run->end <= lane->begun && lane->places[run->end] != 0 ? lane->places[run->end] : G_MAXUINT64;
}

static void
begin_run (Run *run, Lane *lane)
{
  run->lane = lane;
  run->spare = lane->begun > lane->returned && lane->places[lane->begun] == 0;
  find_run (run, 1);
}

static gboolean
is_at_end (const Run *run)
{
  return run->next > run->lane->returned;
}

/* What is left of a run that no gap can account for any more. */
static void
give_up (Run *run, guint life)
{
  unaccounted += run->end - run->next;
  note ("life %u lane %u numbers %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are neither there nor declared", life,
        (guint) (run->lane - lives[life].lanes), run->next, run->end - 1);
  find_run (run, run->end);
}

static Run *
choose (Run *runs, guint n, guint64 place)
{
  Run *best = NULL;

  for (guint i = 0; i < n; i++)
    if (!is_at_end (&runs[i]) && runs[i].low < place && place < runs[i].high
        && (best == NULL || runs[i].high < best->high))
      best = &runs[i];
  return best;
}

/* For a call that had not returned. */
static gboolean
take_spare (Run *runs, guint n, guint64 place)
{
  for (guint i = 0; i < n; i++)
    if (runs[i].spare && runs[i].lane->last_place < place)
      {
        runs[i].spare = FALSE;
        return TRUE;
      }
  return FALSE;
}

static void
use_gap (Run *runs, guint n, const Gap *gap, guint life)
{
  guint64 left = gap->count;
  Run *run;

  for (guint i = 0; i < n; i++)
    while (!is_at_end (&runs[i]) && runs[i].high < gap->place)
      give_up (&runs[i], life);
  while (left > 0 && (run = choose (runs, n, gap->place)) != NULL)
    {
      guint64 taken = MIN (left, run->end - run->next);

      run->next += taken;
      left -= taken;
      if (run->next == run->end)
        find_run (run, run->end);
    }
  while (left > 0 && take_spare (runs, n, gap->place))
    left--;
  if (left > 0 && gap->reason != MUSTER_GAP_FILTERED)
    {
      overdeclared += left;
      note ("life %u: a gap of %" G_GUINT64_FORMAT " (%s) at %" G_GUINT64_FORMAT " says %" G_GUINT64_FORMAT
            " more than are missing",
            life, gap->count, muster_gap_reason_to_string (gap->reason), gap->place, left);
    }
}

static gint
compare_gaps (gconstpointer a, gconstpointer b)
{
  guint64 left = ((const Gap *) a)->place, right = ((const Gap *) b)->place;

  return left < right ? -1 : left > right;
}

static void
count_missing (const Life *life)
{
  for (guint i = 0; i < life->n_lanes; i++)
    for (guint64 n = 1; n <= life->lanes[i].returned; n++)
      missing += life->lanes[i].places[n] == 0;
}

static void
judge_life (guint number)
{
  Life *life = &lives[number];
  Run runs[CHAOS_LANES];
  guint64 before = unaccounted;

  for (guint i = 0; i < life->n_lanes; i++)
    begin_run (&runs[i], &life->lanes[i]);
  if (life->stream != NULL)
    {
      g_array_sort (life->stream->gaps, compare_gaps);
      for (guint i = 0; i < life->stream->gaps->len; i++)
        use_gap (runs, life->n_lanes, &g_array_index (life->stream->gaps, Gap, i), number);
    }
  for (guint i = 0; i < life->n_lanes; i++)
    while (!is_at_end (&runs[i]))
      give_up (&runs[i], number);
  if (life->stream != NULL && life->stream->declared[MUSTER_GAP_UNKNOWN] > 0 && unaccounted > before)
    {
      uncountable += unaccounted - before;
      unaccounted = before;
    }
}

/* What the protobuf file has the others must have, and nothing else. But a primary may die when one file has what another
 * has not, and the journal be damaged there: what was hit then may be a gap in one of them alone. It must be one there:
 * no output may lack more than it declares itself. */
static void
compare_outputs (Output output)
{
  guint64 lacking = 0;

  for (guint i = 0; i < n_lives; i++)
    for (guint k = 0; k < lives[i].n_lanes; k++)
      for (guint64 n = 1; n <= lives[i].lanes[k].begun; n++)
        {
          guint8 seen = lives[i].lanes[k].seen[n];
          gboolean is_there = (seen & 1 << output) != 0;

          lacking += !is_there && n <= lives[i].lanes[k].returned;
          if (((seen & 1 << PROTOBUF) != 0) == is_there || seen & HIT || all_hit)
            continue;
          differing++;
          note ("life %u lane %u number %" G_GUINT64_FORMAT " is %s %s", i, k, n, is_there ? "only in" : "not in",
                output_names[output]);
        }
  if (lacking <= gaps[output] || has_unknown[output])
    return;
  unaccounted += lacking - gaps[output];
  note ("%s lacks %" G_GUINT64_FORMAT " records and declares %" G_GUINT64_FORMAT, output_names[output], lacking,
        gaps[output]);
}

static void
find_unhit (void)
{
  for (guint i = 0; i < n_lives; i++)
    for (guint k = 0; k < lives[i].n_lanes; k++)
      for (guint64 n = 1; n <= lives[i].lanes[k].returned; n++)
        if ((lives[i].lanes[k].seen[n] & (HIT | 1 << PROTOBUF)) == 0)
          {
            unhit++;
            note ("life %u lane %u number %" G_GUINT64_FORMAT " is missing, and was not damaged", i, k, n);
          }
}

/* -- telling ---------------------------------------------------------------------------------------- */

static void
print_lives (void)
{
  static const Stream none;

  g_print ("\"lives\":[");
  for (guint i = 0; i < n_lives; i++)
    {
      const Stream *stream = lives[i].stream != NULL ? lives[i].stream : &none;
      const End *end = &stream->end;

      g_print ("%s{\"pid\":%u,\"ended\":%d,\"last\":%d,\"signal\":%d,\"status\":%d,\"backtrace\":%d,\"stderr\":%d,"
               "\"run_time\":%d,\"rss\":%d,\"unknown\":%d}",
               i > 0 ? "," : "", lives[i].pid, end->place > 0, end->place > 0 && end->place == stream->last_place,
               (int) end->signal, (int) end->status, end->has_backtrace, end->has_stderr, end->has_run_time,
               end->has_rss, stream->declared[MUSTER_GAP_UNKNOWN] > 0);
    }
  g_print ("],");
}

static void
print_all (void)
{
  guint64 begun = 0, returned = 0, late = 0, longest_ns = 0, printed = 0;
  guint64 sum = 0;

  for (guint i = 0; i < n_lives; i++)
    {
      printed += page->lives[i].printed;
      for (guint k = 0; k < lives[i].n_lanes; k++)
        {
          begun += lives[i].lanes[k].begun;
          returned += lives[i].lanes[k].returned;
          late += page->lives[i].lanes[k].late;
          longest_ns = MAX (longest_ns, page->lives[i].lanes[k].longest_ns);
        }
    }
  g_print ("{\"begun\":%" G_GUINT64_FORMAT ",\"returned\":%" G_GUINT64_FORMAT ",\"late\":%" G_GUINT64_FORMAT
           ",\"longest_us\":%" G_GUINT64_FORMAT ",\"printed\":%" G_GUINT64_FORMAT ",\"captured\":%" G_GUINT64_FORMAT
           ",",
           begun, returned, late, longest_ns / 1000, printed, captured_lines);
  for (guint i = 0; i < N_OUTPUTS; i++)
    g_print ("\"%s\":{\"delivered\":%" G_GUINT64_FORMAT ",\"twice\":%" G_GUINT64_FORMAT
             ",\"disordered\":%" G_GUINT64_FORMAT ",\"torn\":%" G_GUINT64_FORMAT ",\"phantom\":%" G_GUINT64_FORMAT "},",
             output_names[i], counts[i].delivered, counts[i].twice, counts[i].disordered, counts[i].torn,
             counts[i].phantom);
  g_print ("\"declared\":{");
  for (guint i = 0; i < G_N_ELEMENTS (declared); i++)
    {
      sum += declared[i];
      g_print ("%s\"%s\":%" G_GUINT64_FORMAT, i > 0 ? "," : "", muster_gap_reason_to_string ((MusterGapReason) i),
               declared[i]);
    }
  g_print ("},\"declared_sum\":%" G_GUINT64_FORMAT ",\"missing\":%" G_GUINT64_FORMAT
           ",\"unaccounted\":%" G_GUINT64_FORMAT ",\"overdeclared\":%" G_GUINT64_FORMAT
           ",\"differing\":%" G_GUINT64_FORMAT ",\"uncountable\":%" G_GUINT64_FORMAT ",\"unhit\":%" G_GUINT64_FORMAT
           ",",
           sum, missing, unaccounted, overdeclared, differing, uncountable, unhit);
  print_lives ();
  g_print ("\"examples\":[%s]}\n", examples->str);
}

int
main (int argc, char **argv)
{
  char **files[N_OUTPUTS] = { NULL };
  g_autofree char *hits = NULL;
  const GOptionEntry options[] = {
    { "protobuf", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files[PROTOBUF], "protobuf file", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files[JSON], "json file", "FILE" },
    { "text", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files[TEXT], "text file", "FILE" },
    { "all-hit", 0, 0, G_OPTION_ARG_NONE, &all_hit, "nobody knows what was damaged", NULL },
    { "hit", 0, 0, G_OPTION_ARG_FILENAME, &hits, "records that were damaged", "FILE" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("PAGE");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2)
    g_error ("usage: chaos-verify PAGE --protobuf=FILE...");
  streams = g_hash_table_new (muster_stream_id_hash, muster_stream_id_equal);
  examples = g_string_new (NULL);
  read_page (argv[1]);
  if (hits != NULL)
    read_hits (hits);
  for (char **path = files[PROTOBUF]; path != NULL && *path != NULL; path++)
    read_protobuf (*path);
  find_missing_streams ();
  for (guint i = 0; i < n_lives; i++)
    {
      count_missing (&lives[i]);
      judge_life (i);
    }
  for (Output output = JSON; output < N_OUTPUTS; output++)
    {
      for (char **path = files[output]; path != NULL && *path != NULL; path++)
        read_lines (output, *path);
      if (files[output] != NULL)
        compare_outputs (output);
    }
  if (hits != NULL)
    find_unhit ();
  print_all ();
  return 0;
}
