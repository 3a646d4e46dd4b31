/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Datagrams, many with one system call. While there is no room they stay in the kernel's buffer, which is larger than any
 * that we would keep; what it drops it counts, and that is said.
 */
#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster-syslog-address.h"
#include "muster-syslog-datagrams.h"

#define AT_ONCE 32
/* Calls before the loop gets its turn. */
#define BURST 16
/* When a loss is said: not more often than that. */
#define REPORT_INTERVAL_US G_USEC_PER_SEC

typedef struct
{
  struct sockaddr_storage address;
  char control[CMSG_SPACE (sizeof (guint32))];
} Sender;

struct _MusterSyslogDatagrams
{
  MusterSyslogReceiver *receiver; /* borrowed */
  int fd;
  gboolean is_inet;
  GSource *source; /* owned; NULL while paused */
  gsize slot_size;
  char *buffer; /* owned; AT_ONCE slots */
  struct mmsghdr headers[AT_ONCE];
  struct iovec vectors[AT_ONCE];
  Sender senders[AT_ONCE];
  int n_read, next; /* of the last call, not taken yet from next on */
  guint32 lost;     /* as the kernel counts, mod 2^32 */
  guint64 lost_unsaid;
  gint64 reported_us;
  struct sockaddr_storage last_address; /* whose name `peer` is */
  char peer[INET6_ADDRSTRLEN];
};

static void
prepare_headers (MusterSyslogDatagrams *self)
{
  for (guint i = 0; i < AT_ONCE; i++)
    {
      struct msghdr *header = &self->headers[i].msg_hdr;

      self->vectors[i] = (struct iovec){ self->buffer + i * self->slot_size, self->slot_size };
      *header = (struct msghdr){ .msg_name = &self->senders[i].address,
                                 .msg_namelen = sizeof self->senders[i].address,
                                 .msg_iov = &self->vectors[i],
                                 .msg_iovlen = 1,
                                 .msg_control = self->senders[i].control,
                                 .msg_controllen = sizeof self->senders[i].control };
    }
}

/* -- what was lost --------------------------------------------------------------------------------- */

static void
report_lost (MusterSyslogDatagrams *self)
{
  gint64 now_us = g_get_monotonic_time ();

  if (self->lost_unsaid == 0 || now_us - self->reported_us < REPORT_INTERVAL_US)
    return;
  muster_source_report (self->receiver->source, MUSTER_LEVEL_WARNING,
                        "%" G_GUINT64_FORMAT
                        " datagrams were lost, for the kernel's buffer was full; raise receive-buffer (and "
                        "net.core.rmem_max), or find out which transport is slow",
                        self->lost_unsaid);
  self->lost_unsaid = 0;
  self->reported_us = now_us;
}

/* SO_RXQ_OVFL: how many the socket has dropped since it was made, with each message (socket(7)). */
static void
note_lost (MusterSyslogDatagrams *self, struct msghdr *header)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (header); c != NULL; c = CMSG_NXTHDR (header, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
      {
        guint32 lost;

        memcpy (&lost, CMSG_DATA (c), sizeof lost);
        self->lost_unsaid += lost - self->lost;
        self->lost = lost;
      }
}

/* -- reading --------------------------------------------------------------------------------------- */

static gsize
address_size (const struct sockaddr_storage *address)
{
  return address->ss_family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);
}

/* The sender's address as text; the last one's is kept. */
static const char *
name_peer (MusterSyslogDatagrams *self, const struct sockaddr_storage *address)
{
  if (!self->is_inet || (address->ss_family != AF_INET && address->ss_family != AF_INET6))
    return NULL;
  if (memcmp (address, &self->last_address, address_size (address)) == 0)
    return self->peer;
  if (!muster_syslog_address_to_text (address, self->peer))
    return NULL;
  memcpy (&self->last_address, address, address_size (address));
  return self->peer;
}

static gboolean
take_one (MusterSyslogDatagrams *self, int i, guint64 now_ns)
{
  const struct mmsghdr *message = &self->headers[i];
  gsize length = message->msg_len;
  gsize there = MIN (length, self->slot_size);

  return muster_syslog_receiver_take (self->receiver, self->buffer + (gsize) i * self->slot_size, there,
                                      name_peer (self, &self->senders[i].address), length > there ? length : 0, now_ns);
}

/* FALSE: no room. */
static gboolean
take_read (MusterSyslogDatagrams *self)
{
  guint64 now_ns = muster_syslog_receiver_now ();

  for (; self->next < self->n_read; self->next++)
    if (!take_one (self, self->next, now_ns))
      return FALSE;
  return TRUE;
}

/* One system call; FALSE: there is nothing more, or no room for it. */
static gboolean
read_some (MusterSyslogDatagrams *self)
{
  prepare_headers (self);
  self->next = 0;
  self->n_read = recvmmsg (self->fd, self->headers, AT_ONCE, MSG_DONTWAIT | MSG_TRUNC, NULL);
  for (int i = 0; i < self->n_read; i++)
    note_lost (self, &self->headers[i].msg_hdr);
  return take_read (self) && self->n_read == AT_ONCE;
}

static void
pause_reading (MusterSyslogDatagrams *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static gboolean
readable_cb (int fd, GIOCondition condition, gpointer user_data)
{
  MusterSyslogDatagrams *self = user_data;

  for (guint i = 0; i < BURST && read_some (self); i++)
    ;
  report_lost (self);
  if (!self->receiver->paused)
    return G_SOURCE_CONTINUE;
  pause_reading (self);
  return G_SOURCE_REMOVE;
}

static void
begin_reading (MusterSyslogDatagrams *self)
{
  if (self->source != NULL)
    return;
  self->source = g_unix_fd_source_new (self->fd, G_IO_IN);
  g_source_set_callback (self->source, G_SOURCE_FUNC (readable_cb), self, NULL);
  g_source_set_static_name (self->source, "muster-syslog-datagrams");
  g_source_attach (self->source, muster_source_get_context (self->receiver->source));
}

void
muster_syslog_datagrams_resume (MusterSyslogDatagrams *self)
{
  if (take_read (self))
    begin_reading (self);
}

MusterSyslogDatagrams *
muster_syslog_datagrams_new (MusterSyslogReceiver *receiver, int fd, gboolean is_inet)
{
  MusterSyslogDatagrams *self = g_new0 (MusterSyslogDatagrams, 1);
  const int on = 1;

  self->receiver = receiver;
  self->fd = fd;
  self->is_inet = is_inet;
  self->slot_size = receiver->max_size;
  self->buffer = g_malloc (AT_ONCE * self->slot_size);
  self->reported_us = g_get_monotonic_time () - REPORT_INTERVAL_US;
  if (is_inet)
    setsockopt (fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on); /* without it nothing is said, and nothing else changes */
  begin_reading (self);
  return self;
}

void
muster_syslog_datagrams_free (MusterSyslogDatagrams *self)
{
  pause_reading (self);
  if (take_read (self))
    for (guint i = 0; i < 1000 && read_some (self); i++)
      ;
  self->reported_us = 0;
  report_lost (self);
  close (self->fd);
  g_free (self->buffer);
  g_free (self);
}
