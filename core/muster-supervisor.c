/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The groups of a cluster and their workers. The cluster's thread only.
 *
 * A *place* is where a worker belongs ("web-1"); a *life* is one process that fills it. Lives stay in a table, by their
 * streams, until their journals are drained, while the place may be filled again at once.
 */
#include "config.h"

#include "muster-supervisor-private.h"

#include "muster-encoder-private.h"
#include "muster-fault-private.h"
#include "muster-journal-register-private.h"
#include "muster-restart-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* A program that has not said HELLO after this long is taken for one that is not linked with Muster. */
#define SETTLE_MS 1000

typedef struct
{
  MusterSupervisor *supervisor;
  MusterWorkerGroup *group; /* owned reference */
  MusterWorkerPlan plan;    /* command and endpoint owned */
  char *endpoint;
  GPtrArray *places; /* owned, of Place, by number */
  guint target;      /* how many there should be; places beyond are on their way out */
} Group;

typedef struct
{
  Group *group;
  guint number;                 /* from 1 */
  MusterWorkerProcess *process; /* owned reference */
  MusterWorkerLife *life;       /* borrowed from the table; NULL where no process runs */
  MusterRestart restart;
  guint incarnation;
  gboolean begun; /* has been started, or it was tried */
  gboolean waits; /* for its old journals to be drained; has been said */
  gboolean again; /* start it when it has ended, whatever the policy says: an operator's wish */
  GSource *timer; /* owned; a start to come, or the settling of one */
} Place;

struct _MusterSupervisor
{
  MusterWorkerHouse house;
  MusterSupervisorCallbacks callbacks;
  gpointer user_data;
  GPtrArray *groups; /* owned, of Group */
  GHashTable *lives; /* stream -> MusterWorkerLife, owned; drained ones leave */
  gboolean stopping;
  gboolean stopped; /* said so */
  gint64 drain_timeout_us;
  GSource *drain_timer; /* owned */
};

/* Journals of the dead that one worker may leave to be drained: beyond them its next life waits. So a worker that dies
 * at once, before a transport that stands still, does not fill the memory with journals. */
#define OLD_JOURNALS_MAX      8
#define OLD_JOURNALS_PAUSE_MS 1000

static void start_place (Place *place);

/* -- small helpers ------------------------------------------------------------------------------- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
set_timer (Place *place, gint64 delay_us, GSourceFunc func)
{
  clear_source (&place->timer);
  place->timer = g_timeout_source_new ((guint) (delay_us / 1000));
  g_source_set_callback (place->timer, func, place, NULL);
  g_source_set_static_name (place->timer, "muster-worker-timer");
  g_source_attach (place->timer, place->group->supervisor->house.context);
}

static gboolean
is_wanted (const Place *place)
{
  return !place->group->supervisor->stopping && place->number <= place->group->target;
}

static void
place_free (gpointer data)
{
  Place *place = data;

  clear_source (&place->timer);
  muster_restart_clear (&place->restart);
  g_object_unref (place->process);
  g_free (place);
}

static void
group_free (gpointer data)
{
  Group *group = data;

  g_ptr_array_unref (group->places);
  muster_worker_command_free (group->plan.command);
  g_free (group->endpoint);
  g_object_unref (group->group);
  g_free (group);
}

/* Places beyond the target that are empty. */
static void
trim (Group *group)
{
  while (group->places->len > group->target)
    {
      Place *last = g_ptr_array_index (group->places, group->places->len - 1);

      if (last->life != NULL || group->supervisor->stopping)
        return;
      g_ptr_array_set_size (group->places, (int) group->places->len - 1);
    }
}

/* -- after a stop -------------------------------------------------------------------------------- */

static gboolean
any_runs (MusterSupervisor *self)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      for (guint k = 0; k < group->places->len; k++)
        if (((Place *) g_ptr_array_index (group->places, k))->life != NULL)
          return TRUE;
    }
  return FALSE;
}

static gboolean
say_stopped_cb (gpointer user_data)
{
  MusterSupervisor *self = user_data;

  clear_source (&self->drain_timer);
  self->stopped = TRUE;
  self->callbacks.stopped (g_hash_table_size (self->lives) == 0, self->user_data);
  return G_SOURCE_REMOVE;
}

