/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of some names a misspelt one was meant to be.
 */
#pragma once

#include <glib.h>

/* Returns the name with the smallest edit distance to the @length bytes at @text, or NULL if none is near. @names ends
 * with NULL. */
const char *muster_text_nearest (const char *text, gsize length, const char *const *names);
