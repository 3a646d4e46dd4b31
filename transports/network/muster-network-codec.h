/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

/* Batches made smaller for the way, by zstd. Without the library nothing is packed, and nothing can be unpacked. */
typedef struct _MusterNetworkCodec MusterNetworkCodec;

gboolean muster_network_codec_is_there (void);
MusterNetworkCodec *muster_network_codec_new (void);
void muster_network_codec_free (MusterNetworkCodec *codec);
/* Returns a buffer to be freed with g_free(), or NULL where it would not be smaller. */
guint8 *muster_network_codec_pack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, gsize *packed_length);
/* Refuses (CORRUPT) what would be longer than a frame may be, or does not say how long it is. */
GBytes *muster_network_codec_unpack (MusterNetworkCodec *codec, const guint8 *bytes, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkCodec, muster_network_codec_free)
