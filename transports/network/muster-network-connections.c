/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The collector's connections. The descriptors are ZeroMQ's: it tells before it closes one, but that may be read here later,
 * when something else has got the number. So a descriptor is only touched if it is a connection to where the socket listens.
 */
#include "config.h"

#include "muster-network-connections.h"

#include <gio/gio.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What can come in one of these is what an endless message can take beyond its limit. A look at a connection takes 0.2 us
 * (measured 2026-11-22). */
#define LOOK_MS 100
/* While one of them is past half of what it may. */
#define LOOK_CLOSELY_MS 10

typedef struct
{
  int fd;
  MusterNetworkConnection id;
  gboolean has_been_heard; /* ever */
  GList link;              /* among the unheard, if it is one */
  gboolean has_message;    /* since the last look */
  guint64 base;            /* bytes that had come when it was last seen to have sent a whole message */
} Connection;

struct _MusterNetworkConnections
{
  guint16 port;      /* where they come to */
  char *path;        /* owned; the same of a Unix socket; NULL for others */
  GHashTable *table; /* owned; fd to Connection, which is owned */
  guint32 last;
  GQueue unheard; /* the oldest first */
  guint64 most;
  GMainContext *context; /* borrowed */
  GSource *timer;        /* owned; NULL without connections */
  guint interval_ms;
  MusterNetworkEndlessFunc endless;
  gpointer user_data;
};

/* -- one of them -- */

static gboolean
is_ours (MusterNetworkConnections *self, const Connection *connection)
{
  struct sockaddr_storage address = { 0 };
  socklen_t size = sizeof address;

  if (getsockname (connection->fd, (struct sockaddr *) &address, &size) != 0)
    return FALSE;
  if (address.ss_family == AF_UNIX)
    return g_strcmp0 (((struct sockaddr_un *) &address)->sun_path, self->path) == 0;
  if (address.ss_family == AF_INET)
    return ntohs (((struct sockaddr_in *) &address)->sin_port) == self->port;
  return address.ss_family == AF_INET6 && ntohs (((struct sockaddr_in6 *) &address)->sin6_port) == self->port;
}

static void
cut (MusterNetworkConnections *self, const Connection *connection)
{
  if (is_ours (self, connection))
    shutdown (connection->fd, SHUT_RDWR);
}

/* Bytes that ZeroMQ has taken of it; FALSE if that cannot be told. */
static gboolean
count_taken (const Connection *connection, guint64 *taken)
{
  struct tcp_info info = { 0 };
  socklen_t size = sizeof info;
  int waiting = 0;

  if (getsockopt (connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0
      || size < G_STRUCT_OFFSET (struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received
      || ioctl (connection->fd, SIOCINQ, &waiting) != 0)
    return FALSE;
  *taken = info.tcpi_bytes_received - MIN ((guint64) waiting, info.tcpi_bytes_received);
  return TRUE;
}

static char *
describe (const Connection *connection)
{
  struct sockaddr_storage address = { 0 };
  socklen_t size = sizeof address;
  g_autoptr (GSocketAddress) other = NULL;

  if (getpeername (connection->fd, (struct sockaddr *) &address, &size) == 0)
    other = g_socket_address_new_from_native (&address, size);
  return other != NULL ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (other)) : g_strdup ("somebody");
}

/* -- looking -- */

/* How much of it nobody has got yet. */
static guint64
look_at (Connection *connection)
{
  guint64 taken;

  if (!count_taken (connection, &taken))
    return 0;
  if (connection->has_message || taken < connection->base)
    connection->base = taken;
  connection->has_message = FALSE;
  return taken - connection->base;
}

static void end_endless (MusterNetworkConnections *self, Connection *connection);
static void look_every (MusterNetworkConnections *self, guint interval_ms);

static gboolean
look_cb (gpointer user_data)
{
  MusterNetworkConnections *self = user_data;
  gboolean is_close = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      guint64 held = look_at (value);

      is_close = is_close || held > self->most / 2;
      if (held > self->most)
        end_endless (self, value);
    }
  look_every (self, g_hash_table_size (self->table) == 0 ? 0 : is_close ? LOOK_CLOSELY_MS : LOOK_MS);
  return G_SOURCE_CONTINUE;
}

