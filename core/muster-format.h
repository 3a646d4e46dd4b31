/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-batch.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_FORMAT (muster_format_get_type ())
MUSTER_PUBLIC
G_DECLARE_DERIVABLE_TYPE (MusterFormat, muster_format, MUSTER, FORMAT, GObject)

/**
 * MusterFormatClass.format_entry: (skip)
 *
 * Not for bindings, because a #MusterEntry is not; they implement @format_batch.
 */

/**
 * MusterFormatClass:
 * @start: (nullable): checks the properties (a pattern, a theme) before the first entry; an error ends the set-up
 * @format_entry: appends what one entry looks like to @out; nothing, for what the format leaves out. Origins are never
 *   passed: the entry's `origin` member tells. May only fail for bytes that are not what they claim to be
 * @format_batch: (nullable): appends a whole batch at once, for formats that need not look inside; the default walks
 *   the entries
 * @extension: what the format's files end in, without a dot: "log", "jsonl", "pb"
 * @content_type: its media type: "text/plain; charset=utf-8"
 * @keeps_gaps: whether an output in this format can be audited by itself, so that a transport must write a gap for each
 *   run of entries that its filters leave out
 *
 * How entries become bytes. A format object belongs to one transport and is used by that transport's thread alone, so
 * it may keep state between entries.
 */
struct _MusterFormatClass
{
  GObjectClass parent_class;

  gboolean (*start) (MusterFormat *self, GError **error);
  gboolean (*format_entry) (MusterFormat *self, const MusterEntry *entry, GByteArray *out, GError **error);
  gboolean (*format_batch) (MusterFormat *self, MusterBatch *batch, GByteArray *out, GError **error);
  const char *extension;
  const char *content_type;
  gboolean keeps_gaps;

  /*< private >*/
  gpointer padding[8];
};

MUSTER_PUBLIC gboolean muster_format_start (MusterFormat *self, GError **error);
MUSTER_PUBLIC gboolean muster_format_format_entry (MusterFormat *self, const MusterEntry *entry, GByteArray *out,
                                                   GError **error);
MUSTER_PUBLIC gboolean muster_format_format_batch (MusterFormat *self, MusterBatch *batch, GByteArray *out,
                                                   GError **error);
MUSTER_PUBLIC const char *muster_format_get_extension (MusterFormat *self);
MUSTER_PUBLIC const char *muster_format_get_content_type (MusterFormat *self);
MUSTER_PUBLIC gboolean muster_format_get_keeps_gaps (MusterFormat *self);

G_END_DECLS
