/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network transport: batches into a spool on disk, from where a MusterNetworkLink brings them to a collector. Its
 * properties are set before the start; all else belongs to the transport's thread, but what the properties that can only
 * be read ask for, which is under `lock`.
 *
 * A batch is done when it is in the spool. After each one the checkpoint is committed: where the spool ends, the mark of
 * the batch's stream, and what has yet to be declared of it, together; only then may the link read it. Who comes after a
 * kill cuts the spool back to what was committed, and the stream goes on at its mark. So nothing is in the spool twice,
 * and no number of the spool ever stands for two different things.
 */
#include "config.h"

#include <string.h>

#include "muster-batch-pieces.h"
#include "muster-batch-private.h"
#include "muster-encoder-private.h"
#include "muster-fault-private.h"
#include "muster-file-marks.h"
#include "muster-network-address.h"
#include "muster-network-codec.h"
#include "muster-network-link.h"
#include "muster-param.h"
#include "muster-transport-network.h"
#include "muster-transport-private.h"

/* Streams whose gaps are declared by themselves when there is room again; how often that is looked for; and what one of
 * them may take: as many runs as the filter keeps. */
#define OWED_MAX         1024
#define OWED_INTERVAL_US (G_USEC_PER_SEC / 5)
#define GAPS_COST_MAX    (16 * 1024)

struct _MusterTransportNetwork
{
  MusterTransport parent_instance;

  char **endpoints;      /* owned, nullable */
  char *server_key_file; /* owned, nullable */
  char *key_file;        /* owned, nullable */
  gboolean insecure;
  gboolean compress;
  guint64 spool_size;
  MusterSpoolSync sync;
  gint64 sync_interval_us;
  gint64 block_timeout_us;
  gint64 linger_us;

  GMutex lock;
  MusterNetworkLink *link; /* owned; under lock for others than the thread */
  MusterSpool *spool;      /* owned; likewise */

  MusterFileCheckpoint *checkpoint; /* owned */
  MusterFileMarks *marks;           /* owned; uses checkpoint */
  guint32 spool_slot;               /* in the checkpoint */
  MusterBatchFilter *filter;        /* owned: what there was no room for */
  GPtrArray *owed;                  /* owned; of MusterBatch: one of each stream that is in the filter, or was */
  gboolean is_refusing;             /* the spool is full, and that was said */
  guint64 n_refused;                /* since then */
  gint64 sync_due_us;               /* monotonic; 0 while nothing waits to be synced */
};

enum
{
  PROP_ENDPOINT = 1,
  PROP_SERVER_KEY_FILE,
  PROP_KEY_FILE,
  PROP_INSECURE,
  PROP_COMPRESS,
  PROP_SPOOL_SIZE,
  PROP_SYNC,
  PROP_SYNC_INTERVAL,
  PROP_BLOCK_TIMEOUT,
  PROP_LINGER,
  PROP_IS_CONNECTED,
  PROP_CONNECTED_TO,
  PROP_CONNECTIONS,
  PROP_SPOOLED_BYTES,
  PROP_SPOOLED_BATCHES,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportNetwork, muster_transport_network, MUSTER_TYPE_TRANSPORT)

/* The spool's own mark in the checkpoint: the number of what comes next. No stream has this id but by design. */
static const guint8 spool_mark[MUSTER_STREAM_ID_SIZE] = "muster spool end";

GType
muster_spool_sync_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_SPOOL_SYNC_NONE, "MUSTER_SPOOL_SYNC_NONE", "none" },
    { MUSTER_SPOOL_SYNC_INTERVAL, "MUSTER_SPOOL_SYNC_INTERVAL", "interval" },
    { MUSTER_SPOOL_SYNC_BATCH, "MUSTER_SPOOL_SYNC_BATCH", "batch" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterSpoolSync", values));
  return type;
}

/* -- starting -- */

