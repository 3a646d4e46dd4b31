/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a filter leaves out it declares: by examples, and by random streams whose every entry is accounted for.
 */
#include "config.h"

#include "muster-batch-filter-private.h"
#include "test-batches.h"

/* One line for each entry: "web-1 4 hello", "web-1 5-7 filtered". */
static char *
describe (GByteArray *log)
{
  GString *text = g_string_new (NULL);
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, log->data, log->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterRecordView record;
      MusterGapReason reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      g_string_append_printf (text, "%.*s %" G_GUINT64_FORMAT, (int) entry.origin->worker.length,
                              entry.origin->worker.data, entry.sequence);
      if (muster_entry_get_record (&entry, &record))
        g_string_append_printf (text, " %.*s\n", (int) record.message.length, record.message.data);
      else if (muster_entry_get_gap (&entry, &count, &reason))
        g_string_append_printf (text, "-%" G_GUINT64_FORMAT " %s\n", entry.sequence + count - 1,
                                muster_gap_reason_to_string (reason));
      else
        g_string_append (text, " other\n");
    }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  return g_string_free (text, FALSE);
}

static void
append (GByteArray *log, MusterBatch *batch)
{
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);

  g_byte_array_append (log, data, (guint) size);
}

/* Applies, appends to @log, and frees both batches. */
static void
take (MusterBatchFilter *filter, GByteArray *log, MusterBatch *batch, MusterEntryPredicate predicate,
      guint64 *n_filtered)
{
  g_autoptr (MusterBatch) input = batch;
  g_autoptr (MusterBatch) output = muster_batch_filter_apply (filter, input, predicate, NULL, n_filtered);

  if (output != NULL)
    append (log, output);
}

static gboolean
passes_notice (const MusterEntry *entry, gpointer user_data)
{
  g_assert_cmpint (entry->kind, !=, MUSTER_ENTRY_ORIGIN);
  g_assert_cmpint (entry->kind, !=, MUSTER_ENTRY_GAP);
  return entry->kind != MUSTER_ENTRY_RECORD || muster_entry_peek_level (entry) <= MUSTER_LEVEL_NOTICE;
}

static gboolean
passes_web (const MusterEntry *entry, gpointer user_data)
{
  return entry->origin->worker.length == 3 && memcmp (entry->origin->worker.data, "web", 3) == 0;
}

static MusterBatch *
mixed_batch (void)
{
  TestLog log = { NULL };

  test_log_origin (&log, 'a', 5, "web");
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "d5");
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "d6");
  test_log_record (&log, MUSTER_LEVEL_ERROR, "e7");
  test_log_snapshot (&log);
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "d9");
  test_log_gap (&log, 10, MUSTER_GAP_TORN);
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "d20");
  test_log_record (&log, MUSTER_LEVEL_NOTICE, "n21");
  test_log_record (&log, MUSTER_LEVEL_DEBUG, "d22");
  return test_log_end (&log);
}

static void
test_whole (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (MusterBatch) batch = test_batch ('a', 1, 10, "web", MUSTER_LEVEL_NOTICE);
  g_autoptr (MusterBatch) same = muster_batch_filter_apply (filter, batch, passes_notice, NULL, NULL);
  g_autoptr (MusterBatch) unasked = muster_batch_filter_apply (filter, batch, NULL, NULL, NULL);

  g_assert_true (same == batch);
  g_assert_true (unasked == batch);
}

static void
test_gaps (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *text = NULL;
  guint64 n_filtered = 0;

  take (filter, log, test_batch ('a', 1, 4, "web", MUSTER_LEVEL_INFO), passes_notice, &n_filtered);
  g_assert_cmpuint (log->len, ==, 0);
  g_assert_cmpuint (n_filtered, ==, 4);
  take (filter, log, mixed_batch (), passes_notice, &n_filtered);
  g_assert_cmpuint (n_filtered, ==, 9);
  take (filter, log, test_batch ('b', 9, 1, "db", MUSTER_LEVEL_NOTICE), passes_notice, &n_filtered);
  take (filter, log, test_batch ('a', 23, 1, "web", MUSTER_LEVEL_NOTICE), passes_notice, &n_filtered);
  text = describe (log);
  g_assert_cmpstr (text, ==,
                   "web 1-6 filtered\nweb 7 e7\nweb 8 other\nweb 9-9 filtered\nweb 10-19 torn\n"
                   "web 20-20 filtered\nweb 21 n21\ndb 9 b 9\nweb 22-22 filtered\nweb 23 a 23\n");
}

