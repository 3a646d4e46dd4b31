/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A journal for what numbers nothing itself. Everything but `done_lock` and what it guards belongs to the intake's thread
 * once that runs; the owner makes, stops and frees, and transports' threads say what is done.
 */
#include "config.h"

#include "muster-source-intake-private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "muster-context-call-private.h"
#include "muster-journal-feed-private.h"
#include "muster-journal-register-private.h"

#define FLUSH_INTERVAL_US (10 * G_TIME_SPAN_MILLISECOND)
#define SETTLE_LOOK_MS    2

struct _MusterSourceIntake
{
  char *name; /* owned, like all strings here */
  char *host;
  char *cluster;
  char *journal_path; /* nullable */
  MusterPipeline *pipeline;
  MusterJournal *journal;
  MusterJournalFeed *feed;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;                       /* the owner's; NULL once it has ended */
  void (*tap) (MusterBatch *, gpointer); /* nullable */
  gpointer tap_data;
  void (*room) (gpointer);
  gpointer user_data;
  gboolean wants_room;
  guint8 *buffer; /* an item: an origin and an entry */

  GMutex done_lock;
  guint64 done; /* all before it is in every required transport */
  gboolean done_woken;
};

/* -- the journal ----------------------------------------------------------------------------------- */

static gboolean
fill_identity (MusterJournalIdentity *identity, const char *name, const char *cluster, GError **error)
{
  *identity = (MusterJournalIdentity){ .start_time_us = g_get_real_time (), .pid = (guint32) getpid () };
  identity->start_ticks = muster_process_get_start_ticks (identity->pid);
  g_strlcpy (identity->cluster, cluster != NULL ? cluster : "", sizeof identity->cluster);
  g_strlcpy (identity->worker, name, sizeof identity->worker);
  g_strlcpy (identity->group, MUSTER_JOURNAL_SOURCE_GROUP, sizeof identity->group);
  if (getrandom (identity->stream, sizeof identity->stream, 0) == (ssize_t) sizeof identity->stream)
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "get random bytes: %s", g_strerror (errno));
  return FALSE;
}

static int
create_file (MusterSourceIntake *intake, const char *directory, guint64 size, const MusterJournalIdentity *identity,
             GError **error)
{
  g_autofree char *file = NULL;

  if (directory == NULL)
    return muster_journal_create_memfd (size, identity, error);
  file = muster_journal_register_make_name (identity);
  intake->journal_path = g_build_filename (directory, file, NULL);
  return muster_journal_create_file (intake->journal_path, size, identity, error);
}

static gboolean
open_journal (MusterSourceIntake *intake, const char *directory, guint64 size, GError **error)
{
  MusterJournalIdentity identity;
  int fd;

  if (!fill_identity (&identity, intake->name, intake->cluster, error))
    return FALSE;
  fd = create_file (intake, directory, size, &identity, error);
  if (fd < 0)
    {
      g_clear_pointer (&intake->journal_path, g_free); /* it is not ours */
      return FALSE;
    }
  intake->journal = muster_journal_open (fd, error);
  if (intake->journal == NULL)
    close (fd);
  return intake->journal != NULL;
}

static void
remove_journal (MusterSourceIntake *intake)
{
  if (intake->journal_path != NULL)
    unlink (intake->journal_path);
  g_clear_pointer (&intake->journal_path, g_free);
}

/* The next primary shall know to which stream it belongs; and whoever audits, that it is to be expected. */
static void
announce (MusterSourceIntake *intake, MusterLogger *logger)
{
  const MusterJournalIdentity *identity = muster_journal_get_identity (intake->journal);
  g_autofree char *stream = muster_journal_register_format_stream (identity->stream);

  if (logger != NULL)
    muster_logger_log_fields (logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                              MUSTER_FIELDS (MUSTER_TEXT ("event", "start"), MUSTER_TEXT ("worker", intake->name),
                                             MUSTER_NATURAL ("pid", identity->pid), MUSTER_TEXT ("stream", stream),
                                             MUSTER_TEXT ("group", MUSTER_JOURNAL_SOURCE_GROUP)),
                              "started");
}

/* -- out of the journal ---------------------------------------------------------------------------- */

static gboolean
handle_done (gpointer data)
{
  MusterSourceIntake *intake = data;
  guint64 done;

  g_mutex_lock (&intake->done_lock);
  done = intake->done;
  intake->done_woken = FALSE;
  g_mutex_unlock (&intake->done_lock);
  muster_journal_feed_acknowledge (intake->feed, done);
  if (intake->wants_room)
    {
      intake->wants_room = FALSE;
      intake->room (intake->user_data);
    }
  return G_SOURCE_REMOVE;
}

static void
attach_idle (MusterSourceIntake *intake, GSourceFunc function, gpointer data)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, intake->context);
  g_source_unref (source);
}