/* Once nothing runs, the journals have until the drain timer; with none left it is now. Never from within a caller. */
static void
check_stopped (MusterSupervisor *self)
{
  gboolean drained = g_hash_table_size (self->lives) == 0;

  if (!self->stopping || self->stopped || any_runs (self) || (self->drain_timer != NULL && !drained))
    return;
  clear_source (&self->drain_timer);
  self->drain_timer = g_timeout_source_new (drained ? 0 : (guint) (self->drain_timeout_us / 1000));
  g_source_set_callback (self->drain_timer, say_stopped_cb, self, NULL);
  g_source_attach (self->drain_timer, self->house.context);
}

/* -- starting ------------------------------------------------------------------------------------ */

static gboolean
start_cb (gpointer user_data)
{
  Place *place = user_data;

  clear_source (&place->timer);
  start_place (place);
  return G_SOURCE_REMOVE;
}

static gboolean
settle_cb (gpointer user_data)
{
  Place *place = user_data;

  clear_source (&place->timer);
  if (place->process->state == MUSTER_WORKER_STARTING)
    muster_worker_process_set_state (place->process, MUSTER_WORKER_RUNNING);
  return G_SOURCE_REMOVE;
}

/* Grants a restart, or says that there were too many. */
static void
start_later (Place *place, gint64 run_time_us)
{
  MusterWorkerGroup *settings = place->group->group;
  MusterLogger *logger = place->group->supervisor->house.logger;
  const MusterRestartRules rules = { settings->restart_delay_us, settings->restart_delay_max_us,
                                     settings->restart_limit, settings->restart_window_us };
  gint64 delay_us =
      muster_restart_next (&place->restart, &rules, g_get_monotonic_time (), run_time_us, g_random_double ());

  if (delay_us >= 0)
    {
      muster_worker_process_set_state (place->process, MUSTER_WORKER_BACKOFF);
      set_timer (place, delay_us, start_cb);
      return;
    }
  muster_worker_process_set_state (place->process, MUSTER_WORKER_FAILED);
  muster_logger_log_fields (logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "failed"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("restarts", place->process->restarts)),
                            "%s failed: it was started again %u times within %.0f s, which is its restart-limit, and "
                            "ended once more; it stays down until somebody restarts it",
                            place->process->id, settings->restart_limit,
                            (double) settings->restart_window_us / G_USEC_PER_SEC);
}

/* What becomes of a place whose process has ended. */
static void
decide (Place *place, gboolean failed, gint64 run_time_us)
{
  if (is_wanted (place) && place->again)
    {
      place->again = FALSE;
      muster_worker_process_set_state (place->process, MUSTER_WORKER_BACKOFF);
      set_timer (place, 0, start_cb);
    }
  else if (is_wanted (place) && muster_restart_is_wanted (place->group->group->restart, failed))
    start_later (place, run_time_us);
  else
    muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPED);
}

static void
exited_cb (MusterWorkerLife *life, gpointer user_data)
{
  Place *place = user_data;
  Group *group = place->group;
  MusterSupervisor *self = group->supervisor;
  g_autoptr (MusterWorkerProcess) process = g_object_ref (place->process);
  const MusterEnd *end = &life->end;
  gboolean failed = end->reason != MUSTER_EXIT_STATUS || end->status != 0;

  place->life = NULL;
  clear_source (&place->timer);
  if (life->connected)
    self->callbacks.expect (process->id, life->pid, 0, FALSE, self->user_data);
  muster_worker_process_set_exited (process, end->reason, end->status, end->signal);
  decide (place, failed, end->run_time_us);
  muster_worker_life_finish (life);
  trim (group);
  self->callbacks.exited (process, process->exit_reason, self->user_data);
  check_stopped (self);
}

static void
log_start (Place *place)
{
  MusterWorkerLife *life = place->life;

  muster_logger_log_fields (place->group->supervisor->house.logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "start"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("pid", life->pid), MUSTER_TEXT ("stream", life->stream_text),
                                           MUSTER_TEXT ("group", place->process->group),
                                           MUSTER_NATURAL ("incarnation", place->incarnation)),
                            "started");
}

static void
spawn_failed (Place *place, const GError *error)
{
  MusterSupervisor *self = place->group->supervisor;
  g_autoptr (MusterWorkerProcess) process = g_object_ref (place->process);

  muster_logger_log_fields (self->house.logger, MUSTER_LEVEL_ERROR, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "spawn-failed"), MUSTER_TEXT ("worker", process->id)),
                            "%s could not be started: %s", process->id, error->message);
  muster_worker_process_set_exited (process, MUSTER_EXIT_SPAWN_FAILED, 0, 0);
  decide (place, TRUE, 0);
  self->callbacks.exited (process, MUSTER_EXIT_SPAWN_FAILED, self->user_data);
}

