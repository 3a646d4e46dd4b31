/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-spool.h"

/* MusterNetworkWindow: what was sent, or the collector had already, and is not acknowledged. The link's thread. */
typedef struct _MusterNetworkWindow MusterNetworkWindow;

MusterNetworkWindow *muster_network_window_new (void);
void muster_network_window_free (MusterNetworkWindow *window);
/* Forgets all. */
void muster_network_window_clear (MusterNetworkWindow *window);
/* @item comes behind all that is in it. */
void muster_network_window_add (MusterNetworkWindow *window, const MusterSpoolItem *item);
/* Takes out what ends at @number or before. Returns how many; @place, where the last of them ends, is set if there are any. */
guint muster_network_window_acknowledge (MusterNetworkWindow *window, guint64 number, MusterSpoolPlace *place);
guint64 muster_network_window_get_bytes (const MusterNetworkWindow *window); /* of the spool, that it stands for */
guint64
muster_network_window_get_last (const MusterNetworkWindow *window); /* where the last one ends; 0: it is empty */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterNetworkWindow, muster_network_window_free)
