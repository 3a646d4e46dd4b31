/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-transport.h"

/* When what was written is made to survive the machine. */
typedef enum
{
  MUSTER_FILE_SYNC_NONE,
  MUSTER_FILE_SYNC_INTERVAL,
  MUSTER_FILE_SYNC_BATCH,
} MusterFileSync;

#define MUSTER_TYPE_FILE_SYNC (muster_file_sync_get_type ())
GType muster_file_sync_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_TRANSPORT_FILE (muster_transport_file_get_type ())
G_DECLARE_FINAL_TYPE (MusterTransportFile, muster_transport_file, MUSTER, TRANSPORT_FILE, MusterTransport)
