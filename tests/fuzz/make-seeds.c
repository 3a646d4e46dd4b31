/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes the seeds of the fuzzers of bytes that we make ourselves: make-seeds tests/fuzz/seeds. They are committed; this
 * is to be run again when the encoding grows.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "muster-dataset-private.h"
#include "muster-encoder-private.h"
#include "muster-journal-layout-private.h"
#include "muster-link-private.h"

#define SECOND_NS G_GINT64_CONSTANT (1000000000)

static const char *seeds_dir;

static void
save (const char *fuzzer, const char *name, const void *data, gsize size)
{
  g_autofree char *dir = g_build_filename (seeds_dir, fuzzer, NULL);
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autoptr (GError) error = NULL;

  if (g_mkdir_with_parents (dir, 0777) < 0)
    g_error ("%s: %s", dir, g_strerror (errno));
  if (!g_file_set_contents (path, data, (gssize) size, &error))
    g_error ("%s", error->message);
}

static void
save_array (const char *fuzzer, const char *name, GByteArray *bytes)
{
  save (fuzzer, name, bytes->data, bytes->len);
}

static MusterSlice
slice (const char *text)
{
  return muster_slice_from_string (text);
}

static void
put_origin (GByteArray *out, guint64 first_seq)
{
  MusterOrigin origin = { .first_seq = first_seq, .pid = 77 };

  memcpy (origin.stream, "fuzzed stream 01", sizeof origin.stream);
  origin.host = slice ("here");
  origin.cluster = slice ("test");
  origin.worker = slice ("web-1");
  muster_encode_origin (out, &origin);
}

static void
put_record (GByteArray *out, const MusterRecordParts *parts)
{
  guint8 buffer[MUSTER_ENTRY_MAX];
  gsize length;
  const guint8 *start = muster_encode_record (buffer, sizeof buffer, parts, &length);

  g_byte_array_append (out, start, (guint) length);
}

static void
put_plain (GByteArray *out, const char *text)
{
  const MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO,
                                    .time_ns = 1700000000 * (guint64) SECOND_NS,
                                    .message = slice (text) };

  put_record (out, &parts);
}

static void
put_everything (GByteArray *out)
{
  const MusterField fields[] = {
    { .key = slice ("user"), .type = MUSTER_FIELD_TEXT, .value.text = slice ("ann") },
    { .key = slice ("delta"), .type = MUSTER_FIELD_INTEGER, .value.integer = -5 },
    { .key = slice ("size"), .type = MUSTER_FIELD_NATURAL, .value.natural = 1234567890123 },
    { .key = slice ("load"), .type = MUSTER_FIELD_NUMBER, .value.number = 0.5 },
    { .key = slice ("ok"), .type = MUSTER_FIELD_FLAG, .value.flag = TRUE },
    { .key = slice ("raw"), .type = MUSTER_FIELD_DATA, .value.text = { "\x00\xff", 2 } },
  };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_ERROR, .time_ns = 1700000000 * (guint64) SECOND_NS };

  parts.domain = slice ("http.tls");
  parts.message = (MusterSlice){ "caf\xe9", 4 }; /* no UTF-8: kept in `raw` too */
  parts.file = "core/x.c";
  parts.function = "serve";
  parts.line = 12;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  parts.payload_type = slice ("type.example/shop.Order");
  parts.payload = (MusterSlice){ "\x08\x01", 2 };
  put_record (out, &parts);
}

static void
make_entries (void)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  static const guint8 unknown[] = { 0x0a, 0x04, 0x7a, 0x02, 'h', 'i' };

  save ("entry", "empty", "", 0);
  put_origin (log, 1);
  put_plain (log, "hello");
  save_array ("entry", "one-record", log);
  put_everything (log);
  muster_encode_gap (log, 300, MUSTER_GAP_JOURNAL_FULL);
  g_byte_array_append (log, unknown, sizeof unknown);
  put_origin (log, 304);
  put_plain (log, "");
  save_array ("entry", "everything", log);
  save ("entry", "cut-off", log->data, log->len - 3);
  g_byte_array_set_size (log, 0);
  put_origin (log, G_MAXUINT64 - 1000);
  muster_encode_gap (log, 1000, MUSTER_GAP_UNKNOWN);
  save_array ("entry", "last-numbers", log);
}

static void
make_frames (void)
{
  const MusterLinkHeader header = { .type = MUSTER_LINK_BATCH, .count = 3, .number = 17, .drops = 2 };
  const MusterLinkHello hello = { .token = "a token of thirty-two bytes.....",
                                  .stream = "fuzzed stream 01",
                                  .pid = 77 };
  const MusterLinkWelcome welcome = { .credit_bytes = 1 << 20, .realtime_ns = SECOND_NS, .boottime_ns = 1 };
  g_autoptr (GVariant) word = g_variant_ref_sink (g_variant_new_string ("reload"));
  g_autoptr (GVariant) tree = g_variant_ref_sink (
      g_variant_new_parsed ("{'a': <(1, 'two', 3.0)>, 'b': <@mv <[byte 1, 2]>>, 'c': <@a{sv} {}>}"));
  g_autoptr (GBytes) word_bytes = muster_link_message_encode (word);
  g_autoptr (GBytes) tree_bytes = muster_link_message_encode (tree);
  guint8 out[MUSTER_LINK_HELLO_SIZE];

  muster_link_header_encode (&header, out);
  save ("link", "header", out, MUSTER_LINK_HEADER_SIZE);
  muster_link_hello_encode (&hello, out);
  save ("link", "hello", out, MUSTER_LINK_HELLO_SIZE);
  muster_link_welcome_encode (&welcome, out);
  save ("link", "welcome", out, MUSTER_LINK_WELCOME_SIZE);
  save ("link", "message-word", g_bytes_get_data (word_bytes, NULL), g_bytes_get_size (word_bytes));
  save ("link", "message-tree", g_bytes_get_data (tree_bytes, NULL), g_bytes_get_size (tree_bytes));
}

