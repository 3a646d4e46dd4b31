/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches into a spool, once. Belongs to the transport's thread, but for the marks as of the start.
 *
 * After each batch the checkpoint is committed: where the spool ends, the mark of the batch's stream, and what has yet to be
 * declared of it, together; only then may the link read it. Who comes after a kill cuts the spool back to what was
 * committed, and the stream goes on at its mark. So nothing is in the spool twice, and no number of the spool ever stands
 * for two different things. With sync=batch all that comes behind a sync of what was appended. Where that fails the batch is
 * not done, and waits, in the spool and unknown to all, for a sync that succeeds: it is never appended again, and who comes
 * after a kill cuts it off.
 */
#include "config.h"

#include "muster-network-outbox.h"

#include <string.h>

#include "muster-batch-pieces.h"
#include "muster-encoder-private.h"
#include "muster-fault-private.h"
#include "muster-network-ledger.h"
#include "muster-transport-private.h"

/* Streams whose gaps are declared by themselves when there is room again; how often that is looked for; and what one of
 * them may take: as many runs as the filter keeps. */
#define OWED_MAX         1024
#define OWED_INTERVAL_US (G_USEC_PER_SEC / 5)
#define GAPS_COST_MAX    (16 * 1024)

/* What was appended and is not committed. */
typedef struct
{
  gboolean is_there;
  MusterBatch *batch; /* owned; NULL: gaps that were owed */
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 next;      /* of the stream, behind it */
  gboolean is_empty; /* nothing of it went into the spool */
} Uncommitted;

struct _MusterNetworkOutbox
{
  MusterTransport *transport; /* borrowed */
  MusterNetworkOutboxOptions options;
  MusterNetworkLink *link; /* borrowed; NULL until there is one */

  MusterNetworkLedger *ledger; /* owned; stays when it is closed, for somebody might still ask */
  MusterSpool *spool;          /* owned */
  MusterBatchFilter *filter;   /* owned: what there was no room for */
  GPtrArray *owed;             /* owned; of MusterBatch: one of each stream that is in the filter, or was */
  gboolean is_refusing;        /* the spool is full, and that was said */
  guint64 n_refused;           /* since then */
  gint64 sync_due_us;          /* monotonic; 0 while nothing waits to be synced */
  gboolean sync_failed;        /* with sync=interval; that was said */
  Uncommitted uncommitted;
};

/* -- opening -- */

static void
say_note (MusterNetworkOutbox *self, const char *note)
{
  if (note != NULL)
    muster_transport_report (self->transport, MUSTER_LEVEL_WARNING, "%s", note);
}

static gboolean
open_ledger (MusterNetworkOutbox *self, GError **error)
{
  g_autofree char *note = NULL;

  self->ledger = muster_network_ledger_open (self->transport, &note, error);
  say_note (self, note);
  return self->ledger != NULL;
}

/* Where the spool ends now; there is room for that in the ledger. */
static void
commit_end (MusterNetworkOutbox *self)
{
  const MusterSpoolPlace end = muster_spool_get_end (self->spool);

  muster_network_ledger_commit (self->ledger, &end);
}

static char *
spool_path (MusterNetworkOutbox *self)
{
  g_autofree char *escaped = g_uri_escape_string (muster_transport_get_name (self->transport), NULL, TRUE);
  g_autofree char *leaf = g_strconcat (escaped, ".spool", NULL);

  return g_build_filename (muster_transport_get_state_dir (self->transport), leaf, NULL);
}

static gboolean
open_spool (MusterNetworkOutbox *self, GError **error)
{
  g_autofree char *path = spool_path (self);
  g_autofree char *note = NULL;
  MusterSpoolPlace end;
  gboolean is_known = muster_network_ledger_find_end (self->ledger, &end);
  MusterSpool *spool;

  if (!muster_network_ledger_add_spool (self->ledger, path, error))
    return FALSE;
  spool = muster_spool_open (path, (gsize) self->options.spool_size, is_known ? &end : NULL, &note, error);
  say_note (self, note);
  if (spool == NULL)
    {
      g_prefix_error (error, "spool-size: ");
      return FALSE;
    }
  self->spool = spool;
  commit_end (self);
  return TRUE;
}

