/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages as they come: RFC 5424 with its own examples, RFC 3164 as programs really send it, and rubbish.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "muster-syslog-frames.h"
#include "muster-syslog-record.h"
#include "muster-syslog-time.h"

#define NOW_NS (G_GUINT64_CONSTANT (1795308996) * 1000000000) /* 2026-11-22T00:56:36Z */

/* "level facility time host app pid msgid data|message|malformed" */
static char *
describe (const char *bytes, gsize length)
{
  MusterSyslogMessage m;

  muster_syslog_parse (bytes, length, NOW_NS, &m);
  return g_strdup_printf ("%s %s %" G_GUINT64_FORMAT " %.*s %.*s %.*s %.*s %.*s|%.*s|%s",
                          muster_level_to_string (m.level), muster_syslog_facility_to_string (m.facility),
                          m.time_ns / 1000, (int) m.host.length, m.host.data, (int) m.app_name.length, m.app_name.data,
                          (int) m.proc_id.length, m.proc_id.data, (int) m.msg_id.length, m.msg_id.data,
                          (int) m.data.length, m.data.data, (int) m.message.length, m.message.data,
                          m.malformed != NULL ? "malformed" : "");
}

static const struct
{
  const char *bytes;
  const char *expected;
} cases[] = {
  /* RFC 5424, section 6.5 */
  { "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on "
    "/dev/pts/8",
    "critical auth 1065910455003000 mymachine.example.com su  ID47 |'su root' failed for lonvick on /dev/pts/8|" },
  { "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
    "notice local4 1061727255000003 192.0.2.1 myproc 8710  |%% It's time to make the do-nuts.|" },
  { "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
    "eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]",
    "notice local4 1065910455003000 mymachine.example.com evntslog  ID47 [exampleSDID@32473 iut=\"3\" "
    "eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]||" },
  { "<0>1 - - - - - -", "emergency kern 0     ||" },
  { "<191>1 - - - - - [a][b c=\"\\]\\\"\\\\\"] x", "debug local7 0     [a][b c=\"\\]\\\"\\\\\"]|x|" },
  /* what breaks off leaves the rest */
  { "<13>1 - host", "notice user 0 host    ||malformed" },
  { "<13>1 yesterday host app - - - x", "notice user 0     |host app - - - x|malformed" },
  { "<13>1 - h a - - [broken c=\"x] text", "notice user 0 h a   |[broken c=\"x] text|malformed" },
  { "<13>1 - h a - - [a b=\"c\"]text", "notice user 0 h a   |[a b=\"c\"]text|malformed" },
  { "<13>1 - h a - - nothing", "notice user 0 h a   |nothing|malformed" },
  /* RFC 3164, section 5.4, and as it is really sent */
  { "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
    "critical auth 1791756855000000 mymachine su   |'su root' failed for lonvick on /dev/pts/8|" },
  { "<13>Nov 22 00:00:01 root: from this machine", "notice user 1795305601000000  root   |from this machine|" },
  { "<13>Nov  2 00:00:01 cron[77]: padded", "notice user 1793577601000000  cron 77  |padded|" },
  { "<30>Nov 22 00:00:01 host a.b-c/d_e[12]: x", "info daemon 1795305601000000 host a.b-c/d_e 12  |x|" },
  { "<30>2026-11-22T00:00:01.5+01:00 host app: rsyslog's own form",
    "info daemon 1795302001500000 host app   |rsyslog's own form|" },
  { "<30>2026-11-22T00:00:01 localhost prg[1]: loggen's", "info daemon 1795305601000000 localhost prg 1  |loggen's|" },
  { "<30>Nov 22 2026 00:00:01 switch: %LINK-3-UPDOWN: with a year",
    "info daemon 1795305601000000  switch   |%LINK-3-UPDOWN: with a year|" },
  { "<30>Nov 22 00:00:01.250 router no tag here", "info daemon 1795305601250000 router    |no tag here|" },
  { "<30>Dec 31 23:59:59 h p: of last year", "info daemon 1798761599000000 h p   |of last year|" },
  { "<30>app: no time", "info daemon 0  app   |no time|" },
  { "<30>no time, no tag", "info daemon 0     |no time, no tag|" },
  { "<30>Nov 32 00:00:01 h p: no such day", "info daemon 0     |Nov 32 00:00:01 h p: no such day|" },
  { "<30>", "info daemon 0     ||" },
  { "18 <30>app: in a datagram", "notice user 0     |18 <30>app: in a datagram|malformed" },
  { "22 <30>app: in a datagram", "info daemon 0  app   |in a datagram|" },
  /* rubbish */
  { "", "notice user 0     ||malformed" },
  { "hello", "notice user 0     |hello|malformed" },
  { "<192>1 - - - - - - x", "notice user 0     |<192>1 - - - - - - x|malformed" },
  { "<1234>x", "notice user 0     |<1234>x|malformed" },
  { "<>x", "notice user 0     |<>x|malformed" },
  { "<13", "notice user 0     |<13|malformed" },
};

