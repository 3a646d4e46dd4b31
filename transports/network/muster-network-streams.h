/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

/*
 * MusterNetworkStreams: where each stream stands that came in, whatever the way: what comes again is left out, and what is
 * missing can be declared. Bounded: the longest untouched is forgotten when there are too many. One thread.
 */
typedef struct _MusterNetworkStreams MusterNetworkStreams;

MusterNetworkStreams *muster_network_streams_new (guint most);
void muster_network_streams_free (MusterNetworkStreams *streams);
/* The number that is next; 0 if it is not known. */
guint64 muster_network_streams_get (MusterNetworkStreams *streams, const guint8 id[MUSTER_STREAM_ID_SIZE]);
void muster_network_streams_set (MusterNetworkStreams *streams, const guint8 id[MUSTER_STREAM_ID_SIZE], guint64 next);
