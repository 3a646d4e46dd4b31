/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a cluster has while it runs: put together, wired to signals, taken down in order. The cluster's thread only.
 */
#include "config.h"

#include "muster-cluster-private.h"

#include "muster-journal-owner-private.h"
#include "muster-journal-register-private.h"
#include "muster-source-private.h"
#include "muster-state-dir-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Once a transport has let one drain-timeout pass, it is not given another one. */
#define STUCK_TIMEOUT_US G_TIME_SPAN_SECOND

/* -- before anything is made --------------------------------------------------------------------- */

static gboolean
is_group_known (MusterCluster *self, guint before, const char *name)
{
  for (guint i = 0; i < before; i++)
    if (g_strcmp0 (muster_worker_group_get_name (g_ptr_array_index (self->groups, i)), name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
prepare_group (MusterCluster *self, guint index, const char *runtime_path, GError **error)
{
  MusterWorkerGroup *group = g_ptr_array_index (self->groups, index);
  const char *name = muster_worker_group_get_name (group);
  const char *property = NULL;
  MusterWorkerCommand *command;
  char *endpoint;

  if (!muster_name_check (name != NULL ? name : "", "the worker group", error))
    return FALSE;
  if (is_group_known (self, index, name))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "there are two worker groups \"%s\"", name);
      return FALSE;
    }
  command = muster_worker_command_new (group, &property, error);
  if (command == NULL)
    {
      g_prefix_error (error, "worker group \"%s\", %s: ", name, property);
      return FALSE;
    }
  g_ptr_array_add (self->run.commands, command);
  endpoint = muster_runtime_dir_get_endpoint (runtime_path, name, error);
  if (endpoint != NULL)
    g_ptr_array_add (self->run.endpoints, endpoint);
  return endpoint != NULL;
}

/* All that can be known: no socket, no file, no process is made before. */
static gboolean
prepare (MusterCluster *self, const char *runtime_path, GError **error)
{
  if (!muster_name_check (self->name, "the cluster's name", error))
    return FALSE;
  self->run.commands = g_ptr_array_new ();
  self->run.endpoints = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->groups->len; i++)
    if (!prepare_group (self, i, runtime_path, error))
      return FALSE;
  return muster_cluster_prepare_metrics (self, error);
}

/* Each worker takes descriptors, and libzmq aborts when accept() finds none: so as many as may be. The workers get what
 * was found. */
static void
raise_descriptors (MusterCluster *self)
{
  struct rlimit raised;

  getrlimit (RLIMIT_NOFILE, &self->run.nofile);
  raised = self->run.nofile;
  raised.rlim_cur = raised.rlim_max;
  setrlimit (RLIMIT_NOFILE, &raised);
}

static gboolean
open_runtime_dir (MusterCluster *self, const char *path, GError **error)
{
  gboolean shared = FALSE;

  for (guint i = 0; i < self->run.commands->len; i++)
    shared = shared || ((MusterWorkerCommand *) g_ptr_array_index (self->run.commands, i))->change_user;
  self->run.runtime_dir = muster_runtime_dir_open (path, self->name, shared, error);
  return self->run.runtime_dir != NULL;
}

/* -- the primary's own voice --------------------------------------------------------------------- */