static void
test_messages (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].bytes);
      g_autofree char *exact = g_memdup2 (cases[i].bytes, length); /* no NUL behind it */
      g_autofree char *text = describe (exact, length);

      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

/* Every beginning of every message is something, too. */
static void
test_cut (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize length = 0; length < strlen (cases[i].bytes); length++)
      {
        g_autofree char *exact = g_memdup2 (cases[i].bytes, length);
        g_autofree char *text = describe (exact != NULL ? exact : "", length);

        g_assert_nonnull (text);
      }
}

static void
assert_time (const char *text, gsize taken, guint64 us)
{
  guint64 ns = 0;

  g_assert_cmpuint (muster_syslog_time_parse_rfc3339 (text, strlen (text), &ns), ==, taken);
  g_assert_cmpuint (ns / 1000, ==, us);
}

static void
test_times (void)
{
  guint64 ns = 0;

  assert_time ("1970-01-01T00:00:00Z", 20, 0);
  assert_time ("2000-02-29T12:00:00z", 20, 951825600000000);
  assert_time ("2026-11-22T00:56:36.123456789Z x", 30, 1795308996123456);
  assert_time ("2026-11-22T00:56:36.1234567891Z", 0, 0); /* ten digits */
  assert_time ("1970-01-01T00:00:00+01:00", 0, 0);       /* before 1970 */
  assert_time ("2026-13-01T00:00:00Z", 0, 0);
  assert_time ("2026-11-22T00:56:36", 0, 0);
  assert_time ("2026-11-22 00:56:36Z", 0, 0);
  /* the year is the one in which it is nearest */
  g_assert_cmpuint (
      muster_syslog_time_parse_old ("Jan  1 00:00:00", 15, NOW_NS + G_GUINT64_CONSTANT (3400000000000000), &ns), ==,
      15);
  g_assert_cmpuint (ns / 1000000000, ==, 1798761600);
  g_assert_cmpuint (
      muster_syslog_time_parse_old ("Dec 31 00:00:00", 15, G_GUINT64_CONSTANT (1798761700) * 1000000000, &ns), ==, 15);
  g_assert_cmpuint (ns / 1000000000, ==, 1798675200);
}

/* -- records -- */