MusterNetworkOutbox *
muster_network_outbox_open (MusterTransport *transport, const MusterNetworkOutboxOptions *options, GError **error)
{
  MusterNetworkOutbox *self = g_new0 (MusterNetworkOutbox, 1);

  self->transport = transport;
  self->options = *options;
  self->owed = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_batch_unref);
  self->filter = muster_batch_filter_new (TRUE);
  muster_batch_filter_set_reason (self->filter, MUSTER_GAP_SPOOL_FULL);
  if (open_ledger (self, error) && open_spool (self, error))
    {
      muster_network_ledger_restore (self->ledger);
      return self;
    }
  muster_network_outbox_free (self);
  return NULL;
}

static void
forget_uncommitted (MusterNetworkOutbox *self)
{
  g_clear_pointer (&self->uncommitted.batch, muster_batch_unref);
  self->uncommitted.is_there = FALSE;
}

void
muster_network_outbox_close (MusterNetworkOutbox *self)
{
  forget_uncommitted (self);
  self->link = NULL;
  g_clear_pointer (&self->spool, muster_spool_free);
  if (self->ledger != NULL)
    muster_network_ledger_close (self->ledger);
}

void
muster_network_outbox_free (MusterNetworkOutbox *self)
{
  muster_network_outbox_close (self);
  g_clear_pointer (&self->ledger, muster_network_ledger_free);
  muster_batch_filter_free (self->filter);
  g_ptr_array_unref (self->owed);
  g_free (self);
}

MusterSpool *
muster_network_outbox_get_spool (MusterNetworkOutbox *self)
{
  return self->spool;
}

void
muster_network_outbox_set_link (MusterNetworkOutbox *self, MusterNetworkLink *link)
{
  self->link = link;
}

gboolean
muster_network_outbox_get_mark (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 *next)
{
  return muster_network_ledger_get_first (self->ledger, stream, next);
}

/* -- room -- */

/* The last tenth is for `error` and worse, and for the metrics. */
static gsize
get_reserve (MusterNetworkOutbox *self)
{
  return muster_spool_get_size (self->spool) / 10;
}

static gsize
count_cost (GPtrArray *pieces)
{
  gsize cost = 0;

  for (guint i = 0; i < pieces->len; i++)
    cost += muster_spool_get_cost (g_bytes_get_size (g_ptr_array_index (pieces, i)));
  return cost;
}

static gboolean
has_room (MusterNetworkOutbox *self, gsize cost, gsize reserve)
{
  return muster_spool_get_free (self->spool) >= cost + reserve;
}

static gboolean
is_kept_longest (const MusterEntry *entry, gpointer user_data)
{
  return entry->kind != MUSTER_ENTRY_RECORD || muster_entry_peek_level (entry) <= MUSTER_LEVEL_ERROR;
}

static gboolean
is_wait_over (gpointer user_data)
{
  MusterNetworkOutbox *self = ((gpointer *) user_data)[0];
  gsize cost = *(gsize *) ((gpointer *) user_data)[1];

  return has_room (self, cost, get_reserve (self)) || muster_transport_is_stopping (self->transport);
}

/* Where the collector takes what there is, room comes soon. */
static gboolean
wait_for_room (MusterNetworkOutbox *self, gsize cost)
{
  gpointer data[] = { self, &cost };

  if (has_room (self, cost, get_reserve (self)))
    return TRUE;
  if (!self->is_refusing)
    muster_network_link_wait (self->link, self->options.block_timeout_us, is_wait_over, data);
  return has_room (self, cost, get_reserve (self));
}