static guint
count_undrained (Place *place)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, place->group->supervisor->lives);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n += ((MusterWorkerLife *) value)->process == place->process;
  return n;
}

/* Said once, until it goes on. */
static void
wait_for_drain (Place *place)
{
  if (!place->waits)
    muster_logger_log_fields (
        place->group->supervisor->house.logger, MUSTER_LEVEL_WARNING, NULL, 0, NULL,
        MUSTER_FIELDS (MUSTER_TEXT ("event", "undrained"), MUSTER_TEXT ("worker", place->process->id)),
        "%s is not started again yet: %d journals of its earlier lives wait for a transport", place->process->id,
        OLD_JOURNALS_MAX);
  place->waits = TRUE;
  muster_worker_process_set_state (place->process, MUSTER_WORKER_BACKOFF);
  set_timer (place, OLD_JOURNALS_PAUSE_MS * 1000, start_cb);
}

static void
start_place (Place *place)
{
  MusterSupervisor *self = place->group->supervisor;
  g_autoptr (GError) error = NULL;
  gboolean again = place->incarnation > 0;

  place->begun = TRUE;
  clear_source (&place->timer);
  if (count_undrained (place) >= OLD_JOURNALS_MAX)
    {
      wait_for_drain (place);
      return;
    }
  place->waits = FALSE;
  place->life = muster_worker_life_start (&self->house, &place->group->plan, place->process, exited_cb, place, &error);
  if (place->life == NULL)
    {
      spawn_failed (place, error);
      return;
    }
  place->incarnation++;
  g_hash_table_insert (self->lives, place->life->identity.stream, place->life);
  muster_worker_process_set_started (place->process, place->life->pid, place->life->identity.start_time_us);
  log_start (place);
  set_timer (place, SETTLE_MS * 1000, settle_cb);
  self->callbacks.started (place->process, again, self->user_data);
}

static void
make_places (Group *group, guint n)
{
  while (group->places->len < n)
    {
      Place *place = g_new0 (Place, 1);

      place->group = group;
      place->number = group->places->len + 1;
      place->process = muster_worker_process_new (muster_worker_group_get_name (group->group), place->number);
      g_ptr_array_add (group->places, place);
    }
}

/* Makes the places that are missing, and starts what has never been started. */
static void
fill (Group *group)
{
  make_places (group, group->target);
  for (guint i = 0; i < group->places->len; i++) /* callbacks may change the array; only its end */
    {
      Place *place = g_ptr_array_index (group->places, i);

      if (is_wanted (place) && !place->begun)
        start_place (place);
    }
}

/* -- stopping ------------------------------------------------------------------------------------ */

static void
stop_place (Place *place)
{
  if (place->life == NULL)
    {
      clear_source (&place->timer);
      muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPED);
      return;
    }
  clear_source (&place->timer);
  muster_worker_process_set_state (place->process, MUSTER_WORKER_STOPPING);
  muster_worker_life_terminate (place->life, place->group->group->stop_timeout_us);
}

static void
restart_place (Place *place)
{
  muster_restart_clear (&place->restart);
  if (place->life == NULL)
    {
      muster_worker_process_set_state (place->process, MUSTER_WORKER_BACKOFF);
      set_timer (place, 0, start_cb);
      return;
    }
  place->again = TRUE;
  stop_place (place);
}

/* -- the object ---------------------------------------------------------------------------------- */

MusterSupervisor *
muster_supervisor_new (const MusterWorkerHouse *house, const MusterSupervisorCallbacks *callbacks, gpointer user_data)
{
  MusterSupervisor *self = g_new0 (MusterSupervisor, 1);

  self->house = *house;
  self->callbacks = *callbacks;
  self->user_data = user_data;
  self->groups = g_ptr_array_new_with_free_func (group_free);
  self->lives = g_hash_table_new (muster_stream_id_hash, muster_stream_id_equal);
  return self;
}

