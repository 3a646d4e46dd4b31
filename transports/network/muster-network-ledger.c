/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a spool's checkpoint says. It is the file transport's: the spool is its one file.
 */
#include "config.h"

#include "muster-network-ledger.h"

#include <string.h>

#include "muster-transport-private.h"

/* A batch changes the marks of its stream, of the spool and of the journal that brought it. */
#define BATCH_SLOTS 3

struct _MusterNetworkLedger
{
  MusterTransport *transport;       /* borrowed */
  MusterFileCheckpoint *checkpoint; /* owned; NULL once closed */
  MusterFileMarks *marks;           /* owned; uses checkpoint; stays when that is closed */
  guint32 spool_slot;               /* 0: not known yet */
};

/* The spool's own mark: the number of what comes next. No stream has this id but by design. */
static const guint8 spool_mark[MUSTER_STREAM_ID_SIZE] = "muster spool end";

static gboolean
is_spool_mark (const guint8 *id)
{
  return memcmp (id, spool_mark, sizeof spool_mark) == 0;
}

MusterNetworkLedger *
muster_network_ledger_open (MusterTransport *transport, char **note, GError **error)
{
  g_autoptr (MusterNetworkLedger) self = g_new0 (MusterNetworkLedger, 1);

  self->transport = transport;
  *note = NULL;
  if (muster_transport_get_state_dir (transport) == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "a spool needs a state-dir to lie in");
      return NULL;
    }
  self->checkpoint = muster_file_checkpoint_open (muster_transport_get_state_dir (transport),
                                                  muster_transport_get_name (transport), note, error);
  if (self->checkpoint == NULL)
    return NULL;
  self->marks = muster_file_marks_new (self->checkpoint);
  return g_steal_pointer (&self);
}

void
muster_network_ledger_close (MusterNetworkLedger *self)
{
  g_clear_pointer (&self->checkpoint, muster_file_checkpoint_free);
}

void
muster_network_ledger_free (MusterNetworkLedger *self)
{
  muster_network_ledger_close (self);
  g_clear_pointer (&self->marks, muster_file_marks_free);
  g_free (self);
}

gboolean
muster_network_ledger_get_first (MusterNetworkLedger *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  return muster_file_marks_get_first (self->marks, stream, next);
}

gboolean
muster_network_ledger_find_end (MusterNetworkLedger *self, MusterSpoolPlace *end)
{
  g_autoptr (GArray) files = muster_file_checkpoint_list_files (self->checkpoint);
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (self->checkpoint);
  gboolean found = FALSE;

  if (files->len == 0)
    return FALSE;
  self->spool_slot = g_array_index (files, MusterFilePlace, 0).slot;
  end->position = (guint64) g_array_index (files, MusterFilePlace, 0).offset;
  for (guint i = 0; i < streams->len && !found; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);

      found = is_spool_mark (stream->id);
      end->number = stream->next;
    }
  return found;
}

gboolean
muster_network_ledger_add_spool (MusterNetworkLedger *self, const char *path, GError **error)
{
  if (!muster_file_checkpoint_reserve (self->checkpoint, 2 + muster_file_checkpoint_get_path_slots (path), error))
    return FALSE;
  if (self->spool_slot == 0)
    self->spool_slot = muster_file_checkpoint_add_file (self->checkpoint, path);
  return TRUE;
}

void
muster_network_ledger_restore (MusterNetworkLedger *self)
{
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (self->checkpoint);

  for (guint i = 0; i < streams->len; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);

      if (!muster_file_marks_is_journal (stream) && !is_spool_mark (stream->id))
        muster_transport_set_pending (self->transport, stream->id, stream->next, &stream->pending);
    }
}

gboolean
muster_network_ledger_reserve (MusterNetworkLedger *self, GError **error)
{
  return muster_file_checkpoint_reserve (self->checkpoint, BATCH_SLOTS, error);
}

void
muster_network_ledger_set_stream (MusterNetworkLedger *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 next,
                                  const MusterPendingRuns *pending)
{
  muster_file_marks_set (self->marks, stream, next, pending);
}

void
muster_network_ledger_set_journal (MusterNetworkLedger *self, const guint8 journal[MUSTER_STREAM_ID_SIZE], guint64 next)
{
  muster_file_marks_set_journal (self->marks, journal, next);
}

void
muster_network_ledger_remove_stream (MusterNetworkLedger *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  muster_file_marks_remove (self->marks, stream);
}

gboolean
muster_network_ledger_find_superfluous (MusterNetworkLedger *self, const guint8 but[MUSTER_STREAM_ID_SIZE],
                                        guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  const guint8 *superfluous = muster_file_marks_find_superfluous (self->marks, g_get_monotonic_time ());

  if (superfluous == NULL || is_spool_mark (superfluous) || memcmp (superfluous, but, MUSTER_STREAM_ID_SIZE) == 0)
    return FALSE;
  memcpy (stream, superfluous, MUSTER_STREAM_ID_SIZE);
  return TRUE;
}

void
muster_network_ledger_commit (MusterNetworkLedger *self, const MusterSpoolPlace *end)
{
  const MusterPendingRuns none = { 0 };

  if (end != NULL)
    {
      muster_file_checkpoint_set_file (self->checkpoint, self->spool_slot, 0, 0, (goffset) end->position);
      muster_file_marks_set (self->marks, spool_mark, end->number, &none);
    }
  muster_file_checkpoint_commit (self->checkpoint);
}
