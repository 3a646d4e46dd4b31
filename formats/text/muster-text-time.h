/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-text-writer.h"

/*
 * MusterTextTime: a strftime(3) format with fractions of a second, made ready. Each time is rendered once for each
 * second; between, only the digits of the fraction change. Not thread-safe.
 */
typedef struct _MusterTextTime MusterTextTime;

/* @format: strftime's, in the C locale, and %f (microseconds) or %1f to %9f (that many digits). Returns NULL and where
 * in @format, and why, if it has an unknown conversion. */
MusterTextTime *muster_text_time_new (const char *format, gsize length, gboolean utc, gsize *fault, GError **error);
void muster_text_time_free (MusterTextTime *time);
void muster_text_time_put (MusterTextTime *time, guint64 time_ns, MusterTextWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTextTime, muster_text_time_free)
