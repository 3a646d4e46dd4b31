/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entries to messages, and back: what our own transport sends, our own source takes for the same record.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "muster-encoder-private.h"
#include "muster-syslog-encode.h"
#include "muster-syslog-outbox.h"
#include "muster-syslog-endpoint.h"
#include "muster-syslog-record.h"

#define TIME_NS (G_GUINT64_CONSTANT (1795308996) * 1000000000 + 123456789)

static const MusterSyslogStyle plain = {
  .protocol = MUSTER_SYSLOG_RFC5424,
  .facility = MUSTER_SYSLOG_DAEMON,
  .app_name = "{worker}",
  .max_size = 65536,
  .metadata = FALSE,
  .hostname = TRUE,
};

typedef struct
{
  GByteArray *log;
  MusterEntryIter iter;
  MusterEntry entry;
} Sample;

/* The record as the only entry behind an origin. */
static void
sample_init (Sample *sample, const MusterRecordParts *parts)
{
  MusterOrigin origin = { .first_seq = 7, .pid = 4711 };
  g_autofree guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  gsize length;
  const guint8 *entry = muster_encode_record (buffer, MUSTER_ENTRY_MAX, parts, &length);

  memset (origin.stream, 0xab, sizeof origin.stream);
  origin.host = muster_slice_from_string ("box");
  origin.cluster = muster_slice_from_string ("shop");
  origin.worker = muster_slice_from_string ("web-1");
  sample->log = g_byte_array_new ();
  muster_encode_origin (sample->log, &origin);
  g_byte_array_append (sample->log, entry, (guint) length);
  muster_entry_iter_init (&sample->iter, sample->log->data, sample->log->len);
  g_assert_true (muster_entry_iter_next (&sample->iter, &sample->entry));
  g_assert_true (muster_entry_iter_next (&sample->iter, &sample->entry));
}

static void
sample_clear (Sample *sample)
{
  g_byte_array_unref (sample->log);
}

static char *
encode (const MusterSyslogStyle *style, const MusterRecordParts *parts)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  Sample sample;

  sample_init (&sample, parts);
  g_assert_true (muster_syslog_encode (style, &sample.entry, NULL, out));
  sample_clear (&sample);
  g_assert_cmpuint (out->len, <=, style->max_size);
  return g_strndup ((const char *) out->data, out->len);
}

static MusterRecordParts
hello (void)
{
  return (MusterRecordParts){ .level = MUSTER_LEVEL_INFO,
                              .time_ns = TIME_NS,
                              .domain = muster_slice_from_string ("http"),
                              .message = muster_slice_from_string ("hello") };
}

