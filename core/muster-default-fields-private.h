/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdatomic.h>

#include "muster-field.h"

/* Bytes that all default fields of a logger may take, encoded. */
#define MUSTER_DEFAULT_FIELDS_MAX 4096

/*
 * MusterDefaultFields: the fields that every record of a logger has, encoded ahead of time.
 *
 * Changed by any thread, one at a time, but not by signal handlers; copied by any thread and signal handler, without
 * waiting.
 */
typedef struct _MusterPublishedFields MusterPublishedFields;

typedef struct
{
  GMutex lock;
  GPtrArray *fields;                        /* under lock; of what was set, in that order */
  MusterPublishedFields *_Atomic published; /* owned; NULL until the first is set */
} MusterDefaultFields;

void muster_default_fields_init (MusterDefaultFields *self);
void muster_default_fields_clear (MusterDefaultFields *self);
/* FALSE if all together would not fit; then @key is not among them any more. Sinks a floating value. */
gboolean muster_default_fields_set (MusterDefaultFields *self, const char *key, GVariant *value);
void muster_default_fields_remove (MusterDefaultFields *self, const char *key);
/* Sets in @to, which is empty, what is in @self. */
void muster_default_fields_copy_to (MusterDefaultFields *self, MusterDefaultFields *to);

/* Whether there ever was one. */
static inline gboolean
muster_default_fields_are_set (MusterDefaultFields *self)
{
  return atomic_load_explicit (&self->published, memory_order_acquire) != NULL;
}

/* Only where muster_default_fields_are_set(). Returns how many bytes it wrote. */
gsize muster_default_fields_encode (MusterDefaultFields *self, guint64 out[MUSTER_DEFAULT_FIELDS_MAX / 8]);
