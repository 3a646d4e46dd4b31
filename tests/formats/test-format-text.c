/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines, to the byte: values, what is absent, padding, colours, gaps, and what is left out.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-error.h"
#include "muster-format-text.h"
#include "muster-wire-private.h"

#include <math.h>

static void
assert_output (MusterFormat *format, GByteArray *log, const char *expected)
{
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autofree char *text = g_strndup ((const char *) out->data, out->len);

  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (out->len, ==, strlen (expected));
}

static MusterFormat *
text_format (const char *pattern)
{
  return sample_format (MUSTER_TYPE_FORMAT_TEXT, "utc", TRUE, "pattern", pattern, NULL);
}

static void
assert_line (const char *pattern, GByteArray *log, const char *expected)
{
  g_autoptr (MusterFormat) format = text_format (pattern);

  assert_output (format, log, expected);
}

static GByteArray *
full_log (void)
{
  static const guint8 data[] = { 0x00, 0xab, 0xff };
  const MusterField fields[] = {
    MUSTER_TEXT ("user", "anna"),      MUSTER_TEXT ("agent", "a \"b\" c"), MUSTER_INTEGER ("i", G_MININT64),
    MUSTER_NATURAL ("n", G_MAXUINT64), MUSTER_NUMBER ("x", 0.25),          MUSTER_FLAG ("yes", TRUE),
    MUSTER_FLAG ("no", FALSE),         MUSTER_DATA ("d", data, 3),         MUSTER_NUMBER ("nan", (double) NAN),
    MUSTER_NUMBER ("inf", -HUGE_VAL),  MUSTER_TEXT ("user", "berta"),      MUSTER_TEXT ("a key", ""),
  };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_WARNING, .time_ns = SAMPLE_TIME };
  GByteArray *log = sample_log_new ();

  parts.domain = muster_slice_from_string ("http");
  parts.message = muster_slice_from_string ("hello");
  parts.file = "server.c";
  parts.function = "answer";
  parts.line = 217;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  sample_add_record (log, &parts);
  return log;
}

static GByteArray *
bare_log (void)
{
  MusterRecordParts parts = { .level = MUSTER_LEVEL_NONE };
  GByteArray *log = g_byte_array_new ();
  MusterOrigin origin = { .first_seq = 7 };

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  muster_encode_origin (log, &origin);
  sample_add_record (log, &parts);
  return log;
}

static void
test_default (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_TEXT, "utc", TRUE, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();

  sample_add_message (log, "hello", 5);
  sample_add_message (log, "two\nlines \\o/", 13);
  assert_output (format, log,
                 "2023-11-14 22:13:20.123456+0000 web-1 info http: hello\n"
                 "2023-11-14 22:13:20.123456+0000 web-1 info http: two\\nlines \\\\o/\n");
  g_assert_cmpstr (muster_format_get_extension (format), ==, "log");
  g_assert_cmpstr (muster_format_get_content_type (format), ==, "text/plain; charset=utf-8");
  g_assert_false (muster_format_get_keeps_gaps (format));
}

static void
test_values (void)
{
  g_autoptr (GByteArray) log = full_log ();

  assert_line ("{host} {cluster} {worker} {pid} {stream} {seq}", log, "host-1 shop web-1 4711 " SAMPLE_HEX " 41\n");
  assert_line ("{level} {LEVEL} {domain} {message}", log, "warning WARNING http hello\n");
  assert_line ("<{file}:{line}> {function}", log, "<server.c:217> answer\n");
  assert_line ("{time} {time:%s.%3f}", log, "2023-11-14T22:13:20.123456+0000 1700000000.123\n");
  assert_line ("{field:user}|{field:agent}|{field:i}|{field:x}|{field:yes}|{field:d}|{field:a key}|{field:none}", log,
               "berta|a \"b\" c|-9223372036854775808|0.25|true|0x00abff|-|-\n");
  assert_line ("{fields}", log,
               "user=anna agent=\"a \\\"b\\\" c\" i=-9223372036854775808 n=18446744073709551615 x=0.25 yes=true "
               "no=false d=0x00abff nan=nan inf=-inf user=berta \"a key\"=\"\"\n");
  assert_line ("{field:user}: {fields}{field:agent}{field:nan}{field:inf}{field:i}", log,
               "berta: n=18446744073709551615 x=0.25 yes=true no=false d=0x00abff \"a key\"=\"\""
               "a \"b\" cnan-inf-9223372036854775808\n");
  assert_line ("{{{message}}} }}{{", log, "{hello} }{\n");
  assert_line ("only text", log, "only text\n");
  assert_line ("", log, "\n");
}