static void
assert_encoded (const MusterSyslogStyle *style, const MusterRecordParts *parts, const char *expected)
{
  g_autofree char *text = encode (style, parts);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_rfc5424 (void)
{
  MusterSyslogStyle style = plain;
  MusterRecordParts parts = hello ();
  const MusterField fields[] = { MUSTER_TEXT ("user", "a\"b]c\\d\n"), MUSTER_INTEGER ("n", -3),
                                 MUSTER_TEXT ("k\xc3\xbc y", "v") };

  assert_encoded (&style, &parts, "<30>1 2026-11-22T00:56:36.123456Z box web-1 4711 http - hello");
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  assert_encoded (&style, &parts,
                  "<30>1 2026-11-22T00:56:36.123456Z box web-1 4711 http "
                  "[muster@32473 user=\"a\\\"b\\]c\\\\d\n\" n=\"-3\" k___y=\"v\"] hello");
  style.metadata = style.bom = TRUE;
  style.app_name = "my {cluster}/{domain}";
  parts.file = "a.c";
  parts.line = 9;
  parts.function = "f";
  parts.domain = muster_slice_from_string ("a domain");
  assert_encoded (
      &style, &parts,
      "<30>1 2026-11-22T00:56:36.123456Z box my_shop/a_domain 4711 a_domain "
      "[muster@32473 user=\"a\\\"b\\]c\\\\d\n\" n=\"-3\" k___y=\"v\"]"
      "[muster-meta@32473 cluster=\"shop\" worker=\"web-1\" stream=\"abababababababababababababababab\" "
      "seq=\"7\" file=\"a.c\" line=\"9\" function=\"f\" domain=\"a domain\" types=\"tit\" k2=\"k\xc3\xbc y\"] "
      "\xef\xbb\xbfhello");
}

static void
test_rfc3164 (void)
{
  MusterSyslogStyle style = plain;
  MusterRecordParts parts = hello ();
  const MusterField fields[] = { MUSTER_TEXT ("user", "a \"b\"") };

  style.protocol = MUSTER_SYSLOG_RFC3164;
  style.escape_controls = TRUE;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  parts.message = muster_slice_from_string ("two\nlines");
  assert_encoded (&style, &parts, "<30>Nov 22 00:56:36 box web-1[4711]: two#012lines user=\"a \\\"b\\\"\"");
  style.hostname = FALSE;
  parts.level = MUSTER_LEVEL_EMERGENCY;
  parts.n_fields = 0;
  assert_encoded (&style, &parts, "<24>Nov 22 00:56:36 web-1[4711]: two#012lines");
}

static void
test_newlines (void)
{
  MusterSyslogStyle style = plain;
  MusterRecordParts parts = hello ();
  const MusterField fields[] = { MUSTER_TEXT ("k", "x\ny") };

  style.escape_controls = TRUE;
  parts.fields = fields;
  parts.n_fields = 1;
  parts.message = muster_slice_from_string ("a\tb\nc");
  assert_encoded (&style, &parts,
                  "<30>1 2026-11-22T00:56:36.123456Z box web-1 4711 http [muster@32473 k=\"x#012y\"] a#011b#012c");
}

/* A gap is said, metrics and what was filtered are not. */
static void
test_others (void)
{
  static const guint8 snapshot[] = { 0x30, 0x01 };
  g_autoptr (GByteArray) log = g_byte_array_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterEntryIter iter;
  MusterEntry entry;

  muster_encode_gap (log, 5, MUSTER_GAP_JOURNAL_FULL);
  muster_encode_gap (log, 5, MUSTER_GAP_FILTERED);
  g_assert_true (muster_encode_entry (log, MUSTER_ENTRY_SNAPSHOT, snapshot, sizeof snapshot));
  muster_entry_iter_init (&iter, log->data, log->len);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_syslog_encode (&plain, &entry, NULL, out));
  g_byte_array_append (out, (const guint8 *) "", 1);
  g_assert_nonnull (strstr ((const char *) out->data, "muster - 5 entries are missing: journal-full"));
  for (guint i = 0; i < 2; i++)
    {
      guint before = out->len;

      g_assert_true (muster_entry_iter_next (&iter, &entry));
      g_assert_false (muster_syslog_encode (&plain, &entry, NULL, out));
      g_assert_cmpuint (out->len, ==, before);
    }
}

/* Whatever is too long, a message is within its size, says that it was cut, and is valid UTF-8. */
static void
test_sizes (void)
{
  g_autofree char *text = g_malloc (3 * 3000);
  MusterField fields[20];
  MusterRecordParts parts = hello ();

  for (guint i = 0; i < 3000; i++)
    memcpy (text + (gsize) 3 * i, "\xe2\x82\xac", 3); /* euro signs */
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    fields[i] = (MusterField){ .key = { "key", 3 }, .type = MUSTER_FIELD_TEXT, .value.text = { text, (gsize) 30 * i } };
  parts.fields = fields;
  for (gsize max = 480; max < 4000; max += 13)
    for (guint i = 0; i < 8; i++)
      {
        MusterSyslogStyle style = plain;
        g_autofree char *message = NULL;

        style.max_size = max;
        style.protocol = i & 1 ? MUSTER_SYSLOG_RFC3164 : MUSTER_SYSLOG_RFC5424;
        style.metadata = (i & 2) != 0;
        style.bom = (i & 4) != 0;
        parts.n_fields = i & 2 ? G_N_ELEMENTS (fields) : 0;
        parts.message = (MusterSlice){ text, (gsize) 3 * 3000 };
        message = encode (&style, &parts);
        g_assert_true (g_utf8_validate (message, -1, NULL));
        g_assert_nonnull (strstr (message, "truncated_from=\"9000\""));
        g_assert_cmpuint (strlen (message), >=, max - 80);
        if (parts.n_fields > 0)
          g_assert_nonnull (strstr (message, "fields_dropped=\""));
      }
}