static char *
describe_record (const char *bytes, const char *peer)
{
  GString *text = g_string_new (NULL);
  MusterSyslogMessage message;
  MusterSyslogRecord record;
  gsize length = strlen (bytes);
  g_autofree char *exact = g_memdup2 (bytes, length);

  muster_syslog_record_init (&record);
  muster_syslog_parse (exact, length, NOW_NS, &message);
  muster_syslog_record_fill (&record, &message, peer, 0);
  g_string_append_printf (text, "%.*s/%.*s/%u %.*s", (int) record.record.host.length, record.record.host.data,
                          (int) record.record.domain.length, record.record.domain.data, record.record.pid,
                          (int) record.record.message.length, record.record.message.data);
  for (gsize i = 0; i < record.record.n_fields; i++)
    {
      const MusterField *field = &record.fields[i];

      g_string_append_printf (text, " %.*s", (int) field->key.length, field->key.data);
      if (field->type == MUSTER_FIELD_TEXT)
        g_string_append_printf (text, "='%.*s'", (int) field->value.text.length, field->value.text.data);
      else if (field->type == MUSTER_FIELD_INTEGER)
        g_string_append_printf (text, "=i%" G_GINT64_FORMAT, field->value.integer);
      else if (field->type == MUSTER_FIELD_NATURAL)
        g_string_append_printf (text, "=n%" G_GUINT64_FORMAT, field->value.natural);
      else if (field->type == MUSTER_FIELD_NUMBER)
        g_string_append_printf (text, "=f%g", field->value.number);
      else if (field->type == MUSTER_FIELD_FLAG)
        g_string_append_printf (text, "=b%d", field->value.flag);
      else if (field->type == MUSTER_FIELD_DATA)
        g_string_append_printf (text, "=d%" G_GSIZE_FORMAT, field->value.text.length);
    }
  muster_syslog_record_clear (&record);
  return g_string_free (text, FALSE);
}

static const struct
{
  const char *bytes;
  const char *peer;
  const char *expected;
} records[] = {
  { "<13>1 - h a 5 id [x@1 k=\"a\\\"b\" l=\"\"][y] m\n", "192.0.2.1",
    "h/a/5 m facility='user' x@1.k='a\"b' x@1.l='' y='' msgid='id' peer='192.0.2.1'" },
  { "<13>1 - - a worker-5 - - m", "192.0.2.1", "192.0.2.1/a/0 m facility='user' procid='worker-5'" },
  { "<13>1 - h a - - - m", NULL, "h/a/0 m facility='user'" },
  { "garbage", NULL, "//0 garbage facility='user' malformed='no priority'" },
  { "<13>1 - h \xff\xfe - - - m", NULL, "h//0 m facility='user' domain='\xff\xfe'" },
  /* of another Muster: nothing is taken from the end, and types come back */
  { "<13>1 - h web-1 5 http [muster@32473 a=\"1\" b=\"-2\" c=\"x\" d=\"true\" e=\"1.5\" f_=\"AQI=\"]"
    "[muster-meta@32473 cluster=\"shop\" seq=\"9\" types=\"nitbfd\" k5=\"f \xc3\xbc\" truncated_from=\"99\"] m\n",
    NULL,
    "h/http/5 m\n facility='user' a=n1 b=i-2 c='x' d=b1 e=f1.5 f \xc3\xbc=d2 cluster='shop' seq=n9 app_name='web-1'" },
  /* what is not of its type stays text */
  { "<13>1 - h a - d [muster@32473 a=\"x\" b=\"y\"][muster-meta@32473 types=\"nfzzzz\" k9=\"z\" domain=\"e\"] m", NULL,
    "h/e/0 m facility='user' a='x' b='y' k9='z' app_name='a'" },
};

static void
test_records (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autofree char *text = describe_record (records[i].bytes, records[i].peer);

      g_assert_cmpstr (text, ==, records[i].expected);
    }
}

/* More fields than are kept are counted. */
static void
test_many_fields (void)
{
  g_autoptr (GString) bytes = g_string_new ("<13>1 - h a - - [x@1");
  g_autofree char *text = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (bytes, " k%u=\"\\\"%u\"", i, i);
  g_string_append (bytes, "] m");
  text = describe_record (bytes->str, NULL);
  g_assert_nonnull (strstr (text, " x@1.k253='\"253'"));
  g_assert_null (strstr (text, "k254="));
  g_assert_true (g_str_has_suffix (text, " fields_dropped=n746"));
}

/* -- frames -- */