static void
test_absent (void)
{
  g_autoptr (GByteArray) log = bare_log ();
  g_autoptr (GByteArray) headless = bare_log ();
  g_autoptr (MusterFormat) format = text_format ("{host} {worker} {pid} {stream} {seq}");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterEntryIter iter;
  MusterEntry entry;

  assert_line ("{time} {level} {LEVEL} {host} {cluster} {worker} {pid} {seq} {domain} <{file}:{line}> {function} "
               "{field:x} ({message}) ({fields})",
               log, "- - - - - - - 7 - <-:-> - - () ()\n");
  assert_line (NULL, log, "- - - -:\n");

  /* No origin at all. */
  muster_entry_iter_init (&iter, headless->data, headless->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  entry.origin = NULL;
  entry.sequence = 0;
  g_assert_true (muster_format_format_entry (format, &entry, out, NULL));
  g_assert_cmpmem (out->data, out->len, "- - - - -\n", 10);
}

/* Blanks that an empty value leaves at the end go; blanks that are the message's own stay. */
static void
test_trailing_blanks (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) empty = sample_log_new ();

  sample_add_message (log, "own blanks  ", 12);
  sample_add_message (empty, "", 0);
  assert_line ("{message} {fields}   ", log, "own blanks  \n");
  assert_line ("{message:<20} {fields:<9}", log, "own blanks  \n");
  assert_line ("{message:>20} ", log, "        own blanks  \n");
  assert_line ("{domain}: {message} {fields}", empty, "http:\n");
  assert_line ("{message} {fields}", empty, "\n");
  assert_line ("{worker:<9} {fields}", empty, "web-1\n");
  assert_line ("   {fields}", empty, "\n");
}

static void
test_padding (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) wide = sample_log_new ();

  sample_add_message (log, "hello", 5);
  sample_add_message (wide, "gr\xc3\xb6\xc3\x9f\x65r", 8);
  assert_line ("[{level:<8}][{level:>8}][{level:<2}][{level:>2}]", log, "[info    ][    info][info][info]\n");
  assert_line ("[{worker:<8}][{worker:>8}][{pid:>8}]", log, "[web-1   ][   web-1][    4711]\n");
  assert_line ("[{message:<8}][{message:>8}][{domain:>6}]", log, "[hello   ][   hello][  http]\n");
  assert_line ("[{message:<8}][{message:>8}]", wide, "[gr\xc3\xb6\xc3\x9f\x65r  ][  gr\xc3\xb6\xc3\x9f\x65r]\n");
  assert_line ("[{file:<4}][{line:>4}][{field:x:<3}][{fields:>3}][{fields:<2}]", log, "[-   ][   -][-  ][   ][  ]\n");
}

static void
test_colours (void)
{
  g_autoptr (MusterFormat) format = sample_format (
      MUSTER_TYPE_FORMAT_TEXT, "pattern", "{worker:>6}|{level:<5}|{LEVEL}|{message:>7}|{file}|{fields}", "theme",
      "mine", "theme-colors", "worker=level;message=bold;warning=yellow;info=green;location=1;fields=red", NULL);
  g_autoptr (MusterFormat) changed = sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{level}{worker}", "theme",
                                                    "terminal", "theme-colors", "worker=#010203", NULL);
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) full = sample_log_new ();
  g_autoptr (GByteArray) bare = bare_log ();
  const MusterField fields[] = { MUSTER_FLAG ("x", TRUE) };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_WARNING, .file = "a.c", .fields = fields, .n_fields = 1 };

  sample_add_message (log, "hello", 5);
  sample_add_record (full, &parts);
  assert_output (format, log,
                 " \033[32mweb-1\033[0m|\033[32minfo\033[0m |\033[32mINFO\033[0m|  \033[1mhello\033[0m|"
                 "\033[38;5;1m-\033[0m|\n");
  assert_output (format, full,
                 " \033[33mweb-1\033[0m|\033[33mwarning\033[0m|\033[33mWARNING\033[0m|       |"
                 "\033[38;5;1ma.c\033[0m|\033[31mx=true\033[0m\n");
  assert_output (format, bare, "     -|-    |-|       |\033[38;5;1m-\033[0m|\n");
  assert_output (changed, log, "\033[32minfo\033[0m\033[38;2;1;2;3mweb-1\033[0m\n");
}