/* Names that are longer than a message, and keys whose escapes are: they go, the text and what still fits stay. */
static void
test_long_names (void)
{
  g_autofree char *name = g_strnfill (5000, '\n');
  const MusterField fields[] = { { .key = { name, 150 }, .type = MUSTER_FIELD_TEXT, .value.text = { "v", 1 } },
                                 MUSTER_TEXT ("user", "eve") };
  MusterRecordParts parts = hello ();

  parts.domain = (MusterSlice){ name, 5000 };
  parts.function = name;
  parts.file = "a.c";
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  for (gsize max = 480; max < 2000; max += 7)
    {
      MusterSyslogStyle style = plain;
      g_autofree char *message = NULL;
      int n_missing;

      style.max_size = max;
      style.metadata = style.escape_controls = TRUE;
      message = encode (&style, &parts);
      g_assert_true (g_str_has_suffix (message, "] hello"));
      if (max < 1000)
        g_assert_true (strstr (message, " function=") == NULL && strstr (message, " domain=") == NULL);
      n_missing = (strstr (message, " k0=") == NULL) + (strstr (message, " user=\"eve\"]") == NULL);
      g_assert_cmpint (n_missing, <, 2);
      g_assert_true ((n_missing == 1) == (strstr (message, " fields_dropped=\"1\"") != NULL));
      if (max > 1100)
        g_assert_true (strstr (message, " seq=\"7\"") != NULL && strstr (message, " k0=") != NULL);
    }
}

/* -- there and back -------------------------------------------------------------------------------- */

static void
assert_same_field (const MusterField *a, const MusterField *b)
{
  g_assert_cmpmem (a->key.data, a->key.length, b->key.data, b->key.length);
  g_assert_cmpint (a->type, ==, b->type);
  if (a->type == MUSTER_FIELD_TEXT || a->type == MUSTER_FIELD_DATA)
    g_assert_cmpmem (a->value.text.data, a->value.text.length, b->value.text.data, b->value.text.length);
  else if (a->type == MUSTER_FIELD_NUMBER)
    g_assert_true (a->value.number == b->value.number);
  else if (a->type == MUSTER_FIELD_FLAG)
    g_assert_cmpint (!a->value.flag, ==, !b->value.flag);
  else
    g_assert_cmpint (a->value.integer, ==, b->value.integer);
}

static void
test_round_trip (void)
{
  static const guint8 bytes[] = { 0, 1, 255, '"', ']' };
  const MusterField fields[] = {
    MUSTER_TEXT ("plain", "x"),
    MUSTER_TEXT ("quotes", "\"]\\[ \n\t\\\\\" \xc3\xbc"),
    MUSTER_TEXT ("", "without a key"),
    MUSTER_TEXT ("a key with blanks = and \"quotes\" and more than 32 letters", ""),
    MUSTER_INTEGER ("least", G_MININT64),
    MUSTER_NATURAL ("most", G_MAXUINT64),
    MUSTER_NUMBER ("pi", G_PI),
    MUSTER_FLAG ("yes", TRUE),
    MUSTER_FLAG ("no", FALSE),
    MUSTER_DATA ("bytes", bytes, sizeof bytes),
    MUSTER_DATA ("no_bytes", bytes, 0),
    MUSTER_TEXT ("plain", "the same key again"),
  };
  MusterSyslogStyle style = plain;
  MusterRecordParts parts = hello ();
  g_autofree char *text = NULL;
  MusterSyslogMessage message;
  MusterSyslogRecord record;

  style.metadata = TRUE;
  parts.fields = fields;
  parts.n_fields = G_N_ELEMENTS (fields);
  parts.domain = muster_slice_from_string ("d\xc3\xb6main");
  parts.message = muster_slice_from_string ("lines\nwith \"quotes\" ] and a feed\n");
  text = encode (&style, &parts);
  muster_syslog_parse (text, strlen (text), TIME_NS, &message);
  g_assert_null (message.malformed);
  muster_syslog_record_init (&record);
  muster_syslog_record_fill (&record, &message, NULL, 0);
  g_assert_cmpint (record.record.level, ==, MUSTER_LEVEL_INFO);
  g_assert_cmpuint (record.record.time_ns, ==, TIME_NS - 789);
  g_assert_cmpuint (record.record.pid, ==, 4711);
  g_assert_cmpmem (record.record.host.data, record.record.host.length, "box", 3);
  g_assert_cmpmem (record.record.domain.data, record.record.domain.length, parts.domain.data, parts.domain.length);
  g_assert_cmpmem (record.record.message.data, record.record.message.length, parts.message.data, parts.message.length);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    assert_same_field (&record.fields[i + 1], &fields[i]); /* behind `facility` */
  muster_syslog_record_clear (&record);
}