/* Formats that show no gap for what was filtered: none at the start, but each batch is one run. */
static void
test_no_gaps (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (FALSE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterBatch) refused = test_batch ('a', 23, 2, "web", MUSTER_LEVEL_NOTICE);
  g_autofree char *text = NULL;

  take (filter, log, mixed_batch (), passes_notice, NULL);
  muster_batch_filter_skip (filter, refused, MUSTER_GAP_REFUSED);
  take (filter, log, test_batch ('a', 25, 1, "web", MUSTER_LEVEL_DEBUG), passes_notice, NULL);
  take (filter, log, test_batch ('a', 26, 1, "web", MUSTER_LEVEL_NOTICE), passes_notice, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==,
                   "web 7 e7\nweb 8 other\nweb 9-9 filtered\nweb 10-19 torn\nweb 20-20 filtered\nweb 21 n21\n"
                   "web 23-24 refused\nweb 25-25 filtered\nweb 26 a 26\n");
}

static void
test_labels (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *text = NULL;
  TestLog in = { NULL };

  test_log_origin (&in, 'm', 1, "web");
  test_log_record (&in, MUSTER_LEVEL_INFO, "one");
  test_log_origin (&in, 'm', 2, "db");
  test_log_record (&in, MUSTER_LEVEL_INFO, "two");
  test_log_gap (&in, 2, MUSTER_GAP_CORRUPT);
  test_log_origin (&in, 'm', 5, "web");
  test_log_record (&in, MUSTER_LEVEL_INFO, "five");
  test_log_origin (&in, 'm', 6, "db");
  test_log_record (&in, MUSTER_LEVEL_INFO, "six");
  take (filter, log, test_log_end (&in), passes_web, NULL);
  take (filter, log, test_batch ('m', 7, 1, "web", MUSTER_LEVEL_INFO), passes_web, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==, "web 1 one\ndb 2-2 filtered\ndb 3-4 corrupt\nweb 5 five\nweb 6-6 filtered\nweb 7 m 7\n");
}

/* A batch that was filtered and then refused lies before what the filter had left over of it. */
static void
test_refused (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterBatch) batch = mixed_batch ();
  g_autoptr (MusterBatch) filtered = muster_batch_filter_apply (filter, batch, passes_notice, NULL, NULL);
  g_autofree char *text = NULL;

  muster_batch_filter_skip (filter, filtered, MUSTER_GAP_REFUSED);
  muster_batch_filter_skip_run (filter, muster_batch_get_origin (batch)->stream, 23, 100, MUSTER_GAP_REFUSED);
  take (filter, log, test_batch ('a', 123, 1, "web", MUSTER_LEVEL_NOTICE), NULL, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==,
                   "web 5-6 filtered\nweb 7-8 refused\nweb 9-9 filtered\nweb 10-19 torn\nweb 20-20 filtered\n"
                   "web 21-21 refused\nweb 22-22 filtered\nweb 23-122 refused\nweb 123 a 123\n");
}

/* What is missing in the input, and was not left out here, stays missing. */
static void
test_hole (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *text = NULL;

  take (filter, log, test_batch ('a', 1, 2, "web", MUSTER_LEVEL_INFO), passes_notice, NULL);
  take (filter, log, test_batch ('a', 4, 1, "web", MUSTER_LEVEL_INFO), passes_notice, NULL);
  take (filter, log, test_batch ('a', 5, 1, "web", MUSTER_LEVEL_NOTICE), passes_notice, NULL);
  take (filter, log, test_batch ('a', 6, 1, "web", MUSTER_LEVEL_INFO), passes_notice, NULL);
  muster_batch_filter_forget (filter, (const guint8 *) "aaaaaaaaaaaaaaaa");
  muster_batch_filter_forget (filter, (const guint8 *) "unknownunknownun");
  take (filter, log, test_batch ('a', 7, 1, "web", MUSTER_LEVEL_NOTICE), passes_notice, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==, "web 4-4 filtered\nweb 5 a 5\nweb 7 a 7\n");
}