/* A message may hold anything: a terminal must not obey it, themed or not. */
static void
test_no_escape_sequences (void)
{
  static const char evil[] = "\x1b]0;title\x07\x1b[2J\xc2\x9b"
                             "31m\x9b"
                             "1m\x08\x7f";
  const MusterField fields[] = { MUSTER_TEXT ("k", "\x1b[31m"), MUSTER_TEXT ("\x1b[5m", "v") };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO, .file = "\x1b[1m", .function = "\x1b[2m", .line = 1 };
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (MusterFormat) format =
      text_format ("{host}{cluster}{worker}{domain}{message}{file}{function}{field:k}{fields}");
  MusterOrigin origin = { .first_seq = 1 };

  origin.host = origin.cluster = origin.worker = muster_slice_from_string ("\x1b[3m");
  muster_encode_origin (log, &origin);
  parts.domain = muster_slice_from_string ("\x1b[4m");
  parts.message = muster_slice_from_string (evil);
  parts.fields = fields;
  parts.n_fields = 2;
  sample_add_record (log, &parts);
  out = sample_run (format, log, TRUE);
  g_assert_true (g_utf8_validate_len ((const char *) out->data, out->len, NULL));
  for (guint i = 0; i + 1 < out->len; i++)
    g_assert_true (out->data[i] >= 0x20 && out->data[i] < 0x7f);
  g_assert_nonnull (
      g_strstr_len ((const char *) out->data, out->len, "\\x1b]0;title\\x07\\x1b[2J\\xc2\\x9b31m\\x9b1m\\x08\\x7f"));
}

static void
test_raw (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();

  sample_add_message (log, "caf\xe9 \\x", 7);
  assert_line ("{message}", log, "caf\\xe9 \\\\x\n");
}

static void
test_indent (void)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{level}: {message} {fields}",
                                                   "multiline", MUSTER_TEXT_MULTILINE_INDENT, NULL);
  g_autoptr (GByteArray) log = sample_log_new ();

  sample_add_message (log, "one\ntwo\tthree\n", 14);
  assert_output (format, log, "info: one\n    two\\tthree\n");
}

static void
test_gaps (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();

  muster_encode_gap (log, 5, MUSTER_GAP_JOURNAL_FULL);
  muster_encode_gap (log, 9, MUSTER_GAP_FILTERED);
  muster_encode_gap (log, 1, MUSTER_GAP_TORN);
  sample_add_message (log, "hello", 5);
  assert_line (NULL, log,
               "- web-1 - -: -- 5 entries missing: journal-full --\n"
               "- web-1 - -: -- 1 entry missing: torn --\n"
               "2023-11-14 22:13:20.123456+0000 web-1 info http: hello\n");
  assert_line ("{seq} {message}", log,
               "41 -- 5 entries missing: journal-full --\n"
               "55 -- 1 entry missing: torn --\n"
               "56 hello\n");
  assert_line ("{seq}", log, "-- 5 entries missing: journal-full --\n-- 1 entry missing: torn --\n56\n");
}

static void
test_payload (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  const MusterField fields[] = { MUSTER_FLAG ("x", TRUE) };
  MusterRecordParts parts = { .level = MUSTER_LEVEL_INFO };

  parts.payload_type = muster_slice_from_string ("example.org/shop.Order");
  parts.payload = (MusterSlice){ "\x08\x01", 2 };
  sample_add_record (log, &parts);
  parts.fields = fields;
  parts.n_fields = 1;
  sample_add_record (log, &parts);
  assert_line ("{message} {fields}", log,
               " payload_type=example.org/shop.Order payload_size=2\n"
               " x=true payload_type=example.org/shop.Order payload_size=2\n");
}

/* Labels may change inside a batch; what was kept ready must follow. */
static void
test_origins (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  MusterOrigin origin = { .first_seq = 42, .pid = 9 };

  memcpy (origin.stream, SAMPLE_STREAM, sizeof origin.stream);
  origin.worker = muster_slice_from_string ("a worker with a long name");
  sample_add_message (log, "one", 3);
  muster_encode_origin (log, &origin);
  sample_add_message (log, "two", 3);
  assert_line ("{worker} {host} {pid} {message}", log, "web-1 host-1 4711 one\na worker with a long name - 9 two\n");
}

