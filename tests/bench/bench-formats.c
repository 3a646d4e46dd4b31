/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How fast the formats are, on one core: batches of 64 KiB of records of about 100 bytes, without fields and with three.
 * Prints name, value and unit, with tabs between.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-format-json.h"
#include "muster-format-protobuf.h"
#include "muster-format-text.h"

#include <time.h>

#define BATCH_SIZE 65536
#define SECONDS    0.5

static double
cpu_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static MusterBatch *
make_batch (gboolean has_fields, const char *tail)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GBytes) bytes = NULL;
  guint64 time_ns = SAMPLE_TIME;

  for (guint i = 0; log->len < BATCH_SIZE - 512; i++)
    {
      g_autofree char *message =
          g_strdup_printf ("GET /articles/%u?page=2 answered 200 with 5120 bytes in 1.25 ms to 192.0.2.17%s", i, tail);
      const MusterField fields[] = { MUSTER_TEXT ("user", "anna"), MUSTER_INTEGER ("status", 200),
                                     MUSTER_NUMBER ("seconds", 0.00125) };
      MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .time_ns = time_ns += 1371 };

      parts.domain = muster_slice_from_string ("http");
      parts.message = muster_slice_from_string (message);
      parts.file = "server.c";
      parts.function = "answer";
      parts.line = 217;
      parts.fields = fields;
      parts.n_fields = has_fields ? G_N_ELEMENTS (fields) : 0;
      sample_add_record (log, &parts);
    }
  bytes = g_bytes_new (log->data, log->len);
  return muster_batch_new (bytes, NULL);
}

static void
measure (const char *name, MusterFormat *format /* taken */, gboolean has_fields, const char *tail)
{
  g_autoptr (MusterBatch) batch = make_batch (has_fields, tail);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  double best = 0, end = cpu_seconds () + SECONDS;
  guint n = muster_batch_get_n_records (batch);

  while (cpu_seconds () < end)
    {
      double start = cpu_seconds ();

      for (guint i = 0; i < 20; i++)
        {
          g_byte_array_set_size (out, 0);
          muster_format_format_batch (format, batch, out, NULL);
        }
      best = MAX (best, 20 * n / (cpu_seconds () - start));
    }
  g_print ("%s\t%.0f\trecords/s\n%s-cost\t%.1f\tns/record\n%s-output\t%.1f\tbytes/record\n", name, best, name,
           1e9 / best, name, (double) out->len / n);
}

int
main (void)
{
  GType text = muster_format_text_get_type ();
  GType json = muster_format_json_get_type ();

  measure ("text", sample_format (text, NULL, NULL), FALSE, "");
  measure ("text-message", sample_format (text, "pattern", "{message}", NULL), FALSE, "");
  measure (
      "text-location",
      sample_format (text, "pattern",
                     "[{time:%Y-%m-%d %H:%M:%S.%f%z}] {worker} <pid:{pid}> <{file}:{line}> {level}: {message} {fields}",
                     NULL),
      FALSE, "");
  measure ("text-fields", sample_format (text, NULL, NULL), TRUE, "");
  measure ("text-onedark", sample_format (text, "theme", "onedark", NULL), FALSE, "");
  measure ("text-utf8", sample_format (text, NULL, NULL), FALSE, " für Größe, Ёлка, 日本語");
  measure ("text-escapes", sample_format (text, NULL, NULL), FALSE, "\tC:\\temp\n\x1b[31m");
  measure ("json", sample_format (json, NULL, NULL), FALSE, "");
  measure ("json-fields", sample_format (json, NULL, NULL), TRUE, "");
  measure ("protobuf", sample_format (muster_format_protobuf_get_type (), NULL, NULL), FALSE, "");
  return 0;
}