static gboolean
check_endpoints (MusterTransportNetwork *self, gboolean has_keys, GError **error)
{
  if (self->endpoints == NULL || self->endpoints[0] == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                           "endpoint: missing; expected tcp://HOST:PORT, or several with a ; between them");
      return FALSE;
    }
  for (guint i = 0; self->endpoints[i] != NULL; i++)
    {
      gboolean is_local;

      if (!muster_network_address_check (self->endpoints[i], FALSE, &is_local, error)
          || (!has_keys
              && !muster_network_address_allow_plain (self->endpoints[i], is_local, self->insecure,
                                                      "server-key-file and key-file", error)))
        {
          g_prefix_error (error, "endpoint: ");
          return FALSE;
        }
      if (!has_keys && !is_local)
        muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_WARNING,
                                 "insecure: all that goes to %s can be read and changed on its way",
                                 self->endpoints[i]);
    }
  return TRUE;
}

static gboolean
read_keys (MusterTransportNetwork *self, MusterNetworkLinkOptions *options, GError **error)
{
  options->has_keys = self->key_file != NULL && *self->key_file != '\0';
  if (options->has_keys != (self->server_key_file != NULL && *self->server_key_file != '\0'))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "%s: missing; keys take both: our own pair in key-file, "
                   "and the collector's public key in server-key-file",
                   options->has_keys ? "server-key-file" : "key-file");
      return FALSE;
    }
  if (!options->has_keys)
    return TRUE;
  if (!muster_network_keys_read (self->server_key_file, FALSE, options->server_key, error))
    {
      g_prefix_error (error, "server-key-file: ");
      return FALSE;
    }
  if (muster_network_keys_read (self->key_file, TRUE, options->secret_key, error)
      && muster_network_keys_get_public (self->key_file, options->secret_key, options->public_key, error))
    return TRUE;
  g_prefix_error (error, "key-file: ");
  return FALSE;
}

static void
say_note (MusterTransportNetwork *self, const char *note)
{
  if (note != NULL)
    muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_WARNING, "%s", note);
}

static gboolean
open_checkpoint (MusterTransportNetwork *self, GError **error)
{
  MusterTransport *transport = MUSTER_TRANSPORT (self);
  g_autofree char *note = NULL;

  if (muster_transport_get_state_dir (transport) == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "a spool needs a state-dir to lie in");
      return FALSE;
    }
  self->checkpoint = muster_file_checkpoint_open (muster_transport_get_state_dir (transport),
                                                  muster_transport_get_name (transport), &note, error);
  say_note (self, note);
  if (self->checkpoint == NULL)
    return FALSE;
  g_clear_pointer (&self->marks, muster_file_marks_free); /* was kept, for somebody might still ask */
  self->marks = muster_file_marks_new (self->checkpoint);
  return TRUE;
}

/* How far the spool was committed in an earlier life; FALSE if nobody knows. */
static gboolean
find_committed (MusterTransportNetwork *self, MusterSpoolPlace *end)
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

      found = memcmp (stream->id, spool_mark, sizeof spool_mark) == 0;
      end->number = stream->next;
    }
  return found;
}

static void
restore_pending (MusterTransportNetwork *self)
{
  g_autoptr (GArray) streams = muster_file_checkpoint_list_streams (self->checkpoint);

  for (guint i = 0; i < streams->len; i++)
    {
      const MusterFileStream *stream = &g_array_index (streams, MusterFileStream, i);

      if (!muster_file_marks_is_journal (stream))
        muster_transport_set_pending (MUSTER_TRANSPORT (self), stream->id, stream->next, &stream->pending);
    }
}

/* Where the spool ends now; there is room for that in the checkpoint. */
static void
commit_end (MusterTransportNetwork *self)
{
  MusterSpoolPlace end = muster_spool_get_end (self->spool);

  muster_file_checkpoint_set_file (self->checkpoint, self->spool_slot, 0, 0, (goffset) end.position);
  muster_file_marks_set_journal (self->marks, spool_mark, end.number);
  muster_file_checkpoint_commit (self->checkpoint);
}

