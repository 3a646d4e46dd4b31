/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches that are longer than a spool's entries. Pure functions; any thread.
 */
#include "config.h"

#include "muster-batch-pieces.h"

#include "muster-encoder-private.h"

static void
end_piece (GPtrArray *pieces, GByteArray **piece)
{
  if (*piece != NULL)
    g_ptr_array_add (pieces, g_byte_array_free_to_bytes (g_steal_pointer (piece)));
}

static void
begin_piece (GByteArray **piece, const MusterEntry *entry)
{
  MusterOrigin origin = *entry->origin;

  origin.first_seq = entry->sequence;
  *piece = g_byte_array_new ();
  muster_encode_origin (*piece, &origin);
}

/* Adds an entry, and before it the origins since the last one (@origins), if it is not the first of its piece. */
static void
add_entry (GPtrArray *pieces, GByteArray **piece, const guint8 *origins, const MusterEntry *entry, gsize size)
{
  const guint8 *end = entry->bytes + entry->length;

  if (*piece != NULL && (*piece)->len + (gsize) (end - origins) > size)
    end_piece (pieces, piece);
  if (*piece == NULL)
    {
      begin_piece (piece, entry);
      origins = entry->bytes;
    }
  g_byte_array_append (*piece, origins, (guint) (end - origins));
}

GPtrArray *
muster_batch_cut (MusterBatch *batch, gsize size)
{
  GPtrArray *pieces = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GByteArray) piece = NULL;
  MusterEntryIter iter;
  MusterEntry entry;
  const guint8 *origins = NULL;
  gsize length;
  gconstpointer data = muster_batch_get_data (batch, &length);

  if (length <= size)
    {
      g_ptr_array_add (pieces, g_bytes_ref (muster_batch_get_bytes (batch)));
      return pieces;
    }
  muster_entry_iter_init (&iter, data, length);
  while (muster_entry_iter_next (&iter, &entry))
    {
      origins = origins == NULL ? entry.bytes : origins;
      if (entry.kind == MUSTER_ENTRY_ORIGIN)
        continue;
      add_entry (pieces, &piece, origins, &entry, size);
      origins = NULL;
    }
  end_piece (pieces, &piece);
  return pieces;
}
