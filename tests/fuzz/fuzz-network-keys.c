/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a collector's file of clients, as an address, and as a batch that was packed.
 */
#include "config.h"

#include <string.h>

#include "muster-link-private.h"
#include "muster-network-address.h"
#include "muster-network-codec.h"
#include "muster-network-keys.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_allowed (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) allowed = muster_network_keys_parse_allowed ((const char *) data, size, "clients", &error);
  GHashTableIter iter;
  gpointer key, name;

  g_assert ((allowed == NULL) == (error != NULL));
  if (allowed == NULL)
    return;
  g_hash_table_iter_init (&iter, allowed);
  while (g_hash_table_iter_next (&iter, &key, &name))
    g_assert (strlen (key) == MUSTER_NETWORK_KEY_SIZE - 1 && g_utf8_validate (name, -1, NULL));
}

static void
check_address (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  gboolean is_local;

  if (g_utf8_validate (text, -1, NULL) && !muster_network_address_check (text, data[0] & 1, &is_local, &error))
    g_assert (error != NULL);
}

static void
check_packed (const guint8 *data, gsize size)
{
  g_autoptr (MusterNetworkCodec) codec = muster_network_codec_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = muster_network_codec_unpack (codec, data, size, &error);

  g_assert ((bytes == NULL) == (error != NULL));
  g_assert (bytes == NULL || g_bytes_get_size (bytes) <= MUSTER_LINK_MESSAGE_MAX);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (size == 0)
    return 0;
  check_allowed (data, size);
  check_address (data, size);
  check_packed (data, size);
  return 0;
}