/* Feeds @bytes in pieces of @size; "message|cut!|wrong?|". */
static char *
split (const char *bytes, gsize length, gsize size, gsize max_size)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GByteArray) pending = g_byte_array_new ();
  MusterSyslogFrames frames = { .max_size = max_size };

  for (gsize at = 0; at <= length; at += size)
    {
      gboolean at_end = at + size > length;
      MusterSyslogFrame frame;
      gsize n;

      g_byte_array_append (pending, (const guint8 *) bytes + at, (guint) MIN (size, length - at));
      while ((n = muster_syslog_frames_next (&frames, (const char *) pending->data, pending->len, at_end, &frame)) > 0)
        {
          g_assert_cmpuint (n, <=, pending->len);
          if (frame.bytes != NULL)
            {
              g_string_append_len (text, frame.bytes, (gssize) frame.length);
              g_string_append (text, frame.truncated_from > 0 ? "!" : "");
              g_string_append (text, frame.wrong != NULL ? "?" : "");
              g_string_append (text, "|");
            }
          g_byte_array_remove_range (pending, 0, (guint) n);
        }
    }
  g_assert_cmpuint (pending->len, ==, 0);
  return g_string_free (text, FALSE);
}

static const struct
{
  const char *bytes;
  const char *expected;
} streams[] = {
  { "", "" },
  { "5 <1>ab3 <2>", "<1>ab|<2>|" },
  { "<1>a\n<2>b\n", "<1>a|<2>b|" },
  { "5 <1>ab<2>line\n4 <3>c\n<4>last", "<1>ab|<2>line|<3>c|<4>last|" },
  { "7 <1>a\nbc\n3 <2>", "<1>a\nbc|<2>|" },
  { "99 bottles\n12\n", "99 bottles|12|" },
  /* counts that are none */
  { "12345678 <b\n", "12345678 <b|" },
  { "007 <1>abcd3 <2>", "<1>abcd|<2>|" },
  { "0 <x\n<1>a\n", "0 <x|<1>a|" },
  { "12<1>a\n4 <2>b", "12<1>a|<2>b|" },
  { "12\t<1>a\n<2>b", "12\t<1>a|<2>b|" },
  { "123456789012345678901 <1>a\n<2>b\n", "123456789012!|<2>b|" },
  { "10 <1>ab", "<1>ab!|" },
  { "\n\n\n<1>a\n\n", "<1>a|" },
  { "30 <1>4567890123456789012345678903 <2>", "<1>456789012!|<2>|" },
  { "<1>45678901234567\n<2>b\n", "<1>456789012!|<2>b|" },
  { "<1>4567890123 <2>b\n4 <3>c", "<1>456789012!|<3>c|" },
  { "<1>456789012\n<2>b", "<1>456789012|<2>b|" },
  { "<1>4567890123", "<1>456789012!|" },
  /* counted wrongly */
  { "4 <1>abc4 <1>abc", "<1>a|bc4 <1>abc|" },
};

static void
test_frames (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    for (gsize size = 1; size < 50; size++)
      {
        g_autofree char *text = split (streams[i].bytes, strlen (streams[i].bytes), size, 12);

        g_assert_cmpstr (text, ==, streams[i].expected);
      }
}

/* A count that no message can have: nothing behind it is to be trusted. */
static void
test_wrong_frames (void)
{
  static const char *const wrong[] = { "100000000000 <1>a\n", "12345678 <1>", "0 <1>a", "000 <1>a",
                                       "99999999999999999999 <1" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *text = split (wrong[i], strlen (wrong[i]), 100, 100);
      g_autofree char *expected = g_strconcat (wrong[i], "?|", NULL);

      g_assert_cmpstr (text, ==, expected);
    }
}

int
main (int argc, char **argv)
{
  setenv ("TZ", "UTC", TRUE);
  tzset ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/syslog-parse/messages", test_messages);
  g_test_add_func ("/syslog-parse/cut", test_cut);
  g_test_add_func ("/syslog-parse/times", test_times);
  g_test_add_func ("/syslog-parse/records", test_records);
  g_test_add_func ("/syslog-parse/many-fields", test_many_fields);
  g_test_add_func ("/syslog-parse/frames", test_frames);
  g_test_add_func ("/syslog-parse/wrong-frames", test_wrong_frames);
  return g_test_run ();
}
