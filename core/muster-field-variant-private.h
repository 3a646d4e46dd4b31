/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-field.h"

/* The variant's value as a field; what has no type of its own among fields is text, as g_variant_print() makes it.
 * The field borrows from @key, from @value and from @scratch, which the caller frees after use; it is NULL before. */
MusterField muster_field_from_variant (const char *key, GVariant *value, char **scratch);
