/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The input is what comes over a connection, and also one datagram. Whatever it is: frames lie within it and use all of it
 * up, the same ones in whatever pieces it comes, a message is made of each, its record can be encoded, and what is sent on
 * again is understood.
 */
#include "config.h"

#include <string.h>

#include "muster-encoder-private.h"
#include "muster-syslog-encode.h"
#include "muster-syslog-frames.h"
#include "muster-syslog-record.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define MAX_SIZE 600
#define NOW_NS   G_GUINT64_CONSTANT (1795308996000000000)

/* Out as our own transport sends it: within its size, and never malformed. */
static void
send_on (const MusterEntry *entry, gboolean newlines)
{
  const MusterSyslogStyle style = { .protocol = MUSTER_SYSLOG_RFC5424,
                                    .app_name = "{domain}-{worker}",
                                    .max_size = newlines ? 1024 : 100000,
                                    .metadata = TRUE,
                                    .escape_controls = newlines };
  g_autoptr (GByteArray) out = g_byte_array_new ();
  MusterSyslogMessage message;

  g_assert_true (muster_syslog_encode (&style, entry, NULL, out));
  g_assert_true (out->len <= style.max_size);
  if (newlines)
    g_assert_null (memchr (out->data, '\n', out->len));
  muster_syslog_parse ((const char *) out->data, out->len, NOW_NS, &message);
  g_assert_null (message.malformed);
}

static void
encode (const MusterSourceRecord *record)
{
  const MusterRecordParts parts = { .level = record->level,
                                    .time_ns = record->time_ns,
                                    .domain = record->domain,
                                    .message = record->message,
                                    .fields = record->fields,
                                    .n_fields = record->n_fields,
                                    .truncated_from = record->truncated_from };
  g_autofree guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  gsize length;
  const guint8 *bytes = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView view;

  g_assert_nonnull (bytes);
  muster_entry_iter_init (&iter, bytes, length);
  g_assert_true (muster_entry_iter_next (&iter, &entry));
  g_assert_true (muster_entry_get_record (&entry, &view));
  g_assert_true (muster_utf8_is_valid (view.domain.data, view.domain.length));
  send_on (&entry, FALSE);
  send_on (&entry, TRUE);
}

static void
take (MusterSyslogRecord *record, const char *bytes, gsize length, gsize truncated_from)
{
  g_autofree char *exact = g_malloc (MAX (length, 1)); /* so that what is read behind it is seen */
  MusterSyslogMessage message;

  if (length > 0)
    memcpy (exact, bytes, length);
  muster_syslog_parse (exact, length, NOW_NS, &message);
  g_assert_true (message.level >= MUSTER_LEVEL_EMERGENCY && message.level <= MUSTER_LEVEL_DEBUG);
  muster_syslog_record_fill (record, &message, length % 2 == 0 ? "192.0.2.1" : NULL, truncated_from);
  g_assert_true (record->record.n_fields <= MUSTER_SYSLOG_FIELDS_MAX);
  encode (&record->record);
}

/* The messages of a connection that brings @piece bytes at a time, one behind the other; NULL: one frame is wrong, and what
 * there is of that depends on the pieces. */
static GByteArray *
split (const guint8 *data, gsize size, gsize piece)
{
  g_autoptr (GByteArray) messages = g_byte_array_new ();
  g_autoptr (GByteArray) pending = g_byte_array_new ();
  MusterSyslogFrames frames = { .max_size = MAX_SIZE };
  MusterSyslogFrame frame;
  gsize n;

  for (gsize at = 0; at <= size; at += piece)
    {
      g_byte_array_append (pending, data + at, (guint) MIN (piece, size - at));
      while ((n = muster_syslog_frames_next (&frames, (const char *) pending->data, pending->len, at + piece > size,
                                             &frame))
             > 0)
        {
          if (frame.wrong != NULL)
            return NULL;
          if (frame.bytes != NULL)
            {
              g_byte_array_append (messages, (const guint8 *) frame.bytes, (guint) frame.length);
              g_byte_array_append (messages, (const guint8 *) (frame.truncated_from > 0 ? "\n!" : "\n."), 2);
            }
          g_byte_array_remove_range (pending, 0, (guint) n);
        }
      g_assert_cmpuint (pending->len, <, MAX (MAX_SIZE + 32, piece));
    }
  g_assert_cmpuint (pending->len, ==, 0);
  return g_steal_pointer (&messages);
}

static void
compare_pieces (const guint8 *data, gsize size)
{
  g_autoptr (GByteArray) whole = NULL;
  g_autoptr (GByteArray) pieces = NULL;

  if (size == 0)
    return;
  whole = split (data, size, size + 1);
  pieces = split (data, size, data[0] % 100 + 1);
  g_assert_true ((whole == NULL) == (pieces == NULL));
  if (whole != NULL)
    g_assert_cmpmem (whole->data, whole->len, pieces->data, pieces->len);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MusterSyslogFrames frames = { .max_size = MAX_SIZE };
  MusterSyslogRecord record;
  MusterSyslogFrame frame;
  const char *bytes = size > 0 ? (const char *) data : "";
  gsize done = 0, n;

  muster_syslog_record_init (&record);
  take (&record, bytes, size, 0);
  while ((n = muster_syslog_frames_next (&frames, bytes + done, size - done, TRUE, &frame)) > 0)
    {
      g_assert_true (n <= size - done);
      if (frame.bytes != NULL)
        {
          g_assert_true (frame.bytes >= bytes + done && frame.bytes + frame.length <= bytes + done + n);
          g_assert_true (frame.length <= frames.max_size);
          take (&record, frame.bytes, frame.length, frame.truncated_from);
        }
      done += n;
    }
  g_assert_cmpuint (done, ==, size);
  muster_syslog_record_clear (&record);
  compare_pieces (data, size);
  return 0;
}
