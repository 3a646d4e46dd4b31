/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-macros.h"

G_BEGIN_DECLS

/**
 * MusterLevel:
 * @MUSTER_LEVEL_NONE: no level; as a threshold it lets nothing pass
 * @MUSTER_LEVEL_EMERGENCY: the system is unusable
 * @MUSTER_LEVEL_ALERT: action must be taken at once
 * @MUSTER_LEVEL_CRITICAL: critical conditions
 * @MUSTER_LEVEL_ERROR: error conditions
 * @MUSTER_LEVEL_WARNING: warning conditions
 * @MUSTER_LEVEL_NOTICE: normal but significant
 * @MUSTER_LEVEL_INFO: informational
 * @MUSTER_LEVEL_DEBUG: for those who debug
 *
 * RFC 5424's severities (section 6.2.1, table 2) + 1, as `muster.v1.Level` has them. A smaller number is worse.
 */
typedef enum
{
  MUSTER_LEVEL_NONE = 0,
  MUSTER_LEVEL_EMERGENCY = 1,
  MUSTER_LEVEL_ALERT = 2,
  MUSTER_LEVEL_CRITICAL = 3,
  MUSTER_LEVEL_ERROR = 4,
  MUSTER_LEVEL_WARNING = 5,
  MUSTER_LEVEL_NOTICE = 6,
  MUSTER_LEVEL_INFO = 7,
  MUSTER_LEVEL_DEBUG = 8,
} MusterLevel;

MUSTER_PUBLIC const char *muster_level_to_string (MusterLevel level);
MUSTER_PUBLIC gboolean muster_level_from_string (const char *name, MusterLevel *level);

G_END_DECLS
