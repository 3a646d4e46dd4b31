/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-end-record-private.h"
#include "muster-entry.h"

#include <signal.h>
#include <string.h>

static void
assert_end (const MusterEnd *end, MusterLevel level, const char *text)
{
  g_autofree char *said = muster_end_to_string (end);

  g_assert_cmpstr (said, ==, text);
  g_assert_cmpint (muster_end_get_level (end), ==, level);
}

static void
test_words (void)
{
  MusterEnd end = { .reason = MUSTER_EXIT_STATUS, .run_time_us = 3240000 };

  assert_end (&end, MUSTER_LEVEL_NOTICE, "ended with status 0 after 3.2 s");
  end.status = 7;
  assert_end (&end, MUSTER_LEVEL_ERROR, "ended with status 7 after 3.2 s");
  end.wanted = TRUE;
  assert_end (&end, MUSTER_LEVEL_NOTICE, "ended with status 7 after 3.2 s");
  end = (MusterEnd){ .reason = MUSTER_EXIT_SIGNAL, .signal = SIGSEGV, .run_time_us = 61000000 };
  assert_end (&end, MUSTER_LEVEL_CRITICAL, "ended by signal 11 (SIGSEGV) after 1 min 01 s");
  end.core_dumped = TRUE;
  assert_end (&end, MUSTER_LEVEL_CRITICAL, "ended by signal 11 (SIGSEGV), core dumped, after 1 min 01 s");
  end.run_time_us = -1;
  assert_end (&end, MUSTER_LEVEL_CRITICAL, "ended by signal 11 (SIGSEGV), core dumped");
  end = (MusterEnd){ .reason = MUSTER_EXIT_SIGNAL,
                     .signal = SIGKILL,
                     .wanted = TRUE,
                     .timed_out = TRUE,
                     .run_time_us = G_GINT64_CONSTANT (7380000000) };
  assert_end (&end, MUSTER_LEVEL_WARNING,
              "ended by signal 9 (SIGKILL) after 2 h 03 min; it had not stopped within its stop-timeout");
  end = (MusterEnd){ .reason = MUSTER_EXIT_UNKNOWN, .run_time_us = -1 };
  assert_end (&end, MUSTER_LEVEL_WARNING, "ended, nobody can tell how");
}

static void
test_signal_names (void)
{
  g_assert_cmpstr (muster_signal_name (SIGTERM), ==, "SIGTERM");
  g_assert_cmpstr (muster_signal_name (SIGRTMIN + 3), ==, "SIGRTMIN+3");
  g_assert_cmpstr (muster_signal_name (0), ==, "unknown");
  g_assert_cmpstr (muster_signal_name (1000), ==, "unknown");
}

static void
test_encode (void)
{
  MusterEnd end = { .reason = MUSTER_EXIT_SIGNAL,
                    .signal = SIGABRT,
                    .run_time_us = 1500000,
                    .max_rss_kib = 4321,
                    .pid = 77,
                    .restarts = 2,
                    .backtrace = "#0 f+0x1",
                    .stderr_tail = "one\ntwo" };
  g_autoptr (GBytes) bytes = muster_end_encode (&end, 123);
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  g_autoptr (GString) seen = g_string_new (NULL);
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;
  MusterFieldIter fields;
  MusterFieldView field;

  muster_entry_iter_init (&iter, data, size);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, &record));
  g_assert_cmpint (record.level, ==, MUSTER_LEVEL_CRITICAL);
  g_assert_cmpuint (record.time_ns, ==, 123);
  muster_field_iter_init (&fields, &record);
  while (muster_field_iter_next (&fields, &field))
    {
      g_string_append_printf (seen, "%.*s=", (int) field.key.length, field.key.data);
      if (field.type == MUSTER_FIELD_TEXT)
        g_string_append_len (seen, field.value.text.data, (gssize) field.value.text.length);
      else if (field.type == MUSTER_FIELD_NATURAL)
        g_string_append_printf (seen, "%" G_GUINT64_FORMAT, field.value.natural);
      else if (field.type == MUSTER_FIELD_INTEGER)
        g_string_append_printf (seen, "%" G_GINT64_FORMAT, field.value.integer);
      g_string_append_c (seen, ' ');
    }
  g_assert_cmpstr (seen->str, ==,
                   "event=exit pid=77 signal=6 signal-name=SIGABRT core-dumped= run_time_ms=1500 max_rss_kib=4321 "
                   "restarts=2 backtrace=#0 f+0x1 stderr=one\ntwo ");
  g_assert_false (muster_entry_iter_next (&iter, &entry));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/end-record/words", test_words);
  g_test_add_func ("/end-record/signal-names", test_signal_names);
  g_test_add_func ("/end-record/encode", test_encode);
  return g_test_run ();
}
