/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-format.h"

/* What is written. */
typedef enum
{
  MUSTER_PROTOBUF_CONTENT_LOG,
  MUSTER_PROTOBUF_CONTENT_PAYLOAD,
} MusterProtobufContent;

#define MUSTER_TYPE_PROTOBUF_CONTENT (muster_protobuf_content_get_type ())
GType muster_protobuf_content_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_FORMAT_PROTOBUF (muster_format_protobuf_get_type ())
G_DECLARE_FINAL_TYPE (MusterFormatProtobuf, muster_format_protobuf, MUSTER, FORMAT_PROTOBUF, MusterFormat)
