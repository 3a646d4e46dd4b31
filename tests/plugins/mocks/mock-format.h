/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-format.h"

/* A format that writes nothing. */
static gboolean
mock_format_entry (MusterFormat *self, const MusterEntry *entry, GByteArray *out, GError **error)
{
  return TRUE;
}