void
muster_supervisor_free (MusterSupervisor *self)
{
  GHashTableIter iter;
  gpointer life;

  clear_source (&self->drain_timer);
  g_hash_table_iter_init (&iter, self->lives);
  while (g_hash_table_iter_next (&iter, NULL, &life))
    {
      g_hash_table_iter_steal (&iter);
      muster_worker_life_free (life, TRUE);
    }
  g_hash_table_unref (self->lives);
  g_ptr_array_unref (self->groups);
  g_free (self);
}

void
muster_supervisor_add_group (MusterSupervisor *self, MusterWorkerGroup *group, MusterWorkerCommand *command,
                             const char *endpoint)
{
  Group *added = g_new0 (Group, 1);

  added->supervisor = self;
  added->group = g_object_ref (group);
  added->endpoint = g_strdup (endpoint);
  added->plan = (MusterWorkerPlan){ added->group, command, added->endpoint };
  added->places = g_ptr_array_new_with_free_func (place_free);
  added->target = group->instances;
  g_ptr_array_add (self->groups, added);
}

void
muster_supervisor_start (MusterSupervisor *self)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      for (guint k = group->target; k < group->places->len; k++) /* adopted, and more than there should be */
        stop_place (g_ptr_array_index (group->places, k));
      fill (group);
    }
}

void
muster_supervisor_stop (MusterSupervisor *self, gint64 drain_timeout_us)
{
  self->stopping = TRUE;
  self->drain_timeout_us = drain_timeout_us;
  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      for (guint k = 0; k < group->places->len; k++)
        stop_place (g_ptr_array_index (group->places, k));
    }
  check_stopped (self);
}

static Group *
find_group (MusterSupervisor *self, const char *name)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      if (g_strcmp0 (muster_worker_group_get_name (group->group), name) == 0)
        return group;
    }
  return NULL;
}

/* -- what an earlier primary left ---------------------------------------------------------------- */

/* At most a second: what SIGKILL has hit is gone as soon as the kernel lets go of it. */
static void
await_end (int pidfd)
{
  struct pollfd end = { .fd = pidfd, .events = POLLIN };

  while (poll (&end, 1, 1000) < 0 && errno == EINTR)
    ;
}

/* Whether process @pid has the file open that @fd is. */
static gboolean
has_open (guint pid, int fd)
{
  g_autofree char *directory = g_strdup_printf ("/proc/%u/fd", pid);
  g_autoptr (GDir) listing = g_dir_open (directory, 0, NULL);
  struct stat wanted, found;
  const char *name;

  if (listing == NULL || fstat (fd, &wanted) != 0)
    return FALSE;
  while ((name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      if (stat (path, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
        return TRUE;
    }
  return FALSE;
}

/* The user of process @pid; (uid_t) -1 if nobody can tell. */
static uid_t
get_user (guint pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "\nUid:")) == NULL)
    return (uid_t) -1;
  return (uid_t) g_ascii_strtoull (line + strlen ("\nUid:"), NULL, 10);
}

static uid_t
get_user_of_workers (const Group *group)
{
  return group->plan.command->change_user ? group->plan.command->uid : geteuid ();
}

/* The process that the journal names, if it is still that one. The worker could write what it likes into that header: so
 * it must have the journal open, or be the same user's as all workers of @group (nullable), who could do it no more harm
 * than the worker itself. */
static int
open_process (const MusterJournalIdentity *identity, const Group *group, int journal_fd)
{
  gboolean possible = identity->pid > 0 && identity->pid != (guint32) getpid (); /* who has it open himself by now */
  int pidfd = possible ? (int) syscall (SYS_pidfd_open, (pid_t) identity->pid, 0) : -1;

  if (pidfd >= 0
      && (identity->start_ticks == 0 || muster_process_get_start_ticks (identity->pid) != identity->start_ticks
          || (!has_open (identity->pid, journal_fd)
              && (group == NULL || get_user (identity->pid) != get_user_of_workers (group)))))
    {
      close (pidfd);
      pidfd = -1;
    }
  return pidfd;
}

/* The place of "web-3" in the group "web"; NULL if the name is none of ours. */
static Place *
find_place (MusterSupervisor *self, const MusterJournalIdentity *identity)
{
  Group *group = find_group (self, identity->group);
  gsize prefix = strlen (identity->group);
  guint64 number = 0;

  if (group == NULL || strncmp (identity->worker, identity->group, prefix) != 0 || identity->worker[prefix] != '-'
      || !g_ascii_string_to_unsigned (identity->worker + prefix + 1, 10, 1, MUSTER_WORKER_GROUP_INSTANCES_MAX, &number,
                                      NULL))
    return NULL;
  make_places (group, (guint) number);
  return g_ptr_array_index (group->places, number - 1);
}