static char *
spool_path (MusterTransportNetwork *self)
{
  g_autofree char *escaped = g_uri_escape_string (muster_transport_get_name (MUSTER_TRANSPORT (self)), NULL, TRUE);
  g_autofree char *leaf = g_strconcat (escaped, ".spool", NULL);

  return g_build_filename (muster_transport_get_state_dir (MUSTER_TRANSPORT (self)), leaf, NULL);
}

static gboolean
open_spool (MusterTransportNetwork *self, GError **error)
{
  g_autofree char *path = spool_path (self);
  g_autofree char *note = NULL;
  MusterSpoolPlace end;
  gboolean is_known = find_committed (self, &end);
  MusterSpool *spool;

  if (!muster_file_checkpoint_reserve (self->checkpoint, 2 + muster_file_checkpoint_get_path_slots (path), error))
    return FALSE;
  spool = muster_spool_open (path, (gsize) self->spool_size, is_known ? &end : NULL, &note, error);
  say_note (self, note);
  if (spool == NULL)
    {
      g_prefix_error (error, "spool-size: ");
      return FALSE;
    }
  g_mutex_lock (&self->lock);
  self->spool = spool;
  g_mutex_unlock (&self->lock);
  if (self->spool_slot == 0)
    self->spool_slot = muster_file_checkpoint_add_file (self->checkpoint, path);
  commit_end (self);
  return TRUE;
}

static void
link_report_cb (MusterLevel level, const char *text, gpointer user_data)
{
  muster_transport_report (user_data, level, "%s", text);
}

static gboolean
open_link (MusterTransportNetwork *self, MusterNetworkLinkOptions *options, GError **error)
{
  MusterNetworkLink *link;

  options->endpoints = (const char *const *) self->endpoints;
  options->pack = self->compress;
  link = muster_network_link_new (self->spool, options, link_report_cb, self, error);
  g_mutex_lock (&self->lock);
  self->link = link;
  g_mutex_unlock (&self->lock);
  return link != NULL;
}

static void
let_go (MusterTransportNetwork *self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->link, muster_network_link_free);
  g_clear_pointer (&self->spool, muster_spool_free);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&self->filter, muster_batch_filter_free);
  g_clear_pointer (&self->owed, g_ptr_array_unref);
  g_clear_pointer (&self->checkpoint, muster_file_checkpoint_free);
  self->spool_slot = 0;
}

static gboolean
open_all (MusterTransportNetwork *self, MusterNetworkLinkOptions *options, GError **error)
{
  self->filter = muster_batch_filter_new (TRUE);
  muster_batch_filter_set_reason (self->filter, MUSTER_GAP_SPOOL_FULL);
  self->owed = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_batch_unref);
  if (!open_checkpoint (self, error) || !open_spool (self, error))
    return FALSE;
  restore_pending (self);
  return open_link (self, options, error);
}

static gboolean
muster_transport_network_start (MusterTransport *transport, GError **error)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);
  MusterNetworkLinkOptions options = { .pack = FALSE };

  if (muster_transport_get_format (transport) != NULL)
    {
      g_set_error_literal (
          error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
          "the network takes no format: entries go as they are, and the collector makes bytes of them");
      return FALSE;
    }
  if (self->compress && !muster_network_codec_is_there ())
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "compress: built without zstd");
      return FALSE;
    }
  if (!read_keys (self, &options, error) || !check_endpoints (self, options.has_keys, error))
    return FALSE;
  if (open_all (self, &options, error))
    return TRUE;
  let_go (self);
  return FALSE;
}

/* -- room -- */

/* The last tenth is for `error` and worse, and for the metrics. */
static gsize
get_reserve (MusterTransportNetwork *self)
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
has_room (MusterTransportNetwork *self, gsize cost, gsize reserve)
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
  MusterTransportNetwork *self = ((gpointer *) user_data)[0];
  gsize cost = *(gsize *) ((gpointer *) user_data)[1];

  return has_room (self, cost, get_reserve (self)) || muster_transport_is_stopping (MUSTER_TRANSPORT (self));
}

