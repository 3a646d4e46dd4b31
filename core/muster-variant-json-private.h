/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Appends any GVariant as JSON: dictionaries as objects (other keys than strings in their text form), arrays and tuples as
 * arrays, an empty maybe as null, a variant as what is in it. Numbers that are not finite are null. Any thread. */
void muster_variant_append_json (GVariant *value, GByteArray *out);