static void
adopt_living (Place *place, const MusterJournalIdentity *identity, gsize ring_size, const char *journal_path, int pidfd)
{
  MusterSupervisor *self = place->group->supervisor;

  place->begun = TRUE;
  place->incarnation = 1;
  place->life = muster_worker_life_adopt (&self->house, &place->group->plan, place->process, identity, ring_size,
                                          journal_path, pidfd, exited_cb, place);
  g_hash_table_insert (self->lives, place->life->identity.stream, place->life);
  muster_worker_process_set_started (place->process, place->life->pid, identity->start_time_us);
  muster_worker_process_set_state (place->process, MUSTER_WORKER_RUNNING);
  muster_logger_log_fields (self->house.logger, MUSTER_LEVEL_NOTICE, NULL, 0, NULL,
                            MUSTER_FIELDS (MUSTER_TEXT ("event", "adopt"), MUSTER_TEXT ("worker", place->process->id),
                                           MUSTER_NATURAL ("pid", place->life->pid),
                                           MUSTER_TEXT ("stream", place->life->stream_text),
                                           MUSTER_TEXT ("group", place->process->group)),
                            "adopted from an earlier primary");
  self->callbacks.started (place->process, FALSE, self->user_data);
}

/* The last entry of the earlier primary's own stream, or of one of its sources'. */
static GBytes *
encode_primary_end (const MusterJournalIdentity *identity)
{
  gboolean source = muster_journal_register_is_source (identity);
  guint8 *buffer = g_malloc (MUSTER_ENTRY_MAX);
  const MusterField fields[] = { MUSTER_TEXT ("event", source ? "exit" : "primary-lost"),
                                 MUSTER_NATURAL ("pid", identity->pid) };
  const MusterRecordParts parts = { .level = MUSTER_LEVEL_CRITICAL,
                                    .time_ns = (guint64) g_get_real_time () * 1000,
                                    .domain = muster_slice_from_string ("muster"),
                                    .message = muster_slice_from_string (
                                        source ? "the primary of this source ended without a word"
                                               : "this primary ended without a word"),
                                    .fields = fields,
                                    .n_fields = G_N_ELEMENTS (fields) };
  gsize length;
  const guint8 *start = muster_encode_record (buffer, MUSTER_ENTRY_MAX, &parts, &length);
  GBytes *bytes = g_bytes_new (start, length);

  g_free (buffer);
  return bytes;
}

static void
adopt_dead (MusterSupervisor *self, const MusterJournalIdentity *identity, gsize ring_size, const char *journal_path)
{
  static const MusterWorkerPlan no_plan = { 0 };
  g_autoptr (MusterWorkerProcess) process = muster_worker_process_new (identity->group, 0);
  gboolean primary = muster_journal_register_has_labels (identity);
  MusterWorkerLife *life = muster_worker_life_adopt (&self->house, &no_plan, process, identity, ring_size, journal_path,
                                                     -1, exited_cb, NULL);

  g_autoptr (GBytes) primary_end = primary ? encode_primary_end (identity) : NULL;

  g_hash_table_insert (self->lives, life->identity.stream, life);
  if (primary)
    muster_receiver_finish (self->house.receiver, identity->stream, primary_end);
  else
    muster_worker_life_finish (life);
}

void
muster_supervisor_adopt (MusterSupervisor *self, const MusterJournalIdentity *identity, gsize ring_size,
                         const char *journal_path, int fd, guint64 next)
{
  gboolean primary = muster_journal_register_has_labels (identity);
  int pidfd = primary ? -1 : open_process (identity, find_group (self, identity->group), fd);
  Place *place = pidfd >= 0 ? find_place (self, identity) : NULL;

  MUSTER_FAULT ("adopt.before");
  muster_receiver_add_journal (self->house.receiver, identity, ring_size, fd, next);
  MUSTER_FAULT ("adopt.after");
  if (place != NULL && place->life == NULL)
    {
      adopt_living (place, identity, ring_size, journal_path, pidfd);
      return;
    }
  if (pidfd >= 0)
    {
      /* The keyfile has changed: nothing waits for this one, and its endpoint is gone. Its journal is all that counts. */
      muster_warning (self->house.logger, "%s (pid %u) of an earlier primary has no place any more and is ended",
                      identity->worker, identity->pid);
      syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
      await_end (pidfd);
      close (pidfd);
    }
  adopt_dead (self, identity, ring_size, journal_path);
}

