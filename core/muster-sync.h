/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MusterSync:
 * @MUSTER_SYNC_NONE: `none`: whenever the kernel does
 * @MUSTER_SYNC_INTERVAL: `interval`: some time after it is acknowledged
 * @MUSTER_SYNC_BATCH: `batch`: before it is acknowledged
 *
 * When what a transport has written is made to survive the machine; the process's own death it survives anyway. The names
 * are those of `sync=` in the keyfile.
 */
typedef enum
{
  MUSTER_SYNC_NONE,
  MUSTER_SYNC_INTERVAL,
  MUSTER_SYNC_BATCH,
} MusterSync;

G_END_DECLS
