/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"

/* Properties as text: what a keyfile may say for one, and what `muster plugins` says of it. */

/* "boolean", "integer", "number", "text", "list", "duration", "size", "choice", "choices"; NULL for a property that a
 * keyfile cannot set. */
const char *muster_param_text_type (GParamSpec *spec);
/* What a value may be, for after "expected": "a whole number from 1 to 9", "one of no, on-failure, always". */
char *muster_param_text_expected (GParamSpec *spec);
/* The default as a keyfile would write it. */
char *muster_param_text_default (GParamSpec *spec);
/* Initialises @value (all zeroes) from what the keyfile says, which is also given cut into a list. FALSE with
 * MUSTER_ERROR_INVALID, the message ends with what was expected. */
gboolean muster_param_text_parse (GParamSpec *spec, const char *text, const char *const *list, GValue *value,
                                  GError **error);
