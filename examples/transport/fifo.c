/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transport plugin built out of tree: into a FIFO, for a program that reads it now and then.
 */
#include <errno.h>
#include <fcntl.h>
#include <muster.h>
#include <poll.h>
#include <unistd.h>

G_DECLARE_FINAL_TYPE (FifoTransport, fifo_transport, FIFO, TRANSPORT, MusterTransport)
struct _FifoTransport
{
  MusterTransport parent_instance;
  char *path;
  int fd; /* -1 while nobody reads */
};
G_DEFINE_FINAL_TYPE (FifoTransport, fifo_transport, MUSTER_TYPE_TRANSPORT)

static gboolean
fifo_transport_start (MusterTransport *transport, GError **error)
{
  if (FIFO_TRANSPORT (transport)->path != NULL && muster_transport_get_format (transport) != NULL)
    return TRUE;
  return g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "a fifo needs a path and a format"), FALSE;
}

static MusterWriteResult
fifo_transport_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  FifoTransport *self = FIFO_TRANSPORT (transport);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  if (!muster_format_format_batch (muster_transport_get_format (transport), batch, bytes, error))
    return MUSTER_WRITE_FAILED; /* never: it becomes a gap, and a record says why */
  if (self->fd < 0)
    self->fd = open (self->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* ENXIO while nobody reads: fifo(7) */
  while (self->fd >= 0 && bytes->len > 0)
    {
      struct pollfd room = { .fd = self->fd, .events = POLLOUT };
      gssize n = poll (&room, 1, 100) < 0 ? -1 : write (self->fd, bytes->data, bytes->len);

      if (n > 0)
        g_byte_array_remove_range (bytes, 0, (guint) n);
      else if (errno != EAGAIN || muster_transport_is_stopping (transport))
        break;
    }
  if (self->fd >= 0 && bytes->len == 0)
    return MUSTER_WRITE_DONE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "%s: %s", self->path, g_strerror (errno));
  close (self->fd);
  self->fd = -1;
  return MUSTER_WRITE_RETRY; /* not now: the base class comes back with the same batch */
}

static void
fifo_transport_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  FIFO_TRANSPORT (object)->path = g_value_dup_string (value);
}

static void
fifo_transport_class_init (FifoTransportClass *class)
{
  MUSTER_TRANSPORT_CLASS (class)->start = fifo_transport_start;
  MUSTER_TRANSPORT_CLASS (class)->write = fifo_transport_write;
  G_OBJECT_CLASS (class)->set_property = fifo_transport_set_property;
  g_object_class_install_property (
      G_OBJECT_CLASS (class), 1,
      g_param_spec_string ("path", NULL, "The FIFO", NULL, G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY));
}

static void
fifo_transport_init (FifoTransport *self)
{
  self->fd = -1;
}

MUSTER_PLUGIN_DEFINE ("fifo", "0.1", "Into a FIFO", "LGPL-2.1-or-later",
                      { MUSTER_PLUGIN_TRANSPORT, "fifo", fifo_transport_get_type });
