/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Syslog messages from any bytes: RFC 5424, RFC 3164 and what is sent under its name. Nothing is allocated, nothing fails:
 * what is not understood is the message, and is marked. Any thread.
 */
#include "config.h"

#include <string.h>

#include "muster-syslog-parse.h"
#include "muster-syslog-time.h"

/* Longer ones are no names, but text that happens to have no blank. */
#define NAME_MAX_BYTES 255
/* RFC 3164, section 5.3 says 32; programs have longer names. */
#define TAG_MAX_BYTES 64

typedef struct
{
  const char *position;
  const char *end;
} Input;

static gsize
left_of (const Input *input)
{
  return (gsize) (input->end - input->position);
}

static gboolean
is_at (const Input *input, char c)
{
  return input->position < input->end && *input->position == c;
}

/* "<PRI>", 0 to 191 without leading zeros beyond what is meant */
static gboolean
take_priority (Input *input, MusterSyslogMessage *message)
{
  const char *p = input->position + 1;
  guint number = 0, digits = 0;

  if (!is_at (input, '<'))
    return FALSE;
  for (; p < input->end && g_ascii_isdigit (*p) && digits < 3; p++, digits++)
    number = number * 10 + (guint) (*p - '0');
  if (digits == 0 || p == input->end || *p != '>' || number > MUSTER_SYSLOG_PRIORITY_MAX)
    return FALSE;
  message->facility = (MusterSyslogFacility) (number / 8);
  message->level = (MusterLevel) (number % 8 + 1);
  input->position = p + 1;
  return TRUE;
}

/* "52 <PRI>...": logger(1) counts octets in datagrams too. */
static void
skip_count (Input *input)
{
  const char *p = input->position;
  gsize count = 0;

  for (; p < input->end && g_ascii_isdigit (*p) && count < G_MAXUINT16; p++)
    count = count * 10 + (gsize) (*p - '0');
  if (p > input->position && input->end - p > 2 && p[0] == ' ' && p[1] == '<' && (gsize) (input->end - p) - 1 == count)
    input->position = p + 1;
}

/* What stands up to the next blank, which is taken too. FALSE: nothing stands there, or it is too long to be a name. */
static gboolean
take_word (Input *input, gsize max, MusterSlice *word)
{
  const char *start = input->position;
  const char *blank = memchr (start, ' ', left_of (input));
  gsize length = (gsize) ((blank != NULL ? blank : input->end) - start);

  if (length == 0 || length > max)
    return FALSE;
  *word = (MusterSlice){ start, length };
  input->position = blank != NULL ? blank + 1 : input->end;
  return TRUE;
}

/* -- RFC 5424 -------------------------------------------------------------------------------------- */

/* A word, empty for "-". */
static gboolean
take_header (Input *input, MusterSlice *word)
{
  if (!take_word (input, NAME_MAX_BYTES, word))
    return FALSE;
  if (word->length == 1 && *word->data == '-')
    *word = (MusterSlice){ NULL, 0 };
  return TRUE;
}

/* A name of an element or parameter: up to @stop or what may not stand in it. */
static gboolean
skip_name (Input *input)
{
  const char *start = input->position;

  while (input->position < input->end && input->position - start < NAME_MAX_BYTES && (guint8) *input->position > 0x20
         && *input->position != '=' && *input->position != ']' && *input->position != '"')
    input->position++;
  return input->position > start;
}

/* Behind the first quotation mark, up to behind the last one. */
static gboolean
skip_value (Input *input)
{
  while (input->position < input->end)
    {
      char c = *input->position++;

      if (c == '"')
        return TRUE;
      if (c == '\\' && input->position < input->end)
        input->position++;
      else if (c == ']')
        return FALSE; /* must be escaped */
    }
  return FALSE;
}

static gboolean
skip_element (Input *input)
{
  input->position++;
  if (!skip_name (input))
    return FALSE;
  while (is_at (input, ' '))
    {
      while (is_at (input, ' '))
        input->position++;
      if (is_at (input, ']'))
        break;
      if (!skip_name (input) || !is_at (input, '='))
        return FALSE;
      input->position++;
      if (!is_at (input, '"'))
        return FALSE;
      input->position++;
      if (!skip_value (input))
        return FALSE;
    }
  if (!is_at (input, ']'))
    return FALSE;
  input->position++;
  return TRUE;
}