/* Where the collector takes what there is, room comes soon. */
static gboolean
wait_for_room (MusterTransportNetwork *self, gsize cost)
{
  gpointer data[] = { self, &cost };

  if (has_room (self, cost, get_reserve (self)))
    return TRUE;
  if (!self->is_refusing)
    muster_network_link_wait (self->link, self->block_timeout_us, is_wait_over, data);
  return has_room (self, cost, get_reserve (self));
}

static void
begin_refusing (MusterTransportNetwork *self)
{
  if (self->is_refusing)
    return;
  self->is_refusing = TRUE;
  self->n_refused = 0;
  muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_ERROR,
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
end_refusing (MusterTransportNetwork *self)
{
  if (!self->is_refusing)
    return;
  self->is_refusing = FALSE;
  muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_NOTICE,
                           "the spool has room again; %" G_GUINT64_FORMAT " entries were left out, which gaps declare",
                           self->n_refused);
}

/* Where no entry of the stream comes any more, its gaps are declared by themselves: what is left out is remembered by one of
 * its batches, for the labels. */
static void
owe (MusterTransportNetwork *self, MusterBatch *batch)
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
take_what_fits (MusterTransportNetwork *self, MusterBatch *batch)
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
get_pending (MusterTransportNetwork *self, const guint8 *stream, guint64 next, MusterPendingRuns *pending)
{
  MusterPendingRuns later;

  muster_batch_filter_get_pending (self->filter, stream, pending);
  muster_transport_get_pending (MUSTER_TRANSPORT (self), stream, &later);
  if (pending->first_seq == 0)
    *pending = later;
  else if (later.first_seq != 0 && later.n_runs > 0)
    {
      pending->n_runs = 1;
      pending->runs[0] = (MusterGapRun){ next - pending->first_seq, MUSTER_GAP_UNKNOWN };
    }
}

static void
forget_stream (MusterTransportNetwork *self, const guint8 *stream)
{
  muster_batch_filter_forget (self->filter, stream);
  muster_file_marks_remove (self->marks, stream);
}

/* The stream has moved on, and the journal that brought the batch, if any; there is room in the checkpoint for that. */
static void
set_marks (MusterTransportNetwork *self, const guint8 *stream, guint64 next)
{
  const guint8 *superfluous = muster_file_marks_find_superfluous (self->marks);
  guint8 id[MUSTER_STREAM_ID_SIZE];
  MusterPendingRuns pending;
  guint64 journal_next;

  if (superfluous != NULL)
    {
      memcpy (id, superfluous, sizeof id);
      if (memcmp (id, stream, sizeof id) != 0 && memcmp (id, spool_mark, sizeof id) != 0)
        forget_stream (self, id);
    }
  if (muster_transport_get_journal (MUSTER_TRANSPORT (self), id, &journal_next))
    muster_file_marks_set_journal (self->marks, id, journal_next);
  get_pending (self, stream, next, &pending);
  muster_file_marks_set (self->marks, stream, next, &pending);
}

static void
append_pieces (MusterTransportNetwork *self, GPtrArray *pieces)
{
  for (guint i = 0; i < pieces->len; i++)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (g_ptr_array_index (pieces, i), &size);

      muster_spool_append (self->spool, data, size);
      muster_transport_add_bytes (MUSTER_TRANSPORT (self), size);
    }
}

static void
sync_now (MusterTransportNetwork *self)
{
  g_autoptr (GError) error = NULL;

  self->sync_due_us = 0;
  if (!muster_spool_sync (self->spool, &error))
    muster_transport_report (MUSTER_TRANSPORT (self), MUSTER_LEVEL_ERROR, "%s", error->message);
}

