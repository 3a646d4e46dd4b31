/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `make-log FILE COUNT`: a file of COUNT records of two workers, as our encoder writes them, with gaps between; and
 * `make-log FILE`: one of every kind of entry and field, which read-log.py knows.
 */
#include "config.h"

#include "sample-log.h"

#include <stdio.h>
#include <string.h>

#define BATCH 500

static void
add_million (GByteArray *log, guint64 count)
{
  guint64 sequences[2] = { 1, 1 };

  for (guint64 i = 0; i < count;)
    {
      guint n = (guint) (i / BATCH % 2);

      sample_add_origin (log, n + 1, n == 0 ? "web-1" : "web-2", sequences[n]);
      if (i / BATCH % 100 == 7)
        {
          muster_encode_gap (log, 3, MUSTER_GAP_JOURNAL_FULL);
          sequences[n] += 3;
        }
      for (guint j = 0; j < BATCH && i < count; j++, i++)
        {
          char message[100];

          g_snprintf (message, sizeof message,
                      "GET /articles/%" G_GUINT64_FORMAT "?page=2 answered 200 with 5120 bytes in 1.25 ms", i);
          sample_add_record (log, i % 10 == 0 ? MUSTER_LEVEL_WARNING : MUSTER_LEVEL_INFO, SAMPLE_TIME + i * 1371,
                             "http", message);
          sequences[n]++;
        }
    }
}

static void
add_everything (GByteArray *log)
{
  static const char invalid[] = "caf\xe9";
  static const guint8 bytes[] = { 0, 1, 254, 255 };
  const MusterField fields[] = {
    MUSTER_TEXT ("user", "\xc3\x84nna \xe2\x82\xac \xf0\x9f\x99\x82"),
    MUSTER_INTEGER ("smallest", G_MININT64),
    MUSTER_INTEGER ("minus", -1),
    MUSTER_NATURAL ("largest", G_MAXUINT64),
    MUSTER_NUMBER ("third", 1.0 / 3),
    MUSTER_FLAG ("yes", TRUE),
    MUSTER_FLAG ("no", FALSE),
    MUSTER_DATA ("data", bytes, sizeof bytes),
    MUSTER_TEXT ("empty", ""),
  };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_WARNING, .time_ns = SAMPLE_TIME + 123456789 };
  guint8 snapshot[] = { 0x0a, 4, 'f', 'a', 's', 't', 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x30, 7 };

  sample_add_origin (log, 1, "web-1", 5);
  parts.domain = muster_slice_from_string ("disk");
  parts.message = muster_slice_from_string ("nearly full");
  parts.file = "server.c";
  parts.function = "check";
  parts.line = 217;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  parts.payload_type = muster_slice_from_string ("type.example/Order");
  parts.payload = (MusterSlice){ (const char *) bytes, sizeof bytes };
  sample_add_parts (log, &parts);
  muster_encode_gap (log, 70000, MUSTER_GAP_TORN);
  sample_add_record (log, MUSTER_LEVEL_DEBUG, SAMPLE_TIME, "", invalid);
  muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, snapshot, sizeof snapshot);
  sample_add_origin (log, 1, "other", 70008);
  sample_add_record (log, MUSTER_LEVEL_EMERGENCY, SAMPLE_TIME, "d", "");
}

int
main (int argc, char **argv)
{
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    return 2;
  if (argc > 2)
    add_million (log, g_ascii_strtoull (argv[2], NULL, 10));
  else
    add_everything (log);
  if (!g_file_set_contents (argv[1], (const char *) log->data, (gssize) log->len, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  return 0;
}