static gboolean
take_data (Input *input, MusterSyslogMessage *message)
{
  const char *start = input->position;

  if (is_at (input, '-'))
    input->position++;
  else
    {
      if (!is_at (input, '['))
        return FALSE;
      while (is_at (input, '['))
        if (!skip_element (input))
          return FALSE;
      message->data = (MusterSlice){ start, (gsize) (input->position - start) };
    }
  return input->position == input->end || *input->position == ' ';
}

static gboolean
take_time (Input *input, MusterSyslogMessage *message)
{
  MusterSlice word;

  if (!take_header (input, &word))
    return FALSE;
  return word.length == 0
         || muster_syslog_time_parse_rfc3339 (word.data, word.length, &message->time_ns) == word.length;
}

/* Behind the version. What breaks off leaves the rest as the message. */
static void
parse_rfc5424 (Input *input, MusterSyslogMessage *message)
{
  Input before;

  message->is_rfc5424 = TRUE;
  if (!take_time (input, message) || !take_header (input, &message->host) || !take_header (input, &message->app_name)
      || !take_header (input, &message->proc_id) || !take_header (input, &message->msg_id))
    {
      message->malformed = "the header of RFC 5424 breaks off";
      message->message = (MusterSlice){ input->position, left_of (input) };
      return;
    }
  before = *input;
  if (!take_data (input, message))
    {
      message->malformed = "the structured data is not what RFC 5424 means";
      message->data = (MusterSlice){ NULL, 0 };
      message->message = (MusterSlice){ before.position, left_of (&before) };
      return;
    }
  if (input->position < input->end)
    input->position++;
  if (left_of (input) >= 3 && memcmp (input->position, "\xef\xbb\xbf", 3) == 0)
    input->position += 3;
  message->message = (MusterSlice){ input->position, left_of (input) };
}

/* -- RFC 3164 -------------------------------------------------------------------------------------- */

static gboolean
is_tag_char (char c)
{
  return g_ascii_isalnum (c) || strchr ("-_./@+", c) != NULL;
}

/* "su:", "su[123]:", "su[123] ": sets the name and the number, and moves behind it. */
static gboolean
take_tag (Input *input, MusterSyslogMessage *message)
{
  const char *start = input->position;
  const char *p = start;
  const char *pid = NULL;
  MusterSlice number = { NULL, 0 };

  while (p < input->end && p - start < TAG_MAX_BYTES && *p != '\0' && is_tag_char (*p))
    p++;
  if (p == start || p == input->end)
    return FALSE;
  message->app_name = (MusterSlice){ start, (gsize) (p - start) };
  if (*p == '[')
    {
      pid = ++p;
      while (p < input->end && p - pid < TAG_MAX_BYTES && (guint8) *p > 0x20 && *p != ']')
        p++;
      number = (MusterSlice){ pid, (gsize) (p - pid) };
      if (p == input->end || *p++ != ']' || number.length == 0)
        number.data = NULL;
    }
  if ((pid != NULL && number.data == NULL) || (pid == NULL && (p == input->end || *p != ':')))
    {
      message->app_name = (MusterSlice){ NULL, 0 };
      return FALSE;
    }
  message->proc_id = number;
  if (p < input->end && *p == ':')
    p++;
  if (p < input->end && *p == ' ')
    p++;
  input->position = p;
  return TRUE;
}

static gboolean
is_host (MusterSlice word)
{
  for (gsize i = 0; i < word.length; i++)
    if (!g_ascii_isalnum (word.data[i]) && (word.data[i] == '\0' || strchr ("-_.:%", word.data[i]) == NULL))
      return FALSE;
  return word.length > 0 && word.data[word.length - 1] != ':';
}