static gboolean
open_journal (MusterCluster *self, GError **error)
{
  MusterJournalIdentity identity = { .start_time_us = g_get_real_time (), .pid = (guint32) getpid () };
  g_autofree char *name = NULL;
  char text[2 * MUSTER_STREAM_ID_SIZE + 1];
  int fd;

  if (getrandom (identity.stream, sizeof identity.stream, 0) != (ssize_t) sizeof identity.stream)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "get random bytes: %s", g_strerror (errno));
      return FALSE;
    }
  g_strlcpy (identity.cluster, self->name, sizeof identity.cluster);
  g_strlcpy (identity.worker, "master", sizeof identity.worker);
  for (gsize i = 0; i < sizeof identity.stream; i++)
    g_snprintf (text + 2 * i, 3, "%02x", identity.stream[i]);
  name = g_strdup_printf ("master-%s.journal", text);
  self->run.journal_path = g_build_filename (muster_runtime_dir_get_journals (self->run.runtime_dir), name, NULL);
  fd = muster_journal_create_file (self->run.journal_path, self->journal_size, &identity, error);
  if (fd < 0)
    {
      g_clear_pointer (&self->run.journal_path, g_free);
      return FALSE;
    }
  self->run.journal = muster_journal_open (fd, error);
  if (self->run.journal == NULL)
    {
      close (fd);
      return FALSE;
    }
  muster_journal_set_block_timeout (self->run.journal, 100 * G_TIME_SPAN_MILLISECOND);
  self->run.sink = muster_sink_new (self->run.journal, "master");
  self->run.logger = muster_logger_new (self->run.sink, "muster", self->level);
  return TRUE;
}

/* In a transport's thread. */
static void
report_cb (MusterTransport *transport, MusterLevel level, const char *message, gpointer user_data)
{
  muster_logger_log_fields (user_data, level, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "transport"),
                                           MUSTER_TEXT ("transport", muster_transport_get_name (transport))),
                            "%s", message);
}

/* The state directory is made where a transport wants it, and only there. */
static gboolean
give_state_dir (MusterCluster *self, GError **error)
{
  g_autofree char *found = self->state_path == NULL ? muster_state_dir_find (self->name) : NULL;
  g_autofree char *path = NULL;

  for (guint i = 0; i < self->transports->len; i++)
    {
      MusterTransport *transport = g_ptr_array_index (self->transports, i);

      if (!muster_transport_keeps_state (transport))
        continue;
      if (path == NULL)
        path = muster_state_dir_make (found != NULL ? found : self->state_path, error);
      if (path == NULL)
        return FALSE;
      muster_transport_set_state_dir (transport, path);
    }
  return TRUE;
}

static gboolean
start_pipeline (MusterCluster *self, GError **error)
{
  MusterClusterRun *run = &self->run;

  if (!give_state_dir (self, error))
    return FALSE;
  run->pipeline = muster_pipeline_new ();
  for (guint i = 0; i < self->transports->len; i++)
    muster_pipeline_add (run->pipeline, g_ptr_array_index (self->transports, i));
  muster_pipeline_set_report (run->pipeline, report_cb, run->logger);
  run->pipeline_started = muster_pipeline_start (run->pipeline, error);
  return run->pipeline_started;
}

/* -- the receiver -------------------------------------------------------------------------------- */

static void
connected_cb (const guint8 *stream, gpointer user_data)
{
  MusterCluster *self = user_data;

  if (self->run.supervisor != NULL)
    muster_supervisor_connected (self->run.supervisor, stream);
}

static void
finished_cb (const guint8 *stream, gpointer user_data)
{
  MusterCluster *self = user_data;

  if (self->run.supervisor != NULL)
    muster_supervisor_finished (self->run.supervisor, stream);
  /* The journal is gone with the worker's life: nobody will ask where this stream stood. */
  if (self->run.pipeline != NULL)
    muster_pipeline_forget (self->run.pipeline, stream);
}

static void
message_cb (const guint8 *stream, GVariant *message, gpointer user_data)
{
  MusterCluster *self = user_data;
  g_autoptr (MusterWorkerProcess) process = NULL;

  if (self->run.supervisor == NULL)
    return;
  g_set_object (&process, muster_supervisor_lookup (self->run.supervisor, stream));
  if (process != NULL)
    g_signal_emit (self, muster_cluster_signals[MUSTER_CLUSTER_MESSAGE], 0, process, message);
}

static void
snapshots_cb (MusterBatch *batch, gpointer user_data)
{
  MusterCluster *self = user_data;

  if (self->run.delivery != NULL)
    muster_delivery_add (self->run.delivery, batch);
}

/* In the receiver's thread. The delivery is there before the receiver, and after it. */
static void
keep_cb (MusterBatch *batch, gpointer user_data)
{
  muster_delivery_keep (((MusterCluster *) user_data)->run.delivery, batch);
}