/* Streams that nothing is heard of again do not fill the memory, and those in use stay. */
static void
test_many_streams (void)
{
  g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *text = NULL;
  guint8 stream[MUSTER_STREAM_ID_SIZE] = { 0 };

  for (guint32 i = 0; i < 50000; i++)
    {
      memcpy (stream, &i, sizeof i);
      muster_batch_filter_skip_run (filter, stream, 1, 1, MUSTER_GAP_FILTERED);
      if (i % 1000 == 0)
        take (filter, log, test_batch ('a', i / 1000 + 1, 1, "web", MUSTER_LEVEL_INFO), passes_notice, NULL);
    }
  take (filter, log, test_batch ('a', 51, 1, "web", MUSTER_LEVEL_NOTICE), passes_notice, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==, "web 1-50 filtered\nweb 51 a 51\n");
}

/* -- random streams -- */

typedef struct
{
  char label;
  char fate; /* 'p'assed, 'f'iltered, 'r'efused, 't'orn (a gap of the input) */
} Fate;

#define N_STREAMS 3

typedef struct
{
  GRand *rand;
  GArray *fates[N_STREAMS]; /* of Fate; sequence number - 1 */
  guint64 n_filtered;
} World;

static gboolean
passes_by_message (const MusterEntry *entry, gpointer user_data)
{
  MusterRecordView record;

  return !muster_entry_get_record (entry, &record) || record.message.data[0] == 'p';
}

static MusterBatch *
random_batch (World *world, guint stream, guint *first)
{
  GArray *fates = world->fates[stream];
  TestLog log = { NULL };
  char label[2] = { (char) ('A' + g_rand_int_range (world->rand, 0, 3)), '\0' };
  gint percent = g_rand_int_range (world->rand, 0, 5) * 25;

  *first = fates->len;
  test_log_origin (&log, (char) ('a' + stream), fates->len + 1, label);
  for (gint n = g_rand_int_range (world->rand, 1, 12); n > 0; n--)
    {
      if (g_rand_int_range (world->rand, 0, 4) == 0)
        {
          label[0] = (char) ('A' + g_rand_int_range (world->rand, 0, 3));
          test_log_origin (&log, (char) ('a' + stream), log.next_seq, label);
        }
      if (g_rand_int_range (world->rand, 0, 10) == 0)
        {
          guint count = (guint) g_rand_int_range (world->rand, 1, 300);

          test_log_gap (&log, count, MUSTER_GAP_TORN);
          for (guint i = 0; i < count; i++)
            g_array_append_val (fates, ((Fate){ label[0], 't' }));
        }
      else
        {
          gboolean passes = g_rand_int_range (world->rand, 0, 100) < percent;
          g_autofree char *message = g_strdup_printf ("%c%" G_GUINT64_FORMAT, passes ? 'p' : 'f', log.next_seq);

          test_log_record (&log, MUSTER_LEVEL_INFO, message);
          g_array_append_val (fates, ((Fate){ label[0], passes ? 'p' : 'f' }));
        }
    }
  return test_log_end (&log);
}

static void
doom (GArray *fates, guint first, char from, char to)
{
  for (guint i = first; i < fates->len; i++)
    if (g_array_index (fates, Fate, i).fate == from)
      g_array_index (fates, Fate, i).fate = to;
}

static void
step (World *world, MusterBatchFilter *filter, GByteArray *out)
{
  guint stream = (guint) g_rand_int_range (world->rand, 0, N_STREAMS);
  guint first;
  g_autoptr (MusterBatch) batch = random_batch (world, stream, &first);
  g_autoptr (MusterBatch) passed = NULL;
  gint what = g_rand_int_range (world->rand, 0, 10);

  if (what == 0)
    {
      muster_batch_filter_skip (filter, batch, MUSTER_GAP_FILTERED);
      doom (world->fates[stream], first, 'p', 'f');
      return;
    }
  passed = muster_batch_filter_apply (filter, batch, passes_by_message, NULL, &world->n_filtered);
  if (passed != NULL && what == 1)
    {
      muster_batch_filter_skip (filter, passed, MUSTER_GAP_REFUSED);
      doom (world->fates[stream], first, 'p', 'r');
    }
  else if (passed != NULL)
    append (out, passed);
}