/* As a sender lays it; the checksum is made right by the fuzzer. */
static void
put_slot (GByteArray *ring, gint32 length_sign, guint32 number, guint32 drops, GByteArray *item)
{
  static const guint8 zeros[8] = { 0 };
  MusterJournalSlot slot = { .number = number, .drops = drops };

  atomic_init (&slot.length, length_sign * (gint32) item->len);
  g_byte_array_append (ring, (const guint8 *) &slot, sizeof slot);
  g_byte_array_append (ring, item->data, item->len);
  g_byte_array_append (ring, zeros, (8 - item->len % 8) % 8);
}

static void
make_journals (void)
{
  static const guint8 begins[][4] = { { 3, 1, 3, 0 }, { 3, 1, 7, 3 }, { 3, 0, 2, 0 }, { 2 | 4, 1, 0, 0 } };
  g_autoptr (GByteArray) item = g_byte_array_new ();
  g_autoptr (GByteArray) labelled = g_byte_array_new ();
  g_autoptr (GByteArray) file = g_byte_array_new ();

  put_plain (item, "hello");
  put_origin (labelled, 1);
  put_plain (labelled, "printed");

  g_byte_array_append (file, begins[0], 4);
  put_slot (file, 1, 1, 0, item);
  put_slot (file, 1, 2, 0, labelled);
  put_slot (file, 1, 3, 0, item);
  save_array ("journal-scan", "whole", file);
  file->data[0] = 1; /* and checksums of nothing */
  save_array ("journal-scan", "corrupt", file);

  g_byte_array_set_size (file, 0);
  g_byte_array_append (file, begins[1], 4);
  put_slot (file, 1, 5, 2, item);
  put_slot (file, -1, 6, 2, item);
  put_slot (file, 1, 2, 0, item);
  save_array ("journal-scan", "holes", file);

  g_byte_array_set_size (file, 0);
  g_byte_array_append (file, begins[2], 4);
  g_byte_array_append (labelled, item->data, item->len);
  put_slot (file, 1, 90, 4, item);
  put_slot (file, 1, 91, 4, labelled); /* two entries in one item */
  save_array ("journal-scan", "two-in-one", file);

  g_byte_array_set_size (file, 0);
  g_byte_array_append (file, begins[3], 4);
  save_array ("journal-scan", "short", file);
}

static void
fill (MusterMetrics *metrics)
{
  static const char *const path[] = { "http", "get", NULL };

  muster_metrics_set (metrics, NULL, "pid", 77);
  muster_metrics_set_text (metrics, path, "state", "up");
  muster_metrics_inc (metrics, path, "requests", 3);
  for (int i = 1; i < 20; i++)
    {
      muster_metrics_sample (metrics, path, "size", i * i);
      muster_metrics_timed_sample (metrics, path, "time", i * 0.001);
    }
}

static void
make_datasets (void)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (MusterMetrics) metrics = muster_metrics_new (NULL);
  g_autoptr (MusterAggregator) aggregator = muster_aggregator_new ();
  const MusterMetricsOptions options = { 0 };
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) datasets = NULL;
  g_autoptr (GPtrArray) parts = NULL;
  MusterEntryIter iter;
  MusterEntry entry;

  muster_aggregator_add_metrics (aggregator, &options);
  muster_aggregator_expect (aggregator, "web-1", 77);
  fill (metrics);
  snapshots = muster_metrics_take_snapshot (metrics, 0, 10 * SECOND_NS, FALSE);
  put_origin (log, 1);
  for (guint i = 0; i < snapshots->len; i++)
    g_byte_array_append (log, g_bytes_get_data (snapshots->pdata[i], NULL),
                         (guint) g_bytes_get_size (snapshots->pdata[i]));
  save_array ("dataset", "snapshot", log);
  muster_entry_iter_init (&iter, log->data, log->len);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_SNAPSHOT)
      muster_aggregator_add (aggregator, "web-1", 77, &entry, NULL);
  datasets = muster_aggregator_collect (aggregator, G_MAXINT64);
  parts = muster_dataset_encode (datasets->pdata[0]);
  for (guint i = 0; i < parts->len; i++)
    g_byte_array_append (log, g_bytes_get_data (parts->pdata[i], NULL), (guint) g_bytes_get_size (parts->pdata[i]));
  save_array ("dataset", "both", log);
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    {
      g_printerr ("usage: make-seeds FOLDER\n");
      return 2;
    }
  seeds_dir = argv[1];
  make_entries ();
  make_frames ();
  make_journals ();
  make_datasets ();
  return 0;
}
