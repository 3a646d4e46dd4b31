/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-format.h"

/* How times are written. */
typedef enum
{
  MUSTER_JSON_TIME_RFC3339,
  MUSTER_JSON_TIME_UNIX_NS,
} MusterJsonTime;

#define MUSTER_TYPE_JSON_TIME (muster_json_time_get_type ())
GType muster_json_time_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_FORMAT_JSON (muster_format_json_get_type ())
G_DECLARE_FINAL_TYPE (MusterFormatJson, muster_format_json, MUSTER, FORMAT_JSON, MusterFormat)
