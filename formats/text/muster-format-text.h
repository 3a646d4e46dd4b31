/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-format.h"

/* What becomes of line feeds in messages. */
typedef enum
{
  MUSTER_TEXT_MULTILINE_ESCAPE,
  MUSTER_TEXT_MULTILINE_INDENT,
} MusterTextMultiline;

#define MUSTER_TYPE_TEXT_MULTILINE (muster_text_multiline_get_type ())
GType muster_text_multiline_get_type (void) G_GNUC_CONST;

#define MUSTER_TYPE_FORMAT_TEXT (muster_format_text_get_type ())
G_DECLARE_FINAL_TYPE (MusterFormatText, muster_format_text, MUSTER, FORMAT_TEXT, MusterFormat)