static char
reason_fate (MusterGapReason reason)
{
  return reason == MUSTER_GAP_FILTERED ? 'f' : reason == MUSTER_GAP_REFUSED ? 'r' : 't';
}

/* Everything that is in the output is true: the right content under the right number and label. */
static void
check_output (World *world, GByteArray *out, gboolean keeps_gaps)
{
  guint64 next[N_STREAMS] = { 0 };
  guint64 first[N_STREAMS] = { 0 };
  GHashTable *seen[N_STREAMS];
  MusterEntryIter iter;
  MusterEntry entry;

  for (guint i = 0; i < N_STREAMS; i++)
    seen[i] = g_hash_table_new (NULL, NULL);
  muster_entry_iter_init (&iter, out->data, out->len);
  while (muster_entry_iter_next (&iter, &entry))
    {
      guint stream = (guint) entry.origin->stream[0] - 'a';
      const Fate *fate;
      MusterRecordView record;
      MusterGapReason reason;
      guint64 count;

      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      g_assert_cmpuint (entry.sequence, >=, 1);
      g_assert_cmpuint (entry.sequence + entry.count - 1, <=, world->fates[stream]->len);
      fate = &g_array_index (world->fates[stream], Fate, entry.sequence - 1);
      if (keeps_gaps && next[stream] != 0)
        g_assert_cmpuint (entry.sequence, ==, next[stream]);
      g_assert_cmpuint (entry.sequence, >=, next[stream]);
      if (next[stream] == 0)
        first[stream] = entry.sequence;
      next[stream] = entry.sequence + entry.count;
      if (muster_entry_get_record (&entry, &record))
        {
          g_autofree char *expected = g_strdup_printf ("p%" G_GUINT64_FORMAT, entry.sequence);

          g_assert_cmpmem (record.message.data, record.message.length, expected, strlen (expected));
          g_assert_cmpmem (entry.origin->worker.data, entry.origin->worker.length, &fate->label, 1);
          g_hash_table_add (seen[stream], GUINT_TO_POINTER ((guint) entry.sequence));
        }
      else if (muster_entry_get_gap (&entry, &count, &reason))
        for (guint64 i = 0; i < count; i++)
          g_assert_cmpint (fate[i].fate, ==, reason_fate (reason));
      else
        g_assert_not_reached ();
    }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
  for (guint i = 0; i < N_STREAMS; i++)
    {
      guint n_passed = 0;

      if (keeps_gaps && first[i] > 0)
        g_assert_cmpuint (first[i], ==, 1); /* what was left out before the first is declared, too */
      for (guint j = 0; j < world->fates[i]->len; j++)
        n_passed += g_array_index (world->fates[i], Fate, j).fate == 'p';
      g_assert_cmpuint (g_hash_table_size (seen[i]), ==, n_passed);
      g_hash_table_unref (seen[i]);
    }
}

static void
test_random (gconstpointer data)
{
  gboolean keeps_gaps = GPOINTER_TO_INT (data);

  for (guint round = 0; round < 400; round++)
    {
      World world = { .rand = g_rand_new_with_seed (round) };
      g_autoptr (MusterBatchFilter) filter = muster_batch_filter_new (keeps_gaps);
      g_autoptr (GByteArray) out = g_byte_array_new ();

      for (guint i = 0; i < N_STREAMS; i++)
        world.fates[i] = g_array_new (FALSE, FALSE, sizeof (Fate));
      for (guint i = 0; i < 60; i++)
        step (&world, filter, out);
      check_output (&world, out, keeps_gaps);
      for (guint i = 0; i < N_STREAMS; i++)
        g_array_unref (world.fates[i]);
      g_rand_free (world.rand);
    }
}

/* -- taken out of one filter and put into another -- */