/* It stays in the table until ZeroMQ has closed it. */
static void
end_endless (MusterNetworkConnections *self, Connection *connection)
{
  g_autofree char *address = NULL;

  connection->has_message = TRUE; /* it is said once */
  if (!is_ours (self, connection))
    return;
  address = describe (connection);
  cut (self, connection);
  self->endless (address, self->user_data);
}

/* 0: not at all. */
static void
look_every (MusterNetworkConnections *self, guint interval_ms)
{
  if (interval_ms == self->interval_ms)
    return;
  self->interval_ms = interval_ms;
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
  if (interval_ms == 0)
    return;
  self->timer = g_timeout_source_new (interval_ms);
  g_source_set_callback (self->timer, look_cb, self, NULL);
  g_source_attach (self->timer, self->context);
}

/* -- what ZeroMQ tells -- */

static void
note_heard (MusterNetworkConnections *self, Connection *connection)
{
  if (!connection->has_been_heard)
    g_queue_unlink (&self->unheard, &connection->link);
  connection->has_been_heard = TRUE;
}

void
muster_network_connections_closed (MusterNetworkConnections *self, int fd)
{
  Connection *connection = g_hash_table_lookup (self->table, GINT_TO_POINTER (fd));

  if (connection == NULL)
    return;
  note_heard (self, connection);
  g_hash_table_remove (self->table, GINT_TO_POINTER (fd));
}

void
muster_network_connections_accepted (MusterNetworkConnections *self, int fd)
{
  Connection *connection;

  muster_network_connections_closed (self, fd);
  connection = g_new0 (Connection, 1);
  connection->fd = fd;
  connection->id = (MusterNetworkConnection) ++self->last << 32 | (guint32) fd;
  connection->link.data = connection;
  g_queue_push_tail_link (&self->unheard, &connection->link);
  g_hash_table_insert (self->table, GINT_TO_POINTER (fd), connection);
  if (self->timer == NULL)
    look_every (self, LOOK_MS);
}

MusterNetworkConnection
muster_network_connections_heard (MusterNetworkConnections *self, int fd)
{
  Connection *connection = g_hash_table_lookup (self->table, GINT_TO_POINTER (fd));

  if (connection == NULL)
    return 0;
  note_heard (self, connection);
  connection->has_message = TRUE;
  return connection->id;
}

guint
muster_network_connections_count (MusterNetworkConnections *self)
{
  return g_hash_table_size (self->table);
}

guint
muster_network_connections_count_heard (MusterNetworkConnections *self)
{
  return g_hash_table_size (self->table) - self->unheard.length;
}

/* -- ending -- */

void
muster_network_connections_cut (MusterNetworkConnections *self, MusterNetworkConnection id)
{
  const Connection *connection = g_hash_table_lookup (self->table, GINT_TO_POINTER ((int) (id & G_MAXUINT32)));

  if (connection != NULL && connection->id == id)
    cut (self, connection);
}

void
muster_network_connections_cut_unheard (MusterNetworkConnections *self)
{
  for (GList *link = self->unheard.head; link != NULL; link = link->next)
    cut (self, link->data);
}

void
muster_network_connections_cut_oldest_unheard (MusterNetworkConnections *self)
{
  Connection *oldest = self->unheard.length > 0 ? self->unheard.head->data : NULL;

  if (oldest == NULL)
    return;
  cut (self, oldest);
  /* until ZeroMQ has closed it, others are older */
  g_queue_unlink (&self->unheard, &oldest->link);
  g_queue_push_tail_link (&self->unheard, &oldest->link);
}

/* -- made and freed -- */

MusterNetworkConnections *
muster_network_connections_new (GMainContext *context, guint64 most, MusterNetworkEndlessFunc endless,
                                gpointer user_data)
{
  MusterNetworkConnections *self = g_new0 (MusterNetworkConnections, 1);

  self->table = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_queue_init (&self->unheard);
  self->context = context;
  self->most = most;
  self->endless = endless;
  self->user_data = user_data;
  return self;
}

void
muster_network_connections_set_address (MusterNetworkConnections *self, const char *address)
{
  const char *path = g_str_has_prefix (address, "ipc://") ? address + strlen ("ipc://") : NULL;

  g_free (self->path);
  self->path = g_strdup (path);
  self->port = path == NULL ? (guint16) g_ascii_strtoull (strrchr (address, ':') + 1, NULL, 10) : 0;
}

void
muster_network_connections_free (MusterNetworkConnections *self)
{
  look_every (self, 0);
  g_hash_table_unref (self->table);
  g_free (self->path);
  g_free (self);
}