static void
begin_refusing (MusterNetworkOutbox *self)
{
  if (self->is_refusing)
    return;
  self->is_refusing = TRUE;
  self->n_refused = 0;
  muster_transport_report (self->transport, MUSTER_LEVEL_ERROR,
                           "the spool is full: what comes now is left out, `error` and worse last; make spool-size "
                           "greater, or bring the collector back");
}

/* A batch without entries, so that little is kept. */
static MusterBatch *
labels_of (MusterBatch *batch)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;

  muster_encode_origin (out, muster_batch_get_origin (batch));
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&out));
  return muster_batch_new (bytes, NULL);
}

static void
end_refusing (MusterNetworkOutbox *self)
{
  if (!self->is_refusing)
    return;
  self->is_refusing = FALSE;
  muster_transport_report (self->transport, MUSTER_LEVEL_NOTICE,
                           "the spool has room again; %" G_GUINT64_FORMAT " entries were left out, which gaps declare",
                           self->n_refused);
}

/* Where no entry of the stream comes any more, its gaps are declared by themselves: what is left out is remembered by one of
 * its batches, for the labels. */
static void
owe (MusterNetworkOutbox *self, MusterBatch *batch)
{
  const guint8 *stream = muster_batch_get_origin (batch)->stream;

  for (guint i = 0; i < self->owed->len; i++)
    if (memcmp (muster_batch_get_origin (self->owed->pdata[i])->stream, stream, MUSTER_STREAM_ID_SIZE) == 0)
      return;
  if (self->owed->len < OWED_MAX)
    g_ptr_array_add (self->owed, labels_of (batch));
}

/* What of the batch goes into the spool, cut to its size; NULL if nothing does. */
static GPtrArray *
take_what_fits (MusterNetworkOutbox *self, MusterBatch *batch)
{
  guint64 n_left_out = 0;
  g_autoptr (MusterBatch) whole = NULL;
  g_autoptr (MusterBatch) part = NULL;
  g_autoptr (GPtrArray) pieces = muster_batch_cut (batch, MUSTER_SPOOL_ENTRY_MAX);

  /* A gap that is due takes a little more. */
  if (wait_for_room (self, count_cost (pieces) + 64 * 1024))
    {
      end_refusing (self);
      whole = muster_batch_filter_apply (self->filter, batch, NULL, NULL, NULL);
      return whole == batch ? g_steal_pointer (&pieces) : muster_batch_cut (whole, MUSTER_SPOOL_ENTRY_MAX);
    }
  begin_refusing (self);
  owe (self, batch);
  part = muster_batch_filter_apply (self->filter, batch, is_kept_longest, NULL, &n_left_out);
  self->n_refused += n_left_out;
  g_clear_pointer (&pieces, g_ptr_array_unref);
  if (part == NULL)
    return NULL;
  pieces = muster_batch_cut (part, MUSTER_SPOOL_ENTRY_MAX);
  if (has_room (self, count_cost (pieces), 0))
    return g_steal_pointer (&pieces);
  self->n_refused += muster_batch_get_count (part);
  muster_batch_filter_skip (self->filter, part, MUSTER_GAP_SPOOL_FULL);
  return NULL;
}

/* -- writing -- */

/* What has to be declared of a stream, should another process go on: what the spool had no room for, and behind it what
 * the base class's filter left out. */
static void
get_pending (MusterNetworkOutbox *self, const guint8 *stream, guint64 next, MusterPendingRuns *pending)
{
  MusterPendingRuns later;

  muster_batch_filter_get_pending (self->filter, stream, pending);
  muster_transport_get_pending (self->transport, stream, &later);
  if (pending->first_seq == 0)
    *pending = later;
  else if (later.first_seq != 0 && later.n_runs > 0)
    {
      pending->n_runs = 1;
      pending->runs[0] = (MusterGapRun){ next - pending->first_seq, MUSTER_GAP_UNKNOWN };
    }
}

