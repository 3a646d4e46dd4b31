/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as each of the link's frames and payloads. What was understood comes out again as it went in.
 */
#include "config.h"

#include <string.h>

#include "muster-link-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_header (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  MusterLinkHeader header;
  guint8 out[MUSTER_LINK_HEADER_SIZE];

  if (!muster_link_header_decode (data, size, &header, &error))
    {
      g_assert (error != NULL);
      return;
    }
  muster_link_header_encode (&header, out);
  g_assert (size == sizeof out && memcmp (out, data, 20) == 0); /* the last four are reserved */
}

static void
check_hello (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  MusterLinkHello hello;
  guint8 out[MUSTER_LINK_HELLO_SIZE];

  if (!muster_link_hello_decode (data, size, &hello, &error))
    {
      g_assert (error != NULL);
      return;
    }
  muster_link_hello_encode (&hello, out);
  g_assert (size == sizeof out && memcmp (out, data, sizeof out) == 0);
}

static void
check_welcome (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  MusterLinkWelcome welcome;
  guint8 out[MUSTER_LINK_WELCOME_SIZE];

  if (!muster_link_welcome_decode (data, size, &welcome, &error))
    {
      g_assert (error != NULL);
      return;
    }
  muster_link_welcome_encode (&welcome, out);
  g_assert (size == sizeof out && memcmp (out, data, sizeof out) == 0);
}

static void
check_message (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) message = muster_link_message_decode (data, size, &error);
  g_autoptr (GVariant) again = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *text = NULL;

  g_assert ((message == NULL) == (error != NULL));
  if (message == NULL)
    return;
  g_assert (g_variant_is_normal_form (message));
  text = g_variant_print (message, TRUE);
  bytes = muster_link_message_encode (message);
  again = muster_link_message_decode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);
  g_assert (again != NULL && g_variant_get_size (again) == g_variant_get_size (message));
  g_assert (g_variant_get_size (again) == 0
            || memcmp (g_variant_get_data (again), g_variant_get_data (message), g_variant_get_size (again)) == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  check_header (data, size);
  check_hello (data, size);
  check_welcome (data, size);
  check_message (data, size);
  return 0;
}