static void
records_cb (MusterBatch *batch, gpointer user_data)
{
  MusterCluster *self = user_data;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);
  MusterEntryIter iter;
  MusterEntry entry;

  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    {
      g_autoptr (MusterRecord) record = NULL;

      if (entry.kind == MUSTER_ENTRY_RECORD)
        record = muster_record_new_from_entry (&entry);
      if (record != NULL)
        g_signal_emit (self, muster_cluster_signals[MUSTER_CLUSTER_RECORD], 0, record);
    }
}

static const MusterReceiverCallbacks receiver_callbacks = {
  .connected = connected_cb,
  .message = message_cb,
  .snapshots = snapshots_cb,
  .keep = keep_cb,
  .records = records_cb,
  .finished = finished_cb,
};

static gboolean
bind_group (MusterCluster *self, guint index, GError **error)
{
  const char *name = muster_worker_group_get_name (g_ptr_array_index (self->groups, index));
  const MusterWorkerCommand *command = g_ptr_array_index (self->run.commands, index);
  const char *endpoint = g_ptr_array_index (self->run.endpoints, index);
  uid_t uid = command->change_user ? command->uid : (uid_t) -1;
  gid_t gid = command->change_user ? command->gid : (gid_t) -1;

  return muster_runtime_dir_add_group (self->run.runtime_dir, name, gid, error)
         && muster_receiver_bind (self->run.receiver, name, endpoint, uid, gid, error);
}

static gboolean
start_receiver (MusterCluster *self, GError **error)
{
  MusterClusterRun *run = &self->run;

  run->receiver = muster_receiver_new (run->pipeline, self->host, self->name, run->journal, &run->base,
                                       &receiver_callbacks, self, self->context);
  for (guint i = 0; i < self->groups->len; i++)
    if (!bind_group (self, i, error))
      return FALSE;
  return TRUE;
}

/* In a source's thread. The delivery is there before the sources, and after them. */
static void
merge_cb (MusterBatch *batch, gpointer delivery)
{
  muster_delivery_merge (delivery, batch);
}

/* In a source's thread. The receiver is there before the sources, and after them. */
static void
tap_cb (MusterBatch *batch, gpointer receiver)
{
  muster_receiver_tap (receiver, batch);
}

static gboolean
start_sources (MusterCluster *self, GError **error)
{
  const MusterSourceHouse house = { .pipeline = self->run.pipeline,
                                    .logger = self->run.logger,
                                    .host = self->host,
                                    .cluster = self->name,
                                    .journals = muster_runtime_dir_get_journals (self->run.runtime_dir),
                                    .drain_timeout_us = self->drain_timeout_us,
                                    .merge = merge_cb,
                                    .merge_data = self->run.delivery,
                                    .tap = tap_cb,
                                    .tap_data = self->run.receiver };

  for (guint i = 0; i < self->sources->len; i++)
    {
      if (!muster_source_start (g_ptr_array_index (self->sources, i), &house, error))
        return FALSE;
      self->run.n_sources_started = i + 1;
    }
  return TRUE;
}

/* FALSE if something that they took in is in no required transport yet. */
static gboolean
stop_sources (MusterCluster *self)
{
  gboolean arrived = TRUE;

  for (guint i = 0; i < self->run.n_sources_started; i++)
    arrived = muster_source_stop (g_ptr_array_index (self->sources, i)) && arrived;
  self->run.n_sources_started = 0;
  return arrived;
}

static gboolean
is_journal_of_source (MusterCluster *self, const char *path)
{
  for (guint i = 0; i < self->run.n_sources_started; i++)
    if (g_strcmp0 (muster_source_get_journal_path (g_ptr_array_index (self->sources, i)), path) == 0)
      return TRUE;
  return FALSE;
}

/* -- the tap ------------------------------------------------------------------------------------- */

typedef struct
{
  GSource source;
  MusterCluster *cluster;
} TapSource;

