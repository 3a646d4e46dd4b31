/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the file that tells how a worker ended: what is believed makes an entry, and is the same once it is stored
 * again.
 */
#include "config.h"

#include "muster-end-store-private.h"
#include "muster-entry.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
assert_entry (const MusterStoredEnd *stored)
{
  g_autoptr (GBytes) bytes = muster_end_encode (&stored->end, (guint64) stored->ended_us);
  gsize length;
  gconstpointer start = g_bytes_get_data (bytes, &length);
  MusterEntryIter iter;
  MusterEntry entry;
  MusterRecordView record;

  muster_entry_iter_init (&iter, start, length);
  g_assert (muster_entry_iter_next (&iter, &entry) && muster_entry_get_record (&entry, &record));
  g_assert (!muster_entry_iter_next (&iter, &entry) && !muster_entry_iter_get_error (&iter, NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MusterStoredEnd stored = { 0 };
  g_autoptr (GError) error = NULL;

  if (muster_end_store_parse (size > 0 ? (const char *) data : "", size, &stored, &error))
    assert_entry (&stored);
  else
    g_assert (error != NULL && stored.stderr_tail == NULL);
  g_free (stored.stderr_tail);
  return 0;
}