/* While the queue never runs empty there is no flush. */
static void
sync_if_due (MusterTransportNetwork *self)
{
  gint64 now_us;

  if (self->sync == MUSTER_SPOOL_SYNC_BATCH)
    sync_now (self);
  if (self->sync != MUSTER_SPOOL_SYNC_INTERVAL)
    return;
  now_us = g_get_monotonic_time ();
  if (self->sync_due_us == 0)
    self->sync_due_us = now_us + self->sync_interval_us;
  else if (now_us >= self->sync_due_us)
    sync_now (self);
}

/* Declares what is owed, as far as there is room. */
static void
declare_owed (MusterTransportNetwork *self)
{
  while (self->owed->len > 0 && muster_file_checkpoint_reserve (self->checkpoint, 3, NULL))
    {
      MusterBatch *labels = self->owed->pdata[self->owed->len - 1];
      const guint8 *stream = muster_batch_get_origin (labels)->stream;
      g_autoptr (MusterBatch) gaps = NULL;
      g_autoptr (GPtrArray) pieces = NULL;

      if (!has_room (self, GAPS_COST_MAX, get_reserve (self)))
        return;
      gaps = muster_batch_filter_declare (self->filter, muster_batch_get_origin (labels));
      if (gaps != NULL)
        {
          pieces = muster_batch_cut (gaps, MUSTER_SPOOL_ENTRY_MAX);
          append_pieces (self, pieces);
          set_marks (self, stream, muster_batch_get_first_seq (gaps) + muster_batch_get_count (gaps));
          commit_end (self);
          muster_spool_publish (self->spool);
        }
      g_ptr_array_set_size (self->owed, (gint) self->owed->len - 1);
    }
}

static MusterWriteResult
muster_transport_network_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);
  g_autoptr (GPtrArray) pieces = NULL;

  if (!muster_file_checkpoint_reserve (self->checkpoint, 3, error))
    return MUSTER_WRITE_RETRY;
  pieces = take_what_fits (self, batch);
  MUSTER_FAULT ("network.append.before");
  if (pieces != NULL)
    append_pieces (self, pieces);
  MUSTER_FAULT ("network.append.after");
  set_marks (self, muster_batch_get_origin (batch)->stream, muster_transport_get_next_seq (transport));
  commit_end (self);
  MUSTER_FAULT ("network.commit.after");
  muster_spool_publish (self->spool);
  if (pieces != NULL)
    sync_if_due (self);
  return MUSTER_WRITE_DONE;
}

/* Without room for it the mark is not kept: what is left out comes again after a kill, to be left out again. */
static void
muster_transport_network_skip (MusterTransport *transport, const guint8 *stream, guint64 next)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);

  if (!muster_file_checkpoint_reserve (self->checkpoint, 3, NULL))
    return;
  set_marks (self, stream, next);
  muster_file_checkpoint_commit (self->checkpoint);
}

static gboolean
muster_transport_network_get_mark (MusterTransport *transport, const guint8 *stream, guint64 *next)
{
  return muster_file_marks_get_first (MUSTER_TRANSPORT_NETWORK (transport)->marks, stream, next);
}

static void
muster_transport_network_forget (MusterTransport *transport, const guint8 *stream)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);

  declare_owed (self);
  forget_stream (self, stream);
  muster_file_checkpoint_commit (self->checkpoint);
}

static gboolean
muster_transport_network_flush (MusterTransport *transport, GError **error)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);
  gint64 left_us = self->sync_due_us - g_get_monotonic_time ();

  declare_owed (self);
  if (self->owed->len > 0)
    muster_transport_schedule_flush (transport, OWED_INTERVAL_US);
  else if (self->is_refusing && has_room (self, 0, get_reserve (self)))
    end_refusing (self);
  if (self->sync_due_us == 0)
    return TRUE;
  if (left_us <= 0 || muster_transport_is_stopping (transport))
    sync_now (self);
  else if (self->owed->len == 0 || left_us < OWED_INTERVAL_US)
    muster_transport_schedule_flush (transport, left_us);
  return TRUE;
}

