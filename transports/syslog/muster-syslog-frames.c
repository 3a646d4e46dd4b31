/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages out of a stream of bytes.
 */
#include "config.h"

#include <string.h>

#include "muster-syslog-frames.h"

/* RFC 6587, section 3.4.1: MSG-LEN; 7 digits are 10 MB, and more than all that a message can be. */
#define COUNT_MAX 9999999
/* What has more digits is no count at all. */
#define DIGITS_MAX 20

typedef enum
{
  NOT_COUNTED,
  COUNTED,
  COUNTED_WRONG, /* no message has that length */
  UNDECIDED,     /* the next bytes will tell */
} Kind;

/* "12 <": a number, a blank, and the message's own beginning, so that "99 bottles" is a line. Zeros in front do no harm
 * (rsyslog takes them too). One that cannot be must look like a priority behind, too: "12345678 <1". */
static Kind
read_count (const char *bytes, gsize length, gsize *count, gsize *prefix)
{
  gsize i = 0;

  for (*count = 0; i < length && g_ascii_isdigit (bytes[i]); i++)
    {
      if (i == DIGITS_MAX)
        return NOT_COUNTED;
      *count = MIN (*count * 10 + (gsize) (bytes[i] - '0'), COUNT_MAX + 1);
    }
  if (i == 0)
    return NOT_COUNTED;
  *prefix = i + 1;
  if (i == length)
    return UNDECIDED;
  if (bytes[i] != ' ' || (i + 1 < length && bytes[i + 1] != '<'))
    return NOT_COUNTED;
  if (i + 1 == length)
    return UNDECIDED;
  if (*count > 0 && *count <= COUNT_MAX)
    return COUNTED;
  if (i + 2 == length)
    return UNDECIDED;
  return g_ascii_isdigit (bytes[i + 2]) ? COUNTED_WRONG : NOT_COUNTED;
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
  *frame = (MusterSyslogFrame){ bytes + prefix, wanted, wanted < count ? count : 0, NULL };
  self->skip = count - wanted;
  return prefix + wanted;
}

/* Where the next message would begin nobody knows: there is none. */
static gsize
take_wrong (MusterSyslogFrames *self, const char *bytes, gsize length, MusterSyslogFrame *frame)
{
  gsize there = MIN (length, self->max_size);

  *frame = (MusterSyslogFrame){ bytes, there, there < length ? length : 0, "a frame counts what no message can have" };
  return length;
}

static gsize
take_line (MusterSyslogFrames *self, const char *bytes, gsize length, gboolean at_end, MusterSyslogFrame *frame)
{
  const char *feed = memchr (bytes, '\n', length);
  gsize there = feed != NULL ? (gsize) (feed - bytes) : length;

  if (there > self->max_size)
    {
      *frame = (MusterSyslogFrame){ bytes, self->max_size, there, NULL };
      self->skip_line = TRUE;
      return self->max_size;
    }
  if (feed == NULL && !at_end)
    return 0;
  *frame = (MusterSyslogFrame){ bytes, there, 0, NULL };
  return feed != NULL ? there + 1 : there;
}

static gsize
pass_line (MusterSyslogFrames *self, const char *bytes, gsize length)
{
  const char *feed = memchr (bytes, '\n', length);

  self->skip_line = feed == NULL;
  return feed != NULL ? (gsize) (feed - bytes) + 1 : length;
}

/* The rest of what was cut, and line feeds and NULs between messages. */
static gsize
pass_over (MusterSyslogFrames *self, const char *bytes, gsize length)
{
  gsize n = (gsize) MIN (self->skip, length);

  if (self->skip_line)
    return pass_line (self, bytes, length);
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

  *frame = (MusterSyslogFrame){ NULL, 0, 0, NULL };
  if (length == 0)
    return 0;
  passed = pass_over (self, bytes, length);
  if (passed > 0)
    return passed;
  kind = read_count (bytes, length, &count, &prefix);
  if (kind == UNDECIDED && !at_end)
    return 0;
  if (kind == COUNTED_WRONG)
    return take_wrong (self, bytes, length, frame);
  if (kind == COUNTED)
    return take_counted (self, bytes, length, count, prefix, at_end, frame);
  return take_line (self, bytes, length, at_end, frame);
}
