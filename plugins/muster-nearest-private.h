/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The candidate that @word was probably meant to be, by Damerau-Levenshtein distance; NULL if none is near. Borrowed. */
const char *muster_nearest (const char *word, const char *const *candidates);