static void
forget_stream (MusterNetworkOutbox *self, const guint8 *stream)
{
  muster_batch_filter_forget (self->filter, stream);
  muster_network_ledger_remove_stream (self->ledger, stream);
}

/* The stream has moved on, and, with the batch in hand, the journal that brought it, if any; there is room in the ledger for
 * that. */
static void
set_marks (MusterNetworkOutbox *self, const guint8 *stream, guint64 next, gboolean with_journal)
{
  guint8 id[MUSTER_STREAM_ID_SIZE];
  MusterPendingRuns pending;
  guint64 journal_next;

  if (muster_network_ledger_find_superfluous (self->ledger, stream, id))
    forget_stream (self, id);
  if (with_journal && muster_transport_get_journal (self->transport, id, &journal_next))
    muster_network_ledger_set_journal (self->ledger, id, journal_next);
  get_pending (self, stream, next, &pending);
  muster_network_ledger_set_stream (self->ledger, stream, next, &pending);
}

static void
append_pieces (MusterNetworkOutbox *self, GPtrArray *pieces)
{
  for (guint i = 0; i < pieces->len; i++)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (g_ptr_array_index (pieces, i), &size);

      muster_spool_append (self->spool, data, size);
      muster_transport_add_bytes (self->transport, size);
    }
}

/* What was appended survives, if it has to, is committed, and may be read by the link. FALSE: nothing of that; it goes on
 * waiting. */
static gboolean
commit (MusterNetworkOutbox *self, GError **error)
{
  const Uncommitted *what = &self->uncommitted;
  gboolean has_to_last = self->options.sync == MUSTER_SYNC_BATCH && !what->is_empty;

  if (!muster_network_ledger_reserve (self->ledger, error) || (has_to_last && !muster_spool_sync (self->spool, error)))
    return FALSE;
  set_marks (self, what->stream, what->next, what->batch != NULL);
  commit_end (self);
  MUSTER_FAULT ("network.commit.after");
  muster_spool_publish (self->spool);
  forget_uncommitted (self);
  return TRUE;
}

/* Of gaps that were owed: with a batch in hand, that batch is what is waited for. */
static gboolean
commit_gaps (MusterNetworkOutbox *self, GError **error)
{
  return !self->uncommitted.is_there || self->uncommitted.batch != NULL || commit (self, error);
}

/* @pieces: NULL for nothing. */
static void
append (MusterNetworkOutbox *self, MusterBatch *batch, GPtrArray *pieces, const guint8 *stream, guint64 next)
{
  MUSTER_FAULT ("network.append.before");
  if (pieces != NULL)
    append_pieces (self, pieces);
  MUSTER_FAULT ("network.append.after");
  self->uncommitted = (Uncommitted){
    .is_there = TRUE,
    .batch = batch != NULL ? muster_batch_ref (batch) : NULL,
    .next = next,
    .is_empty = pieces == NULL,
  };
  memcpy (self->uncommitted.stream, stream, MUSTER_STREAM_ID_SIZE);
}

/* With sync=interval, where what was written is acknowledged already. */
static void
sync_late (MusterNetworkOutbox *self)
{
  g_autoptr (GError) error = NULL;
  gboolean has_failed = !muster_spool_sync (self->spool, &error);

  self->sync_due_us = has_failed ? g_get_monotonic_time () + self->options.sync_interval_us : 0;
  if (has_failed && !self->sync_failed)
    muster_transport_report (self->transport, MUSTER_LEVEL_ERROR,
                             "%s; what has come since may be lost if the machine fails; trying again", error->message);
  else if (!has_failed && self->sync_failed)
    muster_transport_report (self->transport, MUSTER_LEVEL_NOTICE, "the spool is synced again");
  self->sync_failed = has_failed;
}