static void
update_tap (MusterCluster *self)
{
  gboolean wanted = g_signal_has_handler_pending (self, muster_cluster_signals[MUSTER_CLUSTER_RECORD], 0, FALSE);

  if (wanted == self->run.tapped)
    return;
  self->run.tapped = wanted;
  muster_receiver_set_tap (self->run.receiver, wanted);
}

/* GObject tells nobody that a handler was connected. Looking costs less than 100 ns, in each turn of a loop that turns
 * anyway: no wake-up of its own. */
static gboolean
tap_prepare (GSource *source, int *timeout)
{
  update_tap (((TapSource *) source)->cluster);
  *timeout = -1;
  return FALSE;
}

static gboolean
tap_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs tap_funcs = { .prepare = tap_prepare, .dispatch = tap_dispatch };

static void
start_tap (MusterCluster *self)
{
  self->run.tap_source = g_source_new (&tap_funcs, sizeof (TapSource));
  ((TapSource *) self->run.tap_source)->cluster = self;
  g_source_set_static_name (self->run.tap_source, "muster-tap");
  g_source_attach (self->run.tap_source, self->context);
  update_tap (self);
}

/* -- the workers --------------------------------------------------------------------------------- */

static void
started_cb (MusterWorkerProcess *process, gboolean again, gpointer user_data)
{
  g_signal_emit (user_data, muster_cluster_signals[MUSTER_CLUSTER_WORKER_STARTED], 0, process);
  if (again)
    g_signal_emit (user_data, muster_cluster_signals[MUSTER_CLUSTER_WORKER_RESTARTED], 0, process);
}

static void
exited_cb (MusterWorkerProcess *process, MusterExitReason reason, gpointer user_data)
{
  g_signal_emit (user_data, muster_cluster_signals[MUSTER_CLUSTER_WORKER_EXITED], 0, process, reason);
}

static void
expect_cb (const char *worker, guint pid, gint64 since_us, gboolean expected, gpointer user_data)
{
  MusterCluster *self = user_data;

  muster_delivery_expect (self->run.delivery, worker, pid, since_us, expected);
}

static void
stopped_cb (gboolean drained, gpointer user_data)
{
  muster_cluster_stopped (user_data, drained);
}

static const MusterSupervisorCallbacks supervisor_callbacks = {
  .started = started_cb,
  .exited = exited_cb,
  .expect = expect_cb,
  .stopped = stopped_cb,
};

static void
make_supervisor (MusterCluster *self)
{
  MusterClusterRun *run = &self->run;
  const MusterWorkerHouse house = {
    .runtime_dir = run->runtime_dir,
    .receiver = run->receiver,
    .logger = run->logger,
    .context = self->context,
    .cluster = self->name,
    .metrics = run->metrics_texts,
    .level = self->level,
    .nofile = run->nofile,
  };

  run->supervisor = muster_supervisor_new (&house, &supervisor_callbacks, self);
  for (guint i = 0; i < self->groups->len; i++)
    muster_supervisor_add_group (run->supervisor, g_ptr_array_index (self->groups, i),
                                 g_steal_pointer (&g_ptr_array_index (run->commands, i)),
                                 g_ptr_array_index (run->endpoints, i));
}

/* -- together ------------------------------------------------------------------------------------ */

static void
free_commands (MusterClusterRun *run)
{
  for (guint i = 0; run->commands != NULL && i < run->commands->len; i++)
    if (g_ptr_array_index (run->commands, i) != NULL)
      muster_worker_command_free (g_ptr_array_index (run->commands, i));
  g_clear_pointer (&run->commands, g_ptr_array_unref);
  g_clear_pointer (&run->endpoints, g_ptr_array_unref);
  g_clear_pointer (&run->metrics, g_ptr_array_unref);
  g_clear_pointer (&run->metrics_texts, g_strfreev);
}

/* From where this journal is wanted: what a required transport has not got; 0 if none of them knows. */
static guint64
get_mark (MusterCluster *self, const guint8 *stream)
{
  guint64 next = 0;

  return muster_pipeline_get_mark (self->run.pipeline, stream, &next) ? next : 0;
}