static void
move_pending (MusterBatchFilter *from, MusterBatchFilter *to, guint64 next_seq, gboolean may_skip)
{
  MusterPendingRuns pending;
  guint8 stream[MUSTER_STREAM_ID_SIZE];

  memset (stream, 'a', sizeof stream);
  muster_batch_filter_get_pending (from, stream, &pending);
  muster_batch_filter_set_pending (to, stream, next_seq, &pending, may_skip);
}

static void
assert_goes_on (MusterBatchFilter *filter, guint64 next_seq, const char *expected)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autofree char *text = NULL;

  take (filter, log, test_batch ('a', next_seq, 1, "w", MUSTER_LEVEL_ERROR), passes_notice, NULL);
  text = describe (log);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_pending (void)
{
  g_autoptr (MusterBatchFilter) from = muster_batch_filter_new (TRUE);
  g_autoptr (MusterBatchFilter) to = muster_batch_filter_new (TRUE);
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterBatch) refused = test_batch ('a', 6, 2, "w", MUSTER_LEVEL_ERROR);
  g_autoptr (MusterBatch) again = test_batch ('a', 14, 3, "w", MUSTER_LEVEL_ERROR);
  MusterPendingRuns pending;
  guint8 stream[MUSTER_STREAM_ID_SIZE];

  memset (stream, 'a', sizeof stream);
  muster_batch_filter_get_pending (from, stream, &pending);
  g_assert_cmpuint (pending.first_seq, ==, 0);
  move_pending (from, to, 1, FALSE);
  assert_goes_on (to, 1, "w 1 a 1\n");

  /* what is only FILTERED does not change as it grows */
  take (from, log, test_batch ('a', 1, 2, "w", MUSTER_LEVEL_INFO), passes_notice, NULL);
  take (from, log, test_batch ('a', 3, 3, "w", MUSTER_LEVEL_INFO), passes_notice, NULL);
  muster_batch_filter_get_pending (from, stream, &pending);
  g_assert_cmpuint (pending.first_seq, ==, 1);
  g_assert_cmpuint (pending.n_runs, ==, 0);
  move_pending (from, to, 6, FALSE);
  assert_goes_on (to, 6, "w 1-5 filtered\nw 6 a 6\n");

  muster_batch_filter_skip (from, refused, MUSTER_GAP_REFUSED);
  take (from, log, test_batch ('a', 8, 6, "w", MUSTER_LEVEL_INFO), passes_notice, NULL);
  move_pending (from, to, 14, FALSE);
  assert_goes_on (to, 14, "w 1-5 filtered\nw 6-7 refused\nw 8-13 filtered\nw 14 a 14\n");

  /* more than is kept is joined */
  muster_batch_filter_skip (from, again, MUSTER_GAP_REFUSED);
  take (from, log, test_batch ('a', 17, 2, "w", MUSTER_LEVEL_INFO), passes_notice, NULL);
  move_pending (from, to, 19, FALSE);
  assert_goes_on (to, 19, "w 1-5 filtered\nw 6-16 unknown\nw 17-18 filtered\nw 19 a 19\n");

  /* what comes later than expected is somebody else's loss, or ours */
  move_pending (from, to, 19, FALSE);
  assert_goes_on (to, 25, "w 25 a 25\n");
  move_pending (from, to, 19, TRUE);
  assert_goes_on (to, 25, "w 1-5 filtered\nw 6-16 unknown\nw 17-18 filtered\nw 19-24 refused\nw 25 a 25\n");
  assert_goes_on (to, 30, "w 30 a 30\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-filter/whole", test_whole);
  g_test_add_func ("/batch-filter/gaps", test_gaps);
  g_test_add_func ("/batch-filter/no-gaps", test_no_gaps);
  g_test_add_func ("/batch-filter/labels", test_labels);
  g_test_add_func ("/batch-filter/refused", test_refused);
  g_test_add_func ("/batch-filter/hole", test_hole);
  g_test_add_func ("/batch-filter/many-streams", test_many_streams);
  g_test_add_func ("/batch-filter/pending", test_pending);
  g_test_add_data_func ("/batch-filter/random/gaps", GINT_TO_POINTER (TRUE), test_random);
  g_test_add_data_func ("/batch-filter/random/no-gaps", GINT_TO_POINTER (FALSE), test_random);
  return g_test_run ();
}
