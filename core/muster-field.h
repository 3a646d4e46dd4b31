/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include "muster-entry.h"

G_BEGIN_DECLS

/**
 * MusterField: (skip)
 *
 * A key and a value beside a record's message. To be made with the macros below; the strings are borrowed for the
 * duration of the call.
 */
typedef MusterFieldView MusterField;

/* clang-format off */
#define MUSTER_TEXT(k, v)    ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_TEXT, \
                                              .value.text = muster_slice_from_string (v) })
#define MUSTER_INTEGER(k, v) ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_INTEGER, \
                                              .value.integer = (v) })
#define MUSTER_NATURAL(k, v) ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_NATURAL, \
                                              .value.natural = (v) })
#define MUSTER_NUMBER(k, v)  ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_NUMBER, \
                                              .value.number = (v) })
#define MUSTER_FLAG(k, v)    ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_FLAG, \
                                              .value.flag = (v) })
#define MUSTER_DATA(k, p, n) ((MusterField) { .key = { (k), sizeof (k "") - 1 }, .type = MUSTER_FIELD_DATA, \
                                              .value.text = { (const char *) (p), (n) } })
/* clang-format on */

/**
 * muster_slice_from_string: (skip)
 * @string: (nullable): a NUL-terminated string
 *
 * Returns: the string as a slice; an empty one for %NULL
 */
static inline MusterSlice
muster_slice_from_string (const char *string)
{
  MusterSlice slice = { string != NULL ? string : "", string != NULL ? strlen (string) : 0 };

  return slice;
}

G_END_DECLS
