/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Messages out of a stream of bytes: RFC 6587. Each may be framed by octet counting ("12 <13>message..") or end in a line
 * feed; which it is, is seen by how it begins. What is too long is cut, and its rest is passed over: as many bytes as were
 * counted, of a line all up to its end, for what stands in there is no message of its own. One thread.
 */
typedef struct
{
  gsize max_size;     /* of a message */
  guint64 skip;       /* so many bytes belong to a message that was cut */
  gboolean skip_line; /* all up to the next line feed does */
} MusterSyslogFrames;

typedef struct
{
  const char *bytes; /* into what was given */
  gsize length;
  gsize truncated_from; /* 0, or what it had; of a line what is known of it, at least */
  const char *wrong;    /* static; nullable: no message can be found behind this: why */
} MusterSyslogFrame;

/* Takes the next message from @bytes. Returns how many bytes it has used up; 0: more are needed (at the end: there is
 * nothing more). @frame->bytes is NULL where these bytes were no part of a message. @at_end: no more will come, so that
 * what is there is all of the last message. */
gsize muster_syslog_frames_next (MusterSyslogFrames *self, const char *bytes, gsize length, gboolean at_end,
                                 MusterSyslogFrame *frame);
