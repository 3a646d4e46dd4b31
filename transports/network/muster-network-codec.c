/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * zstd, where it is there. Used by one thread.
 */
#include "config.h"

#include "muster-network-codec.h"

#include "muster-link-private.h"

#ifdef MUSTER_HAVE_ZSTD
#include <zstd.h>

/* Records are much alike: the fastest level packs them to about a sixth. */
#define LEVEL 1

struct _MusterNetworkCodec
{
  ZSTD_CCtx *packer;   /* owned */
  ZSTD_DCtx *unpacker; /* owned */
};

gboolean
muster_network_codec_is_there (void)
{
  return TRUE;
}

MusterNetworkCodec *
muster_network_codec_new (void)
{
  MusterNetworkCodec *codec = g_new0 (MusterNetworkCodec, 1);

  codec->packer = ZSTD_createCCtx ();
  codec->unpacker = ZSTD_createDCtx ();
  return codec;
}

void
muster_network_codec_free (MusterNetworkCodec *codec)
{
  ZSTD_freeCCtx (codec->packer);
  ZSTD_freeDCtx (codec->unpacker);
  g_free (codec);
}

guint8 *
muster_network_codec_pack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, gsize *packed_length)
{
  gsize capacity = ZSTD_compressBound (length);
  g_autofree guint8 *packed = g_malloc (capacity);
  gsize result = ZSTD_compressCCtx (codec->packer, packed, capacity, bytes, length, LEVEL);

  if (ZSTD_isError (result) || result >= length)
    return NULL;
  *packed_length = result;
  return g_steal_pointer (&packed);
}

GBytes *
muster_network_codec_unpack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, GError **error)
{
  unsigned long long size = ZSTD_getFrameContentSize (bytes, length);
  g_autofree guint8 *out = NULL;
  gsize result;

  if (size > MUSTER_LINK_MESSAGE_MAX) /* the errors are the greatest numbers */
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a packed batch is no zstd frame, or too long");
      return NULL;
    }
  out = g_malloc (MAX (size, 1));
  result = ZSTD_decompressDCtx (codec->unpacker, out, (gsize) size, bytes, length);
  if (ZSTD_isError (result) || result != size)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "a packed batch cannot be unpacked: %s",
                   ZSTD_isError (result) ? ZSTD_getErrorName (result) : "it is too short");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&out), result);
}

#else

gboolean
muster_network_codec_is_there (void)
{
  return FALSE;
}

MusterNetworkCodec *
muster_network_codec_new (void)
{
  return NULL;
}

void
muster_network_codec_free (MusterNetworkCodec *codec)
{
}

guint8 *
muster_network_codec_pack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, gsize *packed_length)
{
  return NULL;
}

GBytes *
muster_network_codec_unpack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, GError **error)
{
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE, "batches packed by zstd, which is not built in");
  return NULL;
}
#endif