/* In some transport's thread, in order. */
static void
batch_done (MusterBatch *batch, gpointer user_data)
{
  MusterSourceIntake *intake = user_data;
  gboolean wake;

  g_mutex_lock (&intake->done_lock);
  intake->done = muster_batch_get_first_seq (batch) + muster_batch_get_count (batch);
  wake = !intake->done_woken;
  intake->done_woken = TRUE;
  g_mutex_unlock (&intake->done_lock);
  if (wake)
    attach_idle (intake, handle_done, intake);
}

static gboolean
feed_batch (guint8 *bytes, gsize length, guint64 first, guint64 count, guint32 drops, gpointer user_data)
{
  MusterSourceIntake *intake = user_data;
  g_autoptr (GBytes) log = g_bytes_new_take (bytes, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (MusterBatch) batch = muster_batch_new (log, &error);

  if (batch == NULL)
    {
      /* It was encoded here: somebody scribbled into the file. The hole is found by whoever audits. */
      g_printerr ("muster: the journal of source %s holds what is no entry: %s\n", intake->name, error->message);
      return TRUE;
    }
  if (intake->tap != NULL)
    intake->tap (batch, intake->tap_data);
  muster_pipeline_push (intake->pipeline, batch, batch_done, intake);
  return TRUE;
}

static void
open_feed (MusterSourceIntake *intake)
{
  const MusterJournalIdentity *identity = muster_journal_get_identity (intake->journal);
  MusterOrigin labels = { .first_seq = 1, .pid = identity->pid };

  memcpy (labels.stream, identity->stream, sizeof labels.stream);
  labels.host = muster_slice_from_string (intake->host);
  labels.cluster = muster_slice_from_string (intake->cluster);
  labels.worker = muster_slice_from_string (intake->name);
  intake->feed =
      muster_journal_feed_new (intake->journal, &labels, FLUSH_INTERVAL_US, intake->context, feed_batch, intake);
  muster_journal_feed_enable (intake->feed, TRUE);
}

/* -- into the journal ------------------------------------------------------------------------------ */

/* The item: whose it is, then the entry. */
static gsize
encode (MusterSourceIntake *intake, const MusterSourceRecord *record)
{
  const MusterRecordParts parts = {
    .level = record->level,
    .time_ns = record->time_ns != 0 ? record->time_ns : (guint64) g_get_real_time () * 1000,
    .domain = record->domain,
    .message = record->message,
    .fields = record->fields,
    .n_fields = record->n_fields,
    .truncated_from = record->truncated_from,
  };
  MusterOrigin labels = { .first_seq = 1, .host = record->host, .pid = record->pid };
  guint8 *behind;
  const guint8 *entry;
  gsize length;

  labels.worker = muster_slice_from_string (intake->name);
  behind = muster_encode_origin_at (intake->buffer, &labels);
  entry = muster_encode_record (intake->buffer + MUSTER_ENCODER_ORIGIN_MAX, MUSTER_ENTRY_MAX, &parts, &length);
  memmove (behind, entry, length);
  return (gsize) (behind - intake->buffer) + length;
}

gboolean
muster_source_intake_take (MusterSourceIntake *intake, const MusterSourceRecord *record)
{
  MusterJournalFlags flags = MUSTER_JOURNAL_NO_WAIT | MUSTER_JOURNAL_USE_RESERVE;
  gsize length = encode (intake, record);

  if (!muster_journal_has_room (intake->journal, length))
    {
      intake->wants_room = TRUE;
      return FALSE;
    }
  if (record->level != MUSTER_LEVEL_NONE && record->level <= MUSTER_LEVEL_ERROR)
    flags |= MUSTER_JOURNAL_FLUSH;
  return muster_journal_append (intake->journal, intake->buffer, length, flags);
}

/* -- the thread ------------------------------------------------------------------------------------ */

static gpointer
intake_thread (gpointer data)
{
  MusterSourceIntake *intake = data;

  g_main_context_push_thread_default (intake->context);
  g_main_loop_run (intake->loop);
  g_main_context_pop_thread_default (intake->context);
  return NULL;
}

/* Signals are for the application's own threads. */
static gboolean
start_thread (MusterSourceIntake *intake, GError **error)
{
  sigset_t all, before;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  intake->thread = g_thread_try_new (intake->name, intake_thread, intake, error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return intake->thread != NULL;
}

MusterSourceIntake *
muster_source_intake_new (const MusterSourceHouse *house, const char *name, guint64 journal_size,
                          void (*room) (gpointer), gpointer user_data, GError **error)
{
  MusterSourceIntake *intake = g_new0 (MusterSourceIntake, 1);

  g_mutex_init (&intake->done_lock);
  intake->name = g_strdup (name);
  intake->host = g_strdup (house->host);
  intake->cluster = g_strdup (house->cluster);
  intake->pipeline = muster_pipeline_ref (house->pipeline);
  intake->tap = house->tap;
  intake->tap_data = house->tap_data;
  intake->room = room;
  intake->user_data = user_data;
  intake->buffer = g_malloc (MUSTER_ENCODER_ORIGIN_MAX + MUSTER_ENTRY_MAX);
  intake->context = g_main_context_new ();
  intake->loop = g_main_loop_new (intake->context, FALSE);
  if (!open_journal (intake, house->journals, journal_size, error))
    {
      muster_source_intake_free (intake);
      return NULL;
    }
  open_feed (intake);
  if (!start_thread (intake, error))
    {
      remove_journal (intake);
      muster_source_intake_free (intake);
      return NULL;
    }
  announce (intake, house->logger);
  return intake;
}

static gboolean
quit_loop (gpointer data)
{
  g_main_loop_quit (((MusterSourceIntake *) data)->loop);
  return G_SOURCE_REMOVE;
}

static void
end_thread (MusterSourceIntake *intake)
{
  if (intake->thread == NULL)
    return;
  attach_idle (intake, quit_loop, intake); /* so that a loop that has not begun yet ends too */
  g_thread_join (g_steal_pointer (&intake->thread));
}

void
muster_source_intake_free (MusterSourceIntake *intake)
{
  end_thread (intake);
  if (intake->feed != NULL) /* what was not read yet is the next primary's: nobody here would hear that it is done */
    muster_journal_feed_enable (intake->feed, FALSE);
  while (g_main_context_iteration (intake->context, FALSE)) /* what came too late, so that it is freed */
    ;
  g_clear_pointer (&intake->feed, muster_journal_feed_free);
  g_clear_pointer (&intake->journal, muster_journal_unref);
  g_main_loop_unref (intake->loop);
  g_main_context_unref (intake->context);
  muster_pipeline_unref (intake->pipeline);
  g_mutex_clear (&intake->done_lock);
  g_free (intake->buffer);
  g_free (intake->journal_path);
  g_free (intake->cluster);
  g_free (intake->host);
  g_free (intake->name);
  g_free (intake);
}

const char *
muster_source_intake_get_journal_path (MusterSourceIntake *intake)
{
  return intake->journal_path;
}

GMainContext *
muster_source_intake_get_context (MusterSourceIntake *intake)
{
  return intake->context;
}

void
muster_source_intake_run (MusterSourceIntake *intake, void (*function) (gpointer), gpointer data)
{
  muster_context_call (intake->context, function, data);
}

/* -- the end --------------------------------------------------------------------------------------- */

typedef struct
{
  MusterSourceIntake *intake;
  gint64 deadline_us;
  gboolean has_end;
  gboolean settled;
} Settle;

/* The last entry of the stream, if there is room for it yet. */
static gboolean
append_end (MusterSourceIntake *intake)
{
  const MusterField fields[] = { MUSTER_TEXT ("event", "exit") };
  const MusterSourceRecord record = { .level = MUSTER_LEVEL_NOTICE,
                                      .host = muster_slice_from_string (intake->host),
                                      .pid = (guint32) getpid (),
                                      .domain = muster_slice_from_string ("muster"),
                                      .message = muster_slice_from_string ("the source stopped"),
                                      .fields = fields,
                                      .n_fields = G_N_ELEMENTS (fields) };

  return muster_source_intake_take (intake, &record);
}

static gboolean
settle_cb (gpointer data)
{
  Settle *settle = data;
  MusterSourceIntake *intake = settle->intake;

  intake->wants_room = FALSE;
  settle->has_end = settle->has_end || append_end (intake);
  muster_journal_feed_flush (intake->feed);
  settle->settled = settle->has_end && muster_journal_feed_is_settled (intake->feed);
  if (!settle->settled && g_get_monotonic_time () < settle->deadline_us)
    return G_SOURCE_CONTINUE;
  intake->wants_room = FALSE;
  g_main_loop_quit (intake->loop);
  return G_SOURCE_REMOVE;
}

gboolean
muster_source_intake_stop (MusterSourceIntake *intake, gint64 timeout_us)
{
  Settle settle = { .intake = intake, .deadline_us = g_get_monotonic_time () + timeout_us };
  GSource *source;

  if (intake->thread == NULL)
    return TRUE;
  source = g_timeout_source_new (SETTLE_LOOK_MS);
  g_source_set_callback (source, settle_cb, &settle, NULL);
  g_source_attach (source, intake->context);
  g_source_unref (source);
  g_thread_join (g_steal_pointer (&intake->thread));
  if (settle.settled)
    {
      remove_journal (intake);
      muster_pipeline_forget (intake->pipeline, muster_journal_get_identity (intake->journal)->stream);
    }
  return settle.settled;
}