/* Its header does not tell whether its worker lives: one that does is ended, or it would write where nobody reads. */
static void
say_damage (MusterCluster *self, const char *path, int fd, const char *damage)
{
  guint ended = muster_journal_owner_end_writers (fd);

  muster_logger_log_fields (self->run.logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "damaged-journal")),
                            "the journal %s of an earlier primary is damaged: %s; what is whole in it is delivered%s",
                            path, damage, ended > 0 ? ", and its worker has been ended" : "");
}

/* An earlier primary measured too, until it died: in datasets of that time it is missing, unless it had reported. */
static void
expect_predecessor (MusterCluster *self, const MusterJournalIdentity *identity)
{
  muster_delivery_expect (self->run.delivery, identity->worker, identity->pid, identity->start_time_us, TRUE);
  muster_delivery_expect (self->run.delivery, identity->worker, identity->pid, 0, FALSE);
}

static gboolean
adopt_journal (MusterCluster *self, const char *path, GError **error)
{
  MusterJournalIdentity identity;
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *damage = NULL;
  gsize ring_size;
  struct stat status;
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0 || fstat (fd, &status) != 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "%s", g_strerror (errno));
  else if (!S_ISREG (status.st_mode) || status.st_uid != geteuid ())
    g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "it is not a file of this user");
  else if (muster_journal_register_read (fd, name, self->name, &identity, &ring_size, &damage, error))
    {
      if (muster_supervisor_lookup (self->run.supervisor, identity.stream) == NULL)
        {
          if (damage != NULL)
            say_damage (self, path, fd, damage);
          if (g_str_equal (identity.worker, "master"))
            expect_predecessor (self, &identity);
          muster_supervisor_adopt (self->run.supervisor, &identity, ring_size, path, fd,
                                   get_mark (self, identity.stream));
          return TRUE;
        }
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "another one is of the same stream");
    }
  if (fd >= 0)
    close (fd);
  return FALSE;
}

/* What an earlier primary left: the journals are the register of its workers, and of what it said itself. One that cannot
 * be read is put aside, and said: what it held cannot be counted. */
static void
adopt_leftovers (MusterCluster *self)
{
  const char *directory = muster_runtime_dir_get_journals (self->run.runtime_dir);
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_autofree char *aside = g_strconcat (path, ".unreadable", NULL);
      g_autoptr (GError) error = NULL;

      if (!g_str_has_suffix (name, ".journal") || g_str_equal (path, self->run.journal_path)
          || is_journal_of_source (self, path) || adopt_journal (self, path, &error))
        continue;
      if (rename (path, aside) != 0)
        g_clear_pointer (&aside, g_free);
      muster_logger_log_fields (self->run.logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                                MUSTER_FIELDS (MUSTER_TEXT ("event", "unreadable-journal")),
                                "the journal %s of an earlier primary cannot be read: %s; what it held is lost%s%s",
                                path, error->message, aside != NULL ? "; it is kept as " : "",
                                aside != NULL ? aside : "");
    }
}

/* Whatever there is, last made first. */
static void
take_down (MusterCluster *self)
{
  MusterClusterRun *run = &self->run;

  if (run->tap_source != NULL)
    g_source_destroy (run->tap_source);
  g_clear_pointer (&run->tap_source, g_source_unref);
  stop_sources (self);
  g_clear_pointer (&run->supervisor, muster_supervisor_free);
  if (run->receiver != NULL)
    muster_receiver_stop (run->receiver, 0);
  if (run->pipeline_started)
    muster_pipeline_stop (run->pipeline, run->keep_journal ? STUCK_TIMEOUT_US : self->drain_timeout_us);
  g_clear_pointer (&run->receiver, muster_receiver_free);
  g_clear_pointer (&run->delivery, muster_delivery_free);
  if (run->pipeline != NULL)
    self->state = MUSTER_CLUSTER_ENDED;
  g_clear_pointer (&run->pipeline, muster_pipeline_unref);
  g_clear_object (&run->logger);
  g_clear_pointer (&run->sink, muster_sink_unref);
  g_clear_pointer (&run->journal, muster_journal_unref);
  if (run->journal_path != NULL && !run->keep_journal)
    unlink (run->journal_path);
  g_clear_pointer (&run->journal_path, g_free);
  g_clear_pointer (&run->runtime_dir, muster_runtime_dir_free);
  free_commands (run);
  memset (run, 0, sizeof *run);
}

