/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The groups of a cluster and their workers. The cluster's thread only.
 *
 * A *place* is where a worker belongs ("web-1"); a *life* is one process that fills it. All lives stay in a table, by their
 * streams, until their journals are drained, while the place may be filled again at once.
 */
#include "config.h"

#include "muster-supervisor-private.h"

#include "muster-fault-private.h"
#include "muster-journal-owner-private.h"
#include "muster-journal-register-private.h"
#include "muster-worker-place-private.h"

#include <string.h>
#include <unistd.h>

typedef struct
{
  MusterSupervisor *supervisor;
  MusterWorkerGroup *group; /* owned reference */
  MusterWorkerPlan plan;    /* command and endpoint owned */
  char *endpoint;
  MusterWorkerPlaceShare share;
  GPtrArray *places; /* owned, of MusterWorkerPlace, by number */
  guint target;      /* how many there should be; places beyond are on their way out */
} Group;

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

/* -- small helpers ------------------------------------------------------------------------------- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
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
      MusterWorkerPlace *last = g_ptr_array_index (group->places, group->places->len - 1);

      if (last->life != NULL || last->busy || group->supervisor->stopping)
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
        if (((MusterWorkerPlace *) g_ptr_array_index (group->places, k))->life != NULL)
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

/* -- what the places say ------------------------------------------------------------------------- */

static gboolean
is_wanted (const MusterWorkerPlace *place, gpointer user_data)
{
  const Group *group = user_data;

  return !group->supervisor->stopping && place->number <= group->target;
}

static guint
count_undrained (const MusterWorkerPlace *place, gpointer user_data)
{
  const Group *group = user_data;
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, group->supervisor->lives);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n += ((MusterWorkerLife *) value)->process == place->process;
  return n;
}

static void
place_started (MusterWorkerPlace *place, gboolean again, gpointer user_data)
{
  MusterSupervisor *self = ((Group *) user_data)->supervisor;

  g_hash_table_insert (self->lives, place->life->identity.stream, place->life);
  self->callbacks.started (place->process, again, self->user_data);
}

static void
place_exited (MusterWorkerPlace *place, MusterWorkerLife *life, gpointer user_data)
{
  Group *group = user_data;
  MusterSupervisor *self = group->supervisor;
  g_autoptr (MusterWorkerProcess) process = g_object_ref (place->process);

  if (life->connected)
    self->callbacks.expect (process->id, life->pid, 0, FALSE, self->user_data);
  muster_worker_life_finish (life);
  trim (group);
  self->callbacks.exited (process, process->exit_reason, self->user_data);
  check_stopped (self);
}

static void
place_spawn_failed (MusterWorkerPlace *place, gpointer user_data)
{
  Group *group = user_data;
  MusterSupervisor *self = group->supervisor;
  g_autoptr (MusterWorkerProcess) process = g_object_ref (place->process);

  trim (group);
  self->callbacks.exited (process, MUSTER_EXIT_SPAWN_FAILED, self->user_data);
}

static const MusterWorkerPlaceCallbacks place_callbacks = { is_wanted, count_undrained, place_started, place_exited,
                                                            place_spawn_failed };

static void
make_places (Group *group, guint n)
{
  while (group->places->len < n)
    g_ptr_array_add (group->places, muster_worker_place_new (&group->share, group->places->len + 1));
}

/* Makes the places that are missing, and starts what has never been started. */
static void
fill (Group *group)
{
  make_places (group, group->target);
  for (guint i = 0; i < group->places->len; i++) /* callbacks may change the array; only its end */
    {
      MusterWorkerPlace *place = g_ptr_array_index (group->places, i);

      if (is_wanted (place, group) && !place->begun)
        muster_worker_place_start (place);
    }
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
  added->share = (MusterWorkerPlaceShare){ &self->house, &added->plan, &place_callbacks, added };
  added->places = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_worker_place_free);
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
        muster_worker_place_stop (g_ptr_array_index (group->places, k));
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
        muster_worker_place_stop (g_ptr_array_index (group->places, k));
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

/* (uid_t) -1 where the group is gone. */
static uid_t
get_user_of_workers (const Group *group)
{
  if (group == NULL)
    return (uid_t) -1;
  return group->plan.command->change_user ? group->plan.command->uid : geteuid ();
}

/* The place of "web-3" in the group "web"; NULL if the name is none of ours. */
static MusterWorkerPlace *
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
adopt_dead (MusterSupervisor *self, const MusterJournalIdentity *identity, gsize ring_size, const char *journal_path)
{
  static const MusterWorkerPlan no_plan = { 0 };
  g_autoptr (MusterWorkerProcess) process = muster_worker_process_new (identity->group, 0);
  gboolean primary = muster_journal_register_has_labels (identity);
  MusterWorkerLife *life =
      muster_worker_life_adopt (&self->house, &no_plan, process, identity, ring_size, journal_path, -1, NULL, NULL);

  g_autoptr (GBytes) primary_end =
      primary ? muster_end_encode_primary (identity->pid, muster_journal_register_is_source (identity)) : NULL;

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
  int pidfd =
      primary ? -1 : muster_journal_owner_open (identity, fd, get_user_of_workers (find_group (self, identity->group)));
  MusterWorkerPlace *place = pidfd >= 0 ? find_place (self, identity) : NULL;

  MUSTER_FAULT ("adopt.before");
  muster_receiver_add_journal (self->house.receiver, identity, ring_size, fd, next);
  MUSTER_FAULT ("adopt.after");
  if (place != NULL && place->life == NULL)
    {
      muster_worker_place_adopt (place, identity, ring_size, journal_path, pidfd);
      return;
    }
  if (pidfd >= 0)
    {
      /* The keyfile has changed: nothing waits for this one, and its endpoint is gone. Its journal is all that counts. */
      muster_warning (self->house.logger, "%s (pid %u) of an earlier primary has no place any more and is ended",
                      identity->worker, identity->pid);
      muster_journal_owner_kill (pidfd);
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
    muster_worker_place_stop (g_ptr_array_index (group->places, i));
  /* One that is on its way out and wanted again comes back when it has ended. */
  for (guint i = 0; i < MIN (instances, group->places->len); i++)
    {
      MusterWorkerPlace *place = g_ptr_array_index (group->places, i);

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
          MusterWorkerPlace *place = g_ptr_array_index (group->places, k);

          if (!is_wanted (place, group) || (!whole && strcmp (place->process->id, what) != 0))
            continue;
          found = TRUE;
          muster_worker_place_restart (place);
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
          MusterWorkerPlace *place = g_ptr_array_index (group->places, k);

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
        g_ptr_array_add (list, g_object_ref (((MusterWorkerPlace *) g_ptr_array_index (group->places, k))->process));
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