/* Snapshots and kinds of the future are left out; a record that is none is said to be missing, its neighbours stay. */
static void
test_other_kinds (void)
{
  static const guint8 unknown[] = { 0x0a, 0x04, 0x7a, 0x02, 0x08, 0x01 };
  static const guint8 broken[] = { 0x0a, 0x04, 0x12, 0x02, 0x22, 0x7f };
  g_autoptr (GByteArray) log = sample_log_new ();

  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, (const guint8 *) "", 0));
  g_byte_array_append (log, unknown, sizeof unknown);
  g_byte_array_append (log, broken, sizeof broken);
  sample_add_message (log, "hello", 5);
  assert_line ("{seq} {message}", log, "43 -- 1 entry missing: corrupt --\n44 hello\n");
}

static void
test_long (void)
{
  g_autoptr (GByteArray) log = sample_log_new ();
  g_autoptr (GByteArray) out = NULL;
  g_autoptr (GByteArray) back = NULL;
  g_autoptr (MusterFormat) format = text_format ("{message}");
  g_autofree char *message = g_strnfill (20000, '\n');

  message[19999] = 'x';
  sample_add_message (log, message, 20000);
  out = sample_run (format, log, TRUE);
  g_assert_cmpuint (out->len, ==, 2 * 19999 + 1 + 1);
  back = sample_unescape ((const char *) out->data, out->len - 1);
  g_assert_cmpmem (back->data, back->len, message, 20000);
}

static void
test_start_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterFormat) pattern = g_object_new (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{levle}", NULL);
  g_autoptr (MusterFormat) theme = g_object_new (MUSTER_TYPE_FORMAT_TEXT, "theme", "brick", NULL);
  g_autoptr (MusterFormat) colors =
      g_object_new (MUSTER_TYPE_FORMAT_TEXT, "theme", "mine", "theme-colors", "time=blu", NULL);

  g_assert_false (muster_format_start (pattern, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "pattern, column 2: nothing is called “levle”; did you mean “level”?");
  g_clear_error (&error);
  g_assert_false (muster_format_start (theme, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (muster_format_start (colors, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
}

static void
test_properties (void)
{
  g_autoptr (MusterFormat) format =
      sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "x", "theme", "bricks", "theme-colors", "time=red",
                     "multiline", MUSTER_TEXT_MULTILINE_INDENT, "utc", TRUE, NULL);
  g_autofree char *pattern = NULL;
  g_autofree char *theme = NULL;
  g_autofree char *colors = NULL;
  MusterTextMultiline multiline;
  gboolean utc;

  g_object_get (format, "pattern", &pattern, "theme", &theme, "theme-colors", &colors, "multiline", &multiline, "utc",
                &utc, NULL);
  g_assert_cmpstr (pattern, ==, "x");
  g_assert_cmpstr (theme, ==, "bricks");
  g_assert_cmpstr (colors, ==, "time=red");
  g_assert_cmpint (multiline, ==, MUSTER_TEXT_MULTILINE_INDENT);
  g_assert_true (utc);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format-text/default", test_default);
  g_test_add_func ("/format-text/values", test_values);
  g_test_add_func ("/format-text/absent", test_absent);
  g_test_add_func ("/format-text/trailing-blanks", test_trailing_blanks);
  g_test_add_func ("/format-text/padding", test_padding);
  g_test_add_func ("/format-text/colours", test_colours);
  g_test_add_func ("/format-text/no-escape-sequences", test_no_escape_sequences);
  g_test_add_func ("/format-text/raw", test_raw);
  g_test_add_func ("/format-text/indent", test_indent);
  g_test_add_func ("/format-text/gaps", test_gaps);
  g_test_add_func ("/format-text/payload", test_payload);
  g_test_add_func ("/format-text/origins", test_origins);
  g_test_add_func ("/format-text/other-kinds", test_other_kinds);
  g_test_add_func ("/format-text/long", test_long);
  g_test_add_func ("/format-text/start-errors", test_start_errors);
  g_test_add_func ("/format-text/properties", test_properties);
  return g_test_run ();
}
