/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages out of a stream of bytes.
 */
#include "config.h"

#include <string.h>

#include "muster-syslog-frames.h"

/* RFC 6587, section 3.4.1: MSG-LEN; 7 digits are 10 MB. */
#define DIGITS_MAX 7

typedef enum
{
  NOT_COUNTED,
  COUNTED,
  UNDECIDED, /* the next bytes will tell */
} Kind;

/* "12 <": a number, a blank, and the message's own beginning, so that "99 bottles" is a line. */
static Kind
read_count (const char *bytes, gsize length, gsize *count, gsize *prefix)
{
  gsize i = 0;

  *count = 0;
  if (*bytes < '1' || *bytes > '9')
    return NOT_COUNTED;
  for (; i < length && g_ascii_isdigit (bytes[i]); i++)
    {
      if (i == DIGITS_MAX)
        return NOT_COUNTED;
      *count = *count * 10 + (gsize) (bytes[i] - '0');
    }
  *prefix = i + 1;
  if (i == length || (bytes[i] == ' ' && i + 1 == length))
    return UNDECIDED;
  return bytes[i] == ' ' && bytes[i + 1] == '<' ? COUNTED : NOT_COUNTED;
}

static gsize
take_counted (MusterSyslogFrames *self, const char *bytes, gsize length, gsize count, gsize prefix, gboolean at_end,
              MusterSyslogFrame *frame)
{
  gsize there = MIN (length - prefix, count);
  gsize wanted = MIN (count, self->max_size);

  if (there < wanted && !at_end)
    return 0;
  wanted = MIN (wanted, there);
  *frame = (MusterSyslogFrame){ bytes + prefix, wanted, wanted < count ? count : 0 };
  self->skip = count - wanted;
  return prefix + wanted;
}

static gsize
take_line (MusterSyslogFrames *self, const char *bytes, gsize length, gboolean at_end, MusterSyslogFrame *frame)
{
  const char *feed = memchr (bytes, '\n', MIN (length, self->max_size + 1));

  if (feed != NULL)
    {
      *frame = (MusterSyslogFrame){ bytes, (gsize) (feed - bytes), 0 };
      return frame->length + 1;
    }
  if (length > self->max_size)
    {
      *frame = (MusterSyslogFrame){ bytes, self->max_size, length };
      return self->max_size;
    }
  if (!at_end)
    return 0;
  *frame = (MusterSyslogFrame){ bytes, length, 0 };
  return length;
}

/* The rest of what was cut, and line feeds and NULs between messages. */
static gsize
pass_over (MusterSyslogFrames *self, const char *bytes, gsize length)
{
  gsize n = (gsize) MIN (self->skip, length);

  if (n > 0)
    {
      self->skip -= n;
      return n;
    }
  while (n < length && (bytes[n] == '\n' || bytes[n] == '\0'))
    n++;
  return n;
}

gsize
muster_syslog_frames_next (MusterSyslogFrames *self, const char *bytes, gsize length, gboolean at_end,
                           MusterSyslogFrame *frame)
{
  gsize count, prefix, passed;
  Kind kind;

  *frame = (MusterSyslogFrame){ NULL, 0, 0 };
  if (length == 0)
    return 0;
  passed = pass_over (self, bytes, length);
  if (passed > 0)
    return passed;
  kind = read_count (bytes, length, &count, &prefix);
  if (kind == UNDECIDED && !at_end)
    return 0;
  if (kind == COUNTED)
    return take_counted (self, bytes, length, count, prefix, at_end, frame);
  return take_line (self, bytes, length, at_end, frame);
}