/* -- the outbox -- */

static void
put (MusterSyslogOutbox *outbox, const char *text)
{
  g_byte_array_append (outbox->bytes, (const guint8 *) text, (guint) strlen (text));
  muster_syslog_outbox_add_end (outbox);
}

static void
test_outbox (void)
{
  MusterSyslogOutbox outbox;

  muster_syslog_outbox_init (&outbox);
  put (&outbox, "aaaa");
  put (&outbox, "bbbb");
  put (&outbox, "cccc");
  muster_syslog_outbox_note_sent (&outbox, 10);
  muster_syslog_outbox_note_taken (&outbox, 3); /* no whole message */
  g_assert_cmpuint (outbox.bytes->len, ==, 12);
  muster_syslog_outbox_note_taken (&outbox, 7);
  g_assert_cmpuint (outbox.bytes->len, ==, 8);
  g_assert_cmpuint (muster_syslog_outbox_get_unsent (&outbox), ==, 2);
  muster_syslog_outbox_note_taken (&outbox, 100); /* not more than was sent */
  g_assert_cmpuint (outbox.bytes->len, ==, 4);
  g_assert_cmpuint (muster_syslog_outbox_rewind (&outbox), ==, 0); /* c was sent in part */
  g_assert_cmpuint (muster_syslog_outbox_get_unsent (&outbox), ==, 4);
  muster_syslog_outbox_note_sent (&outbox, 4);
  g_assert_cmpuint (muster_syslog_outbox_rewind (&outbox), ==, 1);
  muster_syslog_outbox_note_sent (&outbox, 4);
  muster_syslog_outbox_note_taken (&outbox, 4);
  g_assert_true (muster_syslog_outbox_is_empty (&outbox));
  muster_syslog_outbox_clear (&outbox);
}

/* -- endpoints -- */

static void
assert_endpoint (const char *text, MusterSyslogKind kind, const char *host, guint port)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterSyslogEndpoint) endpoint = muster_syslog_endpoint_parse (text, "endpoint", &error);

  g_assert_no_error (error);
  g_assert_cmpint (endpoint->kind, ==, kind);
  g_assert_cmpstr (endpoint->host, ==, host);
  g_assert_cmpuint (endpoint->port, ==, port);
}

static void
test_endpoints (void)
{
  static const char *const bad[] = {
    "",         "host:514",      "http://x",   "udp://",       "udp://:514", "tcp://x:0", "tcp://x:65536",
    "tcp://x:", "tcp://::1:514", "tcp://[::1", "tcp://[::1]x", "unix:log",   "unix:"
  };

  assert_endpoint ("udp://h", MUSTER_SYSLOG_UDP, "h", 514);
  assert_endpoint ("tcp://1.2.3.4:99", MUSTER_SYSLOG_TCP, "1.2.3.4", 99);
  assert_endpoint ("tls://[::1]", MUSTER_SYSLOG_TLS, "::1", 6514);
  assert_endpoint ("tls://[::1]:1", MUSTER_SYSLOG_TLS, "::1", 1);
  assert_endpoint ("unix:/dev/log", MUSTER_SYSLOG_UNIX, "/dev/log", 0);
  assert_endpoint ("unix:///dev/log", MUSTER_SYSLOG_UNIX, "/dev/log", 0);
  assert_endpoint ("unix-stream:/x", MUSTER_SYSLOG_UNIX_STREAM, "/x", 0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (muster_syslog_endpoint_parse (bad[i], "endpoint", &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "endpoint: "));
    }
}

int
main (int argc, char **argv)
{
  setenv ("TZ", "UTC", TRUE);
  tzset ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/syslog-encode/rfc5424", test_rfc5424);
  g_test_add_func ("/syslog-encode/rfc3164", test_rfc3164);
  g_test_add_func ("/syslog-encode/newlines", test_newlines);
  g_test_add_func ("/syslog-encode/others", test_others);
  g_test_add_func ("/syslog-encode/sizes", test_sizes);
  g_test_add_func ("/syslog-encode/long-names", test_long_names);
  g_test_add_func ("/syslog-encode/round-trip", test_round_trip);
  g_test_add_func ("/syslog-encode/outbox", test_outbox);
  g_test_add_func ("/syslog-encode/endpoints", test_endpoints);
  return g_test_run ();
}