static void
muster_transport_network_stop (MusterTransport *transport)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (transport);

  muster_network_link_drain (self->link, self->linger_us);
  let_go (self);
}

/* -- the object -- */

static void
replace (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_transport_network_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      g_strfreev (self->endpoints);
      self->endpoints = g_value_dup_boxed (value);
      break;
    case PROP_SERVER_KEY_FILE:
      replace (&self->server_key_file, value);
      break;
    case PROP_KEY_FILE:
      replace (&self->key_file, value);
      break;
    case PROP_INSECURE:
      self->insecure = g_value_get_boolean (value);
      break;
    case PROP_COMPRESS:
      self->compress = g_value_get_boolean (value);
      break;
    case PROP_SPOOL_SIZE:
      self->spool_size = g_value_get_uint64 (value);
      break;
    case PROP_SYNC:
      self->sync = (MusterSpoolSync) g_value_get_enum (value);
      break;
    case PROP_SYNC_INTERVAL:
      self->sync_interval_us = g_value_get_int64 (value);
      break;
    case PROP_BLOCK_TIMEOUT:
      self->block_timeout_us = g_value_get_int64 (value);
      break;
    case PROP_LINGER:
      self->linger_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
get_state (MusterTransportNetwork *self, guint id, GValue *value)
{
  MusterNetworkLinkState state = { .is_connected = FALSE };

  g_mutex_lock (&self->lock);
  if (self->link != NULL)
    muster_network_link_get_state (self->link, &state);
  if (id == PROP_IS_CONNECTED)
    g_value_set_boolean (value, state.is_connected);
  else if (id == PROP_CONNECTED_TO)
    g_value_set_string (value, state.endpoint);
  else if (id == PROP_CONNECTIONS)
    g_value_set_uint64 (value, state.connections);
  else if (id == PROP_SPOOLED_BYTES)
    g_value_set_uint64 (value, self->spool != NULL ? muster_spool_count_bytes (self->spool) : 0);
  else
    g_value_set_uint64 (value, self->spool != NULL ? muster_spool_count_entries (self->spool) : 0);
  g_mutex_unlock (&self->lock);
}

static void
muster_transport_network_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  switch (id)
    {
    case PROP_ENDPOINT:
      g_value_set_boxed (value, self->endpoints);
      break;
    case PROP_SERVER_KEY_FILE:
      g_value_set_string (value, self->server_key_file);
      break;
    case PROP_KEY_FILE:
      g_value_set_string (value, self->key_file);
      break;
    case PROP_INSECURE:
      g_value_set_boolean (value, self->insecure);
      break;
    case PROP_COMPRESS:
      g_value_set_boolean (value, self->compress);
      break;
    case PROP_SPOOL_SIZE:
      g_value_set_uint64 (value, self->spool_size);
      break;
    case PROP_SYNC:
      g_value_set_enum (value, (int) self->sync);
      break;
    case PROP_SYNC_INTERVAL:
      g_value_set_int64 (value, self->sync_interval_us);
      break;
    case PROP_BLOCK_TIMEOUT:
      g_value_set_int64 (value, self->block_timeout_us);
      break;
    case PROP_LINGER:
      g_value_set_int64 (value, self->linger_us);
      break;
    case PROP_IS_CONNECTED:
    case PROP_CONNECTED_TO:
    case PROP_CONNECTIONS:
    case PROP_SPOOLED_BYTES:
    case PROP_SPOOLED_BATCHES:
      get_state (self, id, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_network_finalize (GObject *object)
{
  MusterTransportNetwork *self = MUSTER_TRANSPORT_NETWORK (object);

  let_go (self);
  g_clear_pointer (&self->marks, muster_file_marks_free);
  g_strfreev (self->endpoints);
  g_free (self->server_key_file);
  g_free (self->key_file);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (muster_transport_network_parent_class)->finalize (object);
}

static void
install_settings (void)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  properties[PROP_ENDPOINT] = g_param_spec_boxed (
      "endpoint", NULL, "The collector, tcp://HOST:PORT; of several the next one is tried where one does not answer",
      G_TYPE_STRV, flags);
  properties[PROP_SERVER_KEY_FILE] =
      g_param_spec_string ("server-key-file", NULL, "The collector's public key", NULL, flags);
  properties[PROP_KEY_FILE] =
      g_param_spec_string ("key-file", NULL, "Our own key, as muster keygen makes it", NULL, flags);
  properties[PROP_INSECURE] =
      g_param_spec_boolean ("insecure", NULL, "Whether to go without keys to another machine", FALSE, flags);
  properties[PROP_COMPRESS] =
      g_param_spec_boolean ("compress", NULL, "Whether batches are packed by zstd for the way", FALSE, flags);
  properties[PROP_SPOOL_SIZE] = muster_param_spec_size (
      "spool-size", NULL,
      "Room on disk for what the collector has not got; a power of two, all of it allocated at once",
      MUSTER_JOURNAL_SIZE_MIN, MUSTER_JOURNAL_SIZE_MAX, 256 << 20, flags);
  properties[PROP_SYNC] = g_param_spec_enum (
      "sync", NULL, "When what is in the spool is made to survive the machine: none, interval, or each batch",
      MUSTER_TYPE_SPOOL_SYNC, MUSTER_SPOOL_SYNC_INTERVAL, flags);
  properties[PROP_SYNC_INTERVAL] =
      muster_param_spec_duration ("sync-interval", NULL, "How long it may wait for that, with sync=interval", 1000,
                                  G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
  properties[PROP_BLOCK_TIMEOUT] = muster_param_spec_duration (
      "block-timeout", NULL, "How long to wait for room in a full spool while the collector takes what is in it", 0,
      G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
  properties[PROP_LINGER] = muster_param_spec_duration (
      "linger", NULL, "How long a stop waits for the collector to take what is in the spool", 0,
      G_GINT64_CONSTANT (86400000000), G_USEC_PER_SEC, flags);
}

static void
install_state (void)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  properties[PROP_IS_CONNECTED] =
      g_param_spec_boolean ("is-connected", NULL, "Whether the collector has welcomed us", FALSE, flags);
  properties[PROP_CONNECTED_TO] =
      g_param_spec_string ("connected-to", NULL, "The endpoint in use, or being tried", NULL, flags);
  properties[PROP_CONNECTIONS] =
      g_param_spec_uint64 ("connections", NULL, "How often a collector has welcomed us", 0, G_MAXUINT64, 0, flags);
  properties[PROP_SPOOLED_BYTES] = g_param_spec_uint64 (
      "spooled-bytes", NULL, "Bytes in the spool that the collector has not acknowledged", 0, G_MAXUINT64, 0, flags);
  properties[PROP_SPOOLED_BATCHES] =
      g_param_spec_uint64 ("spooled-batches", NULL, "Batches in the spool that the collector has not acknowledged", 0,
                           G_MAXUINT64, 0, flags);
}

static void
muster_transport_network_class_init (MusterTransportNetworkClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);

  object_class->set_property = muster_transport_network_set_property;
  object_class->get_property = muster_transport_network_get_property;
  object_class->finalize = muster_transport_network_finalize;
  transport_class->start = muster_transport_network_start;
  transport_class->write = muster_transport_network_write;
  transport_class->flush = muster_transport_network_flush;
  transport_class->stop = muster_transport_network_stop;
  transport_class->get_mark = muster_transport_network_get_mark;
  transport_class->skip = muster_transport_network_skip;
  transport_class->forget = muster_transport_network_forget;
  install_settings ();
  install_state ();
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_network_init (MusterTransportNetwork *self)
{
  g_mutex_init (&self->lock);
}
