/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The link's frames as bytes. Pure functions; what is decoded comes from strangers.
 */
#include "config.h"

#include <gio/gio.h>
#include <string.h>

#include "muster-link-private.h"

static void
put_le (guint8 *out, guint64 value, guint bytes)
{
  for (guint i = 0; i < bytes; i++)
    out[i] = (guint8) (value >> (8 * i));
}

static guint64
get_le (const guint8 *in, guint bytes)
{
  guint64 value = 0;

  for (guint i = 0; i < bytes; i++)
    value |= (guint64) in[i] << (8 * i);
  return value;
}

static gboolean
expect_size (const char *what, gsize size, gsize expected, GError **error)
{
  if (size == expected)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
               "%s has %" G_GSIZE_FORMAT " bytes instead of %" G_GSIZE_FORMAT, what, size, expected);
  return FALSE;
}

void
muster_link_header_encode (const MusterLinkHeader *header, guint8 out[MUSTER_LINK_HEADER_SIZE])
{
  memset (out, 0, MUSTER_LINK_HEADER_SIZE);
  out[0] = MUSTER_LINK_VERSION;
  out[1] = (guint8) header->type;
  put_le (out + 2, header->flags, 2);
  put_le (out + 4, header->count, 4);
  put_le (out + 8, header->number, 8);
  put_le (out + 16, header->drops, 4);
}

gboolean
muster_link_header_decode (const void *data, gsize size, MusterLinkHeader *header, GError **error)
{
  const guint8 *in = data;

  if (!expect_size ("a frame's header", size, MUSTER_LINK_HEADER_SIZE, error))
    return FALSE;
  if (in[0] != MUSTER_LINK_VERSION)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE, "the frame is of link version %u, expected %u",
                   in[0], MUSTER_LINK_VERSION);
      return FALSE;
    }
  if (in[1] < MUSTER_LINK_HELLO || in[1] > MUSTER_LINK_REFUSED)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "the frame has the unknown type %u", in[1]);
      return FALSE;
    }
  header->type = (MusterLinkType) in[1];
  header->flags = (guint16) get_le (in + 2, 2);
  header->count = (guint32) get_le (in + 4, 4);
  header->number = get_le (in + 8, 8);
  header->drops = (guint32) get_le (in + 16, 4);
  return TRUE;
}

void
muster_link_hello_encode (const MusterLinkHello *hello, guint8 out[MUSTER_LINK_HELLO_SIZE])
{
  memcpy (out, hello->token, sizeof hello->token);
  memcpy (out + 32, hello->stream, sizeof hello->stream);
  put_le (out + 48, hello->pid, 4);
}

gboolean
muster_link_hello_decode (const void *data, gsize size, MusterLinkHello *hello, GError **error)
{
  const guint8 *in = data;

  if (!expect_size ("HELLO", size, MUSTER_LINK_HELLO_SIZE, error))
    return FALSE;
  memcpy (hello->token, in, sizeof hello->token);
  memcpy (hello->stream, in + 32, sizeof hello->stream);
  hello->pid = (guint32) get_le (in + 48, 4);
  return TRUE;
}

void
muster_link_welcome_encode (const MusterLinkWelcome *welcome, guint8 out[MUSTER_LINK_WELCOME_SIZE])
{
  put_le (out, welcome->credit_bytes, 8);
  put_le (out + 8, (guint64) welcome->realtime_ns, 8);
  put_le (out + 16, (guint64) welcome->boottime_ns, 8);
}

gboolean
muster_link_welcome_decode (const void *data, gsize size, MusterLinkWelcome *welcome, GError **error)
{
  const guint8 *in = data;

  if (!expect_size ("WELCOME", size, MUSTER_LINK_WELCOME_SIZE, error))
    return FALSE;
  welcome->credit_bytes = get_le (in, 8);
  welcome->realtime_ns = (gint64) get_le (in + 8, 8);
  welcome->boottime_ns = (gint64) get_le (in + 16, 8);
  return TRUE;
}

/* A message: the type string, a NUL, padding to 8 bytes, the serialised value in little-endian order. */
GBytes *
muster_link_message_encode (GVariant *message)
{
  g_autoptr (GVariant) little = G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (message) : g_variant_ref (message);
  const char *type = g_variant_get_type_string (message);
  gsize type_size = strlen (type) + 1;
  gsize offset = (type_size + 7) & ~(gsize) 7;
  gsize size = offset + g_variant_get_size (little);
  guint8 *bytes = g_malloc0 (size);

  memcpy (bytes, type, type_size);
  g_variant_store (little, bytes + offset);
  return g_bytes_new_take (bytes, size);
}

GVariant *
muster_link_message_decode (const void *data, gsize size, GError **error)
{
  const char *type = data;
  const char *end = size > 0 ? memchr (type, '\0', MIN (size, 256)) : NULL;
  gsize offset = end != NULL ? ((gsize) (end - type) + 1 + 7) & ~(gsize) 7 : 0;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;

  if (end == NULL || offset > size || !g_variant_type_string_is_valid (type)
      || !g_variant_type_is_definite (G_VARIANT_TYPE (type)))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a message has no valid GVariant type");
      return NULL;
    }
  /* A copy, because GVariant wants its bytes aligned; normal form, because they come from a stranger. */
  bytes = g_bytes_new ((const guint8 *) data + offset, size - offset);
  value = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, FALSE));
  if (G_BYTE_ORDER == G_BIG_ENDIAN)
    {
      g_autoptr (GVariant) swapped = g_variant_byteswap (value);

      return g_variant_get_normal_form (swapped);
    }
  return g_variant_get_normal_form (value);
}
