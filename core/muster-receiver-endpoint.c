/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One group's ROUTER socket. It cuts what comes into frames, and knows nothing of what they mean.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-receiver-parts-private.h"
#include "muster-zmq-router-private.h"

/* Messages handled in one go, so that many groups share the thread fairly. */
#define BURST 64
/* A routing id of ZeroMQ has at most 255 bytes (zmq_socket(3), ZMQ_ROUTER). */
#define ROUTING_MAX 255

gboolean
muster_receiver_endpoint_reply (MusterReceiverEndpoint *endpoint, GBytes *routing, const MusterLinkHeader *header,
                                const void *payload, gsize size)
{
  guint8 bytes[MUSTER_LINK_HEADER_SIZE];
  gsize routing_size;
  gconstpointer routing_data = g_bytes_get_data (routing, &routing_size);

  muster_link_header_encode (header, bytes);
  if (zmq_send (endpoint->socket, routing_data, routing_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
    return FALSE;
  if (zmq_send (endpoint->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | (size > 0 ? ZMQ_SNDMORE : 0)) < 0)
    return FALSE;
  return size == 0 || zmq_send (endpoint->socket, payload, size, ZMQ_DONTWAIT) >= 0;
}

/* Receives [routing id][header]([payload]); parts beyond are thrown away. FALSE if there is nothing. */
static gboolean
receive_one (MusterReceiverEndpoint *endpoint)
{
  zmq_msg_t parts[3];
  guint n = 0;
  gboolean more = TRUE;
  MusterReceiverFrame frame = { .endpoint = endpoint };

  while (more)
    {
      zmq_msg_t *part = &parts[MIN (n, 2)];

      if (n > 2)
        zmq_msg_close (part);
      zmq_msg_init (part);
      if (zmq_msg_recv (part, endpoint->socket, ZMQ_DONTWAIT) < 0)
        {
          zmq_msg_close (part);
          break;
        }
      more = zmq_msg_more (part);
      n++;
    }
  if (n >= 2 && zmq_msg_size (&parts[0]) <= ROUTING_MAX
      && muster_link_header_decode (zmq_msg_data (&parts[1]), zmq_msg_size (&parts[1]), &frame.header, NULL))
    {
      frame.routing = g_bytes_new (zmq_msg_data (&parts[0]), zmq_msg_size (&parts[0]));
      frame.payload = n == 3 ? &parts[2] : NULL;
      muster_receiver_handle_frame (&frame);
      g_bytes_unref (frame.routing);
    }
  for (guint i = 0; i < MIN (n, 3); i++)
    zmq_msg_close (&parts[i]);
  return n > 0;
}

static void
socket_cb (void *socket, int events, gpointer user_data)
{
  for (guint i = 0; i < BURST && receive_one (user_data); i++)
    ;
}

/* A handle of what lies at the path now, which stays the same whatever is put there later; no link is followed. */
static gboolean
give_to (int handle, uid_t uid, gid_t gid)
{
  g_autofree char *itself = g_strdup_printf ("/proc/self/fd/%d", handle);
  struct stat status;

  if (fstat (handle, &status) < 0)
    return FALSE;
  if (!S_ISSOCK (status.st_mode))
    {
      errno = ENOTSOCK;
      return FALSE;
    }
  return chmod (itself, 0600) == 0 && (uid == (uid_t) -1 || fchownat (handle, "", uid, gid, AT_EMPTY_PATH) == 0);
}

static gboolean
own_socket (const char *address, uid_t uid, gid_t gid, GError **error)
{
  const char *path = g_str_has_prefix (address, "ipc://") ? address + strlen ("ipc://") : NULL;
  int handle = path != NULL ? open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
  gboolean given;

  if (path == NULL)
    return TRUE;
  given = handle >= 0 && give_to (handle, uid, gid);
  if (!given)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot give the socket %s to its workers: %s", path,
                 g_strerror (errno));
  if (handle >= 0)
    close (handle);
  return given;
}

void
muster_receiver_endpoint_free (gpointer data)
{
  MusterReceiverEndpoint *endpoint = data;

  if (endpoint->source != NULL)
    g_source_destroy (endpoint->source);
  g_clear_pointer (&endpoint->source, g_source_unref);
  if (endpoint->socket != NULL)
    zmq_close (endpoint->socket);
  g_hash_table_unref (endpoint->peers);
  g_free (endpoint->group);
  g_free (endpoint);
}

static void *
open_router (void *zmq)
{
  const int handshake_ms = 3000, high_water = 64;
  const gint64 largest = MUSTER_LINK_MESSAGE_MAX;
  void *socket = muster_zmq_router_new (zmq);

  if (socket == NULL)
    return NULL;
  zmq_setsockopt (socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
  zmq_setsockopt (socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
  zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
  return socket;
}

MusterReceiverEndpoint *
muster_receiver_endpoint_new (MusterReceiver *receiver, const char *group, const char *address, uid_t uid, gid_t gid,
                              GError **error)
{
  MusterReceiverEndpoint *endpoint = g_new0 (MusterReceiverEndpoint, 1);

  endpoint->receiver = receiver;
  endpoint->group = g_strdup (group);
  endpoint->peers = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  endpoint->socket = open_router (receiver->zmq);
  if (endpoint->socket == NULL || zmq_bind (endpoint->socket, address) != 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "cannot bind %s: %s", address, zmq_strerror (errno));
  else if (own_socket (address, uid, gid, error))
    {
      endpoint->source = muster_zmq_source_new (endpoint->socket, ZMQ_POLLIN, socket_cb, endpoint);
      g_source_attach (endpoint->source, receiver->context);
      return endpoint;
    }
  muster_receiver_endpoint_free (endpoint);
  return NULL;
}