gboolean
muster_supervisor_scale (MusterSupervisor *self, const char *name, guint instances, GError **error)
{
  Group *group = find_group (self, name);

  if (group == NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "there is no worker group \"%s\"", name);
      return FALSE;
    }
  if (instances > MUSTER_WORKER_GROUP_INSTANCES_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%u instances of %s: %d are the most", instances, name,
                   MUSTER_WORKER_GROUP_INSTANCES_MAX);
      return FALSE;
    }
  group->target = instances;
  for (guint i = instances; i < group->places->len; i++)
    stop_place (g_ptr_array_index (group->places, i));
  /* One that is on its way out and wanted again comes back when it has ended. */
  for (guint i = 0; i < MIN (instances, group->places->len); i++)
    {
      Place *place = g_ptr_array_index (group->places, i);

      place->again = place->again || (place->life != NULL && place->life->end.wanted);
    }
  trim (group);
  fill (group);
  return TRUE;
}

gboolean
muster_supervisor_restart (MusterSupervisor *self, const char *what, GError **error)
{
  gboolean all = strcmp (what, "*") == 0;
  gboolean found = all;

  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);
      gboolean whole = all || g_strcmp0 (muster_worker_group_get_name (group->group), what) == 0;

      found = found || whole;
      for (guint k = 0; k < group->places->len; k++)
        {
          Place *place = g_ptr_array_index (group->places, k);

          if (!is_wanted (place) || (!whole && strcmp (place->process->id, what) != 0))
            continue;
          found = TRUE;
          restart_place (place);
        }
    }
  if (!found)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "there is no worker and no worker group \"%s\"", what);
  return found;
}

gboolean
muster_supervisor_send (MusterSupervisor *self, const char *worker, GVariant *message, GError **error)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      for (guint k = 0; k < group->places->len; k++)
        {
          Place *place = g_ptr_array_index (group->places, k);

          if (strcmp (place->process->id, worker) != 0)
            continue;
          if (place->life != NULL && place->life->connected)
            {
              muster_receiver_send (self->house.receiver, place->life->identity.stream, message);
              return TRUE;
            }
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "the worker %s is not connected", worker);
          return FALSE;
        }
    }
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "there is no worker \"%s\"", worker);
  return FALSE;
}

void
muster_supervisor_broadcast (MusterSupervisor *self, const char *group, GVariant *message)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->lives);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      MusterWorkerLife *life = value;

      if (life->connected && life->pidfd >= 0 && (group == NULL || strcmp (life->process->group, group) == 0))
        muster_receiver_send (self->house.receiver, life->identity.stream, message);
    }
}

GPtrArray *
muster_supervisor_list (MusterSupervisor *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->groups->len; i++)
    {
      Group *group = g_ptr_array_index (self->groups, i);

      for (guint k = 0; k < group->places->len; k++)
        g_ptr_array_add (list, g_object_ref (((Place *) g_ptr_array_index (group->places, k))->process));
    }
  return list;
}

/* -- what the receiver says ---------------------------------------------------------------------- */

void
muster_supervisor_connected (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  MusterWorkerLife *life = g_hash_table_lookup (self->lives, stream);
  gboolean is_new;

  if (life == NULL || life->connected || life->pidfd < 0)
    return;
  is_new = life->process->state == MUSTER_WORKER_STARTING;
  life->connected = TRUE;
  self->callbacks.expect (life->process->id, life->pid, is_new ? 0 : life->identity.start_time_us, TRUE,
                          self->user_data);
  if (is_new)
    muster_worker_process_set_state (life->process, MUSTER_WORKER_RUNNING);
}

void
muster_supervisor_finished (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  MusterWorkerLife *life = g_hash_table_lookup (self->lives, stream);

  if (life == NULL)
    return;
  g_hash_table_remove (self->lives, stream);
  muster_worker_life_free (life, FALSE);
  check_stopped (self);
}

MusterWorkerProcess *
muster_supervisor_lookup (MusterSupervisor *self, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  MusterWorkerLife *life = g_hash_table_lookup (self->lives, stream);

  return life != NULL ? life->process : NULL;
}
