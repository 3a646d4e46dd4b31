/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The base class of formats: entries to bytes. Owned by one transport, used in its thread.
 */
#include "config.h"

#include "muster-format.h"

G_DEFINE_ABSTRACT_TYPE (MusterFormat, muster_format, G_TYPE_OBJECT)

static gboolean
format_each_entry (MusterFormat *self, MusterBatch *batch, GByteArray *out, GError **error)
{
  MusterFormatClass *class = MUSTER_FORMAT_GET_CLASS (self);
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind != MUSTER_ENTRY_ORIGIN && !class->format_entry (self, &entry, out, error))
      return FALSE;
  return !muster_entry_iter_get_error (&iter, error);
}

static void
muster_format_class_init (MusterFormatClass *class)
{
  class->format_batch = format_each_entry;
  class->extension = "log";
  class->content_type = "application/octet-stream";
}

static void
muster_format_init (MusterFormat *self)
{
}

/**
 * muster_format_start:
 * @self: a format
 * @error: where to say what is wrong
 *
 * Checks the properties and makes ready. To be called once, before the first entry.
 *
 * Returns: %FALSE with %MUSTER_ERROR_INVALID if a property is wrong
 * Since: 0.1
 */
gboolean
muster_format_start (MusterFormat *self, GError **error)
{
  MusterFormatClass *class = MUSTER_FORMAT_GET_CLASS (self);

  g_return_val_if_fail (MUSTER_IS_FORMAT (self), FALSE);
  return class->start == NULL || class->start (self, error);
}

/**
 * muster_format_format_entry: (skip)
 * @self: a started format
 * @entry: an entry, not an origin
 * @out: where its bytes are appended
 * @error: where to say what is wrong
 *
 * Appends one entry.
 *
 * Returns: %FALSE with %MUSTER_ERROR_CORRUPT if the entry's bytes are wrong
 * Since: 0.1
 */
gboolean
muster_format_format_entry (MusterFormat *self, const MusterEntry *entry, GByteArray *out, GError **error)
{
  return MUSTER_FORMAT_GET_CLASS (self)->format_entry (self, entry, out, error);
}

/**
 * muster_format_format_batch:
 * @self: a started format
 * @batch: a batch
 * @out: where its bytes are appended
 * @error: where to say what is wrong
 *
 * Appends all entries of a batch.
 *
 * Returns: %FALSE with %MUSTER_ERROR_CORRUPT if an entry's bytes are wrong
 * Since: 0.1
 */
gboolean
muster_format_format_batch (MusterFormat *self, MusterBatch *batch, GByteArray *out, GError **error)
{
  return MUSTER_FORMAT_GET_CLASS (self)->format_batch (self, batch, out, error);
}

/**
 * muster_format_get_extension:
 * @self: a format
 *
 * Returns: what files in this format end in, without a dot
 * Since: 0.1
 */
const char *
muster_format_get_extension (MusterFormat *self)
{
  g_return_val_if_fail (MUSTER_IS_FORMAT (self), NULL);
  return MUSTER_FORMAT_GET_CLASS (self)->extension;
}

/**
 * muster_format_get_content_type:
 * @self: a format
 *
 * Returns: the media type of what the format makes
 * Since: 0.1
 */
const char *
muster_format_get_content_type (MusterFormat *self)
{
  g_return_val_if_fail (MUSTER_IS_FORMAT (self), NULL);
  return MUSTER_FORMAT_GET_CLASS (self)->content_type;
}

/**
 * muster_format_get_keeps_gaps:
 * @self: a format
 *
 * Whether outputs in this format are audited by themselves and so need a gap where entries were filtered.
 *
 * Returns: %TRUE for protobuf and the like
 * Since: 0.1
 */
gboolean
muster_format_get_keeps_gaps (MusterFormat *self)
{
  g_return_val_if_fail (MUSTER_IS_FORMAT (self), FALSE);
  return MUSTER_FORMAT_GET_CLASS (self)->keeps_gaps;
}