/* Of the primary itself, all workers, and the sources' intakes. */
static guint64
sum_journals (MusterCluster *self)
{
  guint64 sum = muster_journal_get_file_size (self->journal_size);

  for (guint i = 0; i < self->groups->len; i++)
    {
      const MusterWorkerGroup *group = g_ptr_array_index (self->groups, i);

      sum += (guint64) group->instances
             * (muster_journal_get_file_size (group->journal_size) + muster_cluster_get_area_size (self));
    }
  for (guint i = 0; i < self->sources->len; i++)
    {
      guint64 size = muster_source_get_journal_size (g_ptr_array_index (self->sources, i));

      sum += size > 0 ? muster_journal_get_file_size (size) : 0;
    }
  return sum;
}

gboolean
muster_cluster_check_room (MusterCluster *self, GError **error)
{
  g_autofree char *found = self->runtime_path == NULL ? muster_runtime_dir_find (self->name) : NULL;
  guint64 needed = sum_journals (self), available = 0;
  g_autofree char *directory = NULL;
  g_autofree char *needed_text = NULL, *available_text = NULL;

  if (!muster_runtime_dir_find_room (self->runtime_path != NULL ? self->runtime_path : found, &available, &directory)
      || needed <= available)
    return TRUE;
  needed_text = g_format_size_full (needed, G_FORMAT_SIZE_IEC_UNITS);
  available_text = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
               "the journals need %s, but there are only %s in %s; lower journal-size or instances, or make room",
               needed_text, available_text, directory);
  return FALSE;
}

gboolean
muster_cluster_run_start (MusterCluster *self, GError **error)
{
  g_autofree char *found = self->runtime_path == NULL ? muster_runtime_dir_find (self->name) : NULL;
  const char *path = self->runtime_path != NULL ? self->runtime_path : found;

  if (!prepare (self, path, error))
    {
      free_commands (&self->run);
      return FALSE;
    }
  raise_descriptors (self);
  if (!open_runtime_dir (self, path, error) || !open_journal (self, error) || !start_pipeline (self, error))
    {
      take_down (self);
      return FALSE;
    }
  muster_cluster_start_delivery (self);
  if (!start_receiver (self, error) || !start_sources (self, error))
    {
      take_down (self);
      return FALSE;
    }
  make_supervisor (self);
  start_tap (self);
  muster_logger_log_fields (
      self->run.logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
      MUSTER_FIELDS (MUSTER_TEXT ("event", "primary-start"), MUSTER_TEXT ("version", MUSTER_VERSION)),
      "the primary of cluster %s started", self->name);
  adopt_leftovers (self);
  return TRUE;
}

gboolean
muster_cluster_run_finish (MusterCluster *self, gboolean drained)
{
  MusterClusterRun *run = &self->run;
  gboolean sources_arrived = stop_sources (self);
  gboolean arrived;

  muster_delivery_finish (run->delivery);
  if (!drained)
    muster_logger_log_fields (run->logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                              MUSTER_FIELDS (MUSTER_TEXT ("event", "undrained")),
                              "what some workers said has not been delivered; it stays in %s for the next primary",
                              muster_runtime_dir_get_journals (run->runtime_dir));
  muster_logger_log_fields (run->logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "primary-stop")), "the primary of cluster %s stopped",
                            self->name);
  arrived = muster_receiver_stop (run->receiver, drained ? self->drain_timeout_us : STUCK_TIMEOUT_US);
  run->keep_journal = !arrived;
  return arrived && drained && sources_arrived;
}

void
muster_cluster_run_clear (MusterCluster *self)
{
  take_down (self);
}
