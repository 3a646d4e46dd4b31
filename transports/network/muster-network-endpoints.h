/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * MusterNetworkEndpoints: where a link may go, which of that is tried now, and how long to rest when nobody was there. It
 * belongs to the link's thread, but for muster_network_endpoints_get(), which any thread may call.
 */
typedef struct _MusterNetworkEndpoints MusterNetworkEndpoints;

/* How long it rests after a first round in which nobody welcomed it; twice as long after each that follows, up to: */
#define MUSTER_NETWORK_ENDPOINTS_REST_US     (G_USEC_PER_SEC / 2)
#define MUSTER_NETWORK_ENDPOINTS_REST_MAX_US (4 * G_USEC_PER_SEC)

/* Copies @list, of one endpoint at least. */
MusterNetworkEndpoints *muster_network_endpoints_new (const char *const *list);
void muster_network_endpoints_free (MusterNetworkEndpoints *endpoints);
/* The one in use, or being tried; lives as long as @endpoints. */
const char *muster_network_endpoints_get (MusterNetworkEndpoints *endpoints);
gboolean muster_network_endpoints_are_several (MusterNetworkEndpoints *endpoints);
/* The one that was tried is good: all trouble is forgotten. */
void muster_network_endpoints_settle (MusterNetworkEndpoints *endpoints);
/* Goes on to the next one. Returns for how many microseconds to rest before it is tried: 0 within a round, and always where
 * there is only one, which takes its time by itself. */
gint64 muster_network_endpoints_go_on (MusterNetworkEndpoints *endpoints);
/* That the one that is tried has this @trouble, a static text. FALSE if it has had it since all was forgotten, so that it
 * need not be said again. */
gboolean muster_network_endpoints_note_trouble (MusterNetworkEndpoints *endpoints, const char *trouble);
gboolean muster_network_endpoints_has_trouble (MusterNetworkEndpoints *endpoints);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkEndpoints, muster_network_endpoints_free)