/* Behind the time: "HOST TAG: text" from afar, "TAG: text" from this machine. What is neither is all text. */
static void
take_host_and_tag (Input *input, MusterSyslogMessage *message)
{
  Input behind = *input;
  MusterSlice word;

  if (take_tag (input, message))
    return;
  if (!take_word (&behind, NAME_MAX_BYTES, &word) || !is_host (word))
    return;
  message->host = word;
  *input = behind;
  take_tag (input, message);
}

static void
parse_rfc3164 (Input *input, guint64 now_ns, MusterSyslogMessage *message)
{
  gsize length = muster_syslog_time_parse_old (input->position, left_of (input), now_ns, &message->time_ns);

  if (length == 0)
    length = muster_syslog_time_parse_rfc3339 (input->position, left_of (input), &message->time_ns);
  if (length == 0)
    length = muster_syslog_time_parse_zoneless (input->position, left_of (input), &message->time_ns);
  if (length > 0 && length < left_of (input) && input->position[length] == ' ')
    {
      input->position += length + 1;
      take_host_and_tag (input, message);
    }
  else
    {
      /* RFC 3164, section 4.3.2: without a time there is no host; a tag there may be. */
      message->time_ns = 0;
      take_tag (input, message);
    }
  message->message = (MusterSlice){ input->position, left_of (input) };
}

/* -- both ------------------------------------------------------------------------------------------ */

void
muster_syslog_parse (const char *bytes, gsize length, guint64 now_ns, MusterSyslogMessage *message)
{
  const char *start = length > 0 ? bytes : "";
  Input input = { start, start + length };

  /* RFC 3164, section 4.3.3: user.notice */
  *message = (MusterSyslogMessage){ .facility = MUSTER_SYSLOG_USER, .level = MUSTER_LEVEL_NOTICE };
  skip_count (&input);
  if (!take_priority (&input, message))
    {
      message->malformed = "no priority";
      message->message = (MusterSlice){ start, length };
      return;
    }
  if (left_of (&input) >= 2 && memcmp (input.position, "1 ", 2) == 0)
    {
      input.position += 2;
      parse_rfc5424 (&input, message);
    }
  else
    parse_rfc3164 (&input, now_ns, message);
}

/* -- structured data ------------------------------------------------------------------------------- */

void
muster_syslog_data_iter_init (MusterSyslogDataIter *iter, MusterSlice data)
{
  *iter = (MusterSyslogDataIter){ .position = data.data, .end = data.data != NULL ? data.data + data.length : NULL };
}

static MusterSlice
take_name (Input *input)
{
  const char *start = input->position;

  skip_name (input);
  return (MusterSlice){ start, (gsize) (input->position - start) };
}

/* At "[": the element's name; TRUE if it has no parameters. */
static gboolean
enter_element (MusterSyslogDataIter *iter, Input *input)
{
  input->position++;
  iter->id = take_name (input);
  while (is_at (input, ' '))
    input->position++;
  return is_at (input, ']');
}

gboolean
muster_syslog_data_iter_next (MusterSyslogDataIter *iter, MusterSlice *name, MusterSlice *value)
{
  Input input = { iter->position, iter->end };

  *name = *value = (MusterSlice){ "", 0 };
  while (is_at (&input, ' '))
    input.position++;
  if (is_at (&input, ']'))
    input.position++;
  if (input.position >= input.end)
    return FALSE;
  if (is_at (&input, '[') && enter_element (iter, &input))
    {
      iter->position = input.position;
      return TRUE;
    }
  *name = take_name (&input);
  input.position += MIN (left_of (&input), 2); /* =" */
  value->data = input.position;
  if (!skip_value (&input))
    return FALSE;
  value->length = (gsize) (input.position - value->data) - 1;
  iter->position = input.position;
  return TRUE;
}

/* RFC 5424, section 6.3.3: a backslash before anything else is a backslash. */
gsize
muster_syslog_data_unescape (MusterSlice value, char *out)
{
  char *start = out;

  for (gsize i = 0; i < value.length; i++)
    {
      char next = i + 1 < value.length ? value.data[i + 1] : '\0';

      if (value.data[i] == '\\' && (next == '"' || next == '\\' || next == ']'))
        i++;
      *out++ = value.data[i];
    }
  return (gsize) (out - start);
}