/* While the queue never runs empty there is no flush. */
static void
sync_if_due (MusterNetworkOutbox *self)
{
  gint64 now_us;

  if (self->options.sync != MUSTER_SYNC_INTERVAL)
    return;
  now_us = g_get_monotonic_time ();
  if (self->sync_due_us == 0)
    self->sync_due_us = now_us + self->options.sync_interval_us;
  else if (now_us >= self->sync_due_us)
    sync_late (self);
}

/* FALSE: they are appended, but not committed. */
static gboolean
declare_gaps (MusterNetworkOutbox *self, MusterBatch *labels, GError **error)
{
  const MusterOrigin *origin = muster_batch_get_origin (labels);
  g_autoptr (MusterBatch) gaps = muster_batch_filter_declare (self->filter, origin);
  g_autoptr (GPtrArray) pieces = NULL;

  if (gaps == NULL)
    return TRUE;
  pieces = muster_batch_cut (gaps, MUSTER_SPOOL_ENTRY_MAX);
  append (self, NULL, pieces, origin->stream, muster_batch_get_first_seq (gaps) + muster_batch_get_count (gaps));
  return commit (self, error);
}

/* Declares what is owed, as far as there is room. */
static gboolean
declare_owed (MusterNetworkOutbox *self, GError **error)
{
  gboolean is_good = commit_gaps (self, error);

  while (is_good && !self->uncommitted.is_there && self->owed->len > 0
         && has_room (self, GAPS_COST_MAX, get_reserve (self)) && muster_network_ledger_reserve (self->ledger, NULL))
    {
      is_good = declare_gaps (self, self->owed->pdata[self->owed->len - 1], error);
      g_ptr_array_set_size (self->owed, (gint) self->owed->len - 1);
    }
  return is_good;
}

MusterWriteResult
muster_network_outbox_write (MusterNetworkOutbox *self, MusterBatch *batch, GError **error)
{
  gboolean is_appended = self->uncommitted.is_there && self->uncommitted.batch == batch;

  if (!is_appended)
    {
      g_autoptr (GPtrArray) pieces = NULL;

      if (!commit_gaps (self, error))
        return MUSTER_WRITE_RETRY;
      pieces = take_what_fits (self, batch);
      append (self, batch, pieces, muster_batch_get_origin (batch)->stream,
              muster_transport_get_next_seq (self->transport));
    }
  if (!commit (self, error))
    return MUSTER_WRITE_RETRY;
  sync_if_due (self);
  return MUSTER_WRITE_DONE;
}

/* Without room for it the mark is not kept, nor where gaps of an earlier one wait: what is left out comes again after a kill, to be left out again. */
void
muster_network_outbox_skip (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE], guint64 next)
{
  if (!commit_gaps (self, NULL) || !muster_network_ledger_reserve (self->ledger, NULL))
    return;
  set_marks (self, stream, next, TRUE);
  muster_network_ledger_commit (self->ledger, NULL);
}

void
muster_network_outbox_forget (MusterNetworkOutbox *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  declare_owed (self, NULL);
  forget_stream (self, stream);
  muster_network_ledger_commit (self->ledger, NULL);
}

gboolean
muster_network_outbox_flush (MusterNetworkOutbox *self, GError **error)
{
  gint64 left_us = self->sync_due_us - g_get_monotonic_time ();
  gboolean is_good = declare_owed (self, error);
  gboolean is_owing = !is_good || self->owed->len > 0;

  if (is_owing)
    muster_transport_schedule_flush (self->transport, OWED_INTERVAL_US);
  else if (self->is_refusing && has_room (self, 0, get_reserve (self)))
    end_refusing (self);
  if (self->sync_due_us != 0 && (left_us <= 0 || muster_transport_is_stopping (self->transport)))
    {
      sync_late (self);
      left_us = self->options.sync_interval_us; /* where it has failed */
    }
  if (self->sync_due_us != 0 && (!is_owing || left_us < OWED_INTERVAL_US))
    muster_transport_schedule_flush (self->transport, left_us);
  return is_good;
}
