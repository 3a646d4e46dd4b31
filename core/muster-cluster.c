/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterCluster: the primary. Properties, signals, start and stop; muster-cluster-run.c holds what is there only while
 * it runs, muster-cluster-workers.c what is done with the workers. All of it belongs to one thread: that of the main context which was the thread's default
 * when the cluster was made.
 */
#include "config.h"

#include "muster-cluster-private.h"

#include "muster-enums.h"
#include "muster-metrics-group-private.h"
#include "muster-param.h"

enum
{
  PROP_0,
  PROP_NAME,
  PROP_HOST,
  PROP_RUNTIME_DIR,
  PROP_STATE_DIR,
  PROP_INTERVAL,
  PROP_SCALE_FACTOR,
  PROP_PERSIST,
  PROP_START_TIME,
  PROP_MAX_METRICS,
  PROP_TRANSFORMER,
  PROP_LEVEL,
  PROP_JOURNAL_SIZE,
  PROP_DRAIN_TIMEOUT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];
guint muster_cluster_signals[MUSTER_CLUSTER_N_SIGNALS];

G_DEFINE_TYPE (MusterCluster, muster_cluster, G_TYPE_OBJECT)

/* -- properties ---------------------------------------------------------------------------------- */

static void
set_string (char **member, const GValue *value)
{
  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
muster_cluster_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  MusterCluster *self = MUSTER_CLUSTER (object);

  switch (id)
    {
    case PROP_NAME:
      set_string (&self->name, value);
      break;
    case PROP_HOST:
      set_string (&self->host, value);
      if (self->host == NULL)
        self->host = g_strdup (g_get_host_name ());
      break;
    case PROP_RUNTIME_DIR:
      set_string (&self->runtime_path, value);
      break;
    case PROP_STATE_DIR:
      set_string (&self->state_path, value);
      break;
    case PROP_INTERVAL:
    case PROP_SCALE_FACTOR:
    case PROP_PERSIST:
    case PROP_START_TIME:
    case PROP_MAX_METRICS:
    case PROP_TRANSFORMER:
      g_object_set_property (self->metrics->pdata[0], pspec->name, value);
      break;
    case PROP_LEVEL:
      self->level = g_value_get_enum (value);
      break;
    case PROP_JOURNAL_SIZE:
      self->journal_size = g_value_get_uint64 (value);
      break;
    case PROP_DRAIN_TIMEOUT:
      self->drain_timeout_us = g_value_get_int64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
muster_cluster_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  MusterCluster *self = MUSTER_CLUSTER (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_HOST:
      g_value_set_string (value, self->host);
      break;
    case PROP_RUNTIME_DIR:
      g_value_set_string (value, self->runtime_path);
      break;
    case PROP_STATE_DIR:
      g_value_set_string (value, self->state_path);
      break;
    case PROP_INTERVAL:
    case PROP_SCALE_FACTOR:
    case PROP_PERSIST:
    case PROP_START_TIME:
    case PROP_MAX_METRICS:
    case PROP_TRANSFORMER:
      g_object_get_property (self->metrics->pdata[0], pspec->name, value);
      break;
    case PROP_LEVEL:
      g_value_set_enum (value, self->level);
      break;
    case PROP_JOURNAL_SIZE:
      g_value_set_uint64 (value, self->journal_size);
      break;
    case PROP_DRAIN_TIMEOUT:
      g_value_set_int64 (value, self->drain_timeout_us);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

#define FLAGS (G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS)

/* Of the default metrics; their group keeps them, in properties of the same names. */
static void
install_metrics_properties (void)
{
  properties[PROP_INTERVAL] =
      muster_param_spec_duration ("interval", NULL, "The interval of the default metrics", G_TIME_SPAN_MILLISECOND,
                                  MUSTER_METRICS_INTERVAL_MAX, MUSTER_METRICS_INTERVAL_DEFAULT, FLAGS);
  properties[PROP_SCALE_FACTOR] = g_param_spec_double (
      "scale-factor", NULL, "The unit of the default metrics' times: 1 is milliseconds, 1000 seconds", G_MINDOUBLE,
      G_MAXDOUBLE, 1, FLAGS);
  properties[PROP_PERSIST] =
      g_param_spec_boolean ("persist", NULL, "Whether the default metrics stay over intervals", FALSE, FLAGS);
  properties[PROP_START_TIME] = g_param_spec_int64 (
      "start-time", NULL,
      "Milliseconds since the Unix epoch; the default metrics' intervals begin at whole multiples from here",
      -MUSTER_METRICS_START_TIME_MAX, MUSTER_METRICS_START_TIME_MAX, 0, FLAGS);
  properties[PROP_MAX_METRICS] = g_param_spec_uint (
      "max-metrics", NULL, "More default metrics than so many are counted, not kept, in each process", 1, G_MAXUINT,
      MUSTER_METRICS_DEFAULT_MAX, FLAGS);
  properties[PROP_TRANSFORMER] = g_param_spec_enum (
      "transformer", NULL, "What each process's default metrics look like in JSON: none, ids, flat, values",
      MUSTER_TYPE_TRANSFORMER, MUSTER_TRANSFORMER_NONE, FLAGS);
}

static void
install_properties (GObjectClass *class)
{
  install_metrics_properties ();
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, "The cluster's name, in every record", "muster", FLAGS);
  properties[PROP_HOST] = g_param_spec_string (
      "host", NULL, "The machine's name, in every record; by default what the system calls it", NULL, FLAGS);
  properties[PROP_RUNTIME_DIR] = g_param_spec_string ("runtime-dir", NULL,
                                                      "Where sockets and journals lie; by default $RUNTIME_DIRECTORY, "
                                                      "$XDG_RUNTIME_DIR/muster/NAME or /tmp/muster-UID/NAME",
                                                      NULL, FLAGS);
  properties[PROP_STATE_DIR] = g_param_spec_string (
      "state-dir", NULL,
      "Where spools and checkpoints lie; by default $STATE_DIRECTORY, for root /var/lib/muster/NAME, else "
      "$XDG_STATE_HOME/muster/NAME or ~/.local/state/muster/NAME",
      NULL, FLAGS);
  properties[PROP_LEVEL] = g_param_spec_enum (
      "level", NULL, "What workers send, and the primary says: this level and worse; a transport may ask for less",
      MUSTER_TYPE_LEVEL, MUSTER_LEVEL_INFO, FLAGS);
  properties[PROP_JOURNAL_SIZE] = muster_param_spec_size (
      "journal-size", NULL, "Room for what the primary itself says, and for the lines that workers print",
      MUSTER_JOURNAL_SIZE_MIN, MUSTER_JOURNAL_SIZE_MAX, 4 * 1024 * 1024, FLAGS);
  properties[PROP_DRAIN_TIMEOUT] = muster_param_spec_duration (
      "drain-timeout", NULL, "How long a stop waits for transports to take what is left, when the workers have ended",
      0, G_TIME_SPAN_DAY, 10 * G_TIME_SPAN_SECOND, FLAGS);
  g_object_class_install_properties (class, N_PROPS, properties);
}

/* -- signals ------------------------------------------------------------------------------------- */

static void
add_signal (MusterClusterSignal index, const char *name, GType first, GType second)
{
  muster_cluster_signals[index] = g_signal_new (name, MUSTER_TYPE_CLUSTER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                                G_TYPE_NONE, second == G_TYPE_INVALID ? 1 : 2, first, second);
}

static gboolean
take_first (GSignalInvocationHint *hint, GValue *result, const GValue *returned, gpointer data)
{
  g_value_copy (returned, result);
  return g_value_get_variant (returned) == NULL;
}

static void
install_signals (void)
{
  /**
   * MusterCluster::delivery:
   * @self: the cluster
   * @dataset: the metrics of all processes over one interval
   *
   * Half an interval after each interval's end, and once more when the cluster stops.
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_DELIVERY, "delivery", MUSTER_TYPE_DATASET, G_TYPE_INVALID);
  /**
   * MusterCluster::transform:
   * @self: the cluster
   * @dataset: what is about to be delivered
   * @worker: one of its processes: `master`, or a worker's name
   * @data: its metrics, an `a{sv}` as muster_dataset_to_variant() has them below `data`
   *
   * Once for each process of each dataset, before its delivery: what a handler returns stands in the metrics' place where
   * the dataset becomes JSON or a GVariant, here and wherever it is sent. The first handler that returns something counts,
   * and is asked instead of the metrics' `transformer`. Text, `total` and readers of protobuf have the metrics as they are.
   *
   * Returns: (transfer full) (nullable): an `a{sv}`; %NULL to leave it as it is
   * Since: 0.1
   */
  muster_cluster_signals[MUSTER_CLUSTER_TRANSFORM] =
      g_signal_new ("transform", MUSTER_TYPE_CLUSTER, G_SIGNAL_RUN_LAST, 0, take_first, NULL, NULL, G_TYPE_VARIANT, 3,
                    MUSTER_TYPE_DATASET, G_TYPE_STRING, G_TYPE_VARIANT);
  /**
   * MusterCluster::record:
   * @self: the cluster
   * @record: one thing said, by whomever: a worker, the primary itself, or a sender that a source hears
   *
   * A best-effort tap: what comes too fast is left out here (and nowhere else). It costs nothing while nothing is
   * connected. A handler connected in another thread is noticed when the cluster's main context turns next.
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_RECORD, "record", MUSTER_TYPE_RECORD, G_TYPE_INVALID);
  /**
   * MusterCluster::message:
   * @self: the cluster
   * @process: the worker that sent it
   * @message: what muster_worker_send() was given
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_MESSAGE, "message", MUSTER_TYPE_WORKER_PROCESS, G_TYPE_VARIANT);
  /**
   * MusterCluster::worker-started:
   * @self: the cluster
   * @process: the worker, whose process has been started
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_WORKER_STARTED, "worker-started", MUSTER_TYPE_WORKER_PROCESS, G_TYPE_INVALID);
  /**
   * MusterCluster::worker-exited:
   * @self: the cluster
   * @process: the worker; its state says what comes next
   * @reason: how its process ended
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_WORKER_EXITED, "worker-exited", MUSTER_TYPE_WORKER_PROCESS, MUSTER_TYPE_EXIT_REASON);
  /**
   * MusterCluster::worker-restarted:
   * @self: the cluster
   * @process: the worker, whose process is not its first
   *
   * Follows #MusterCluster::worker-started.
   *
   * Since: 0.1
   */
  add_signal (MUSTER_CLUSTER_WORKER_RESTARTED, "worker-restarted", MUSTER_TYPE_WORKER_PROCESS, G_TYPE_INVALID);
}

/* -- the object ---------------------------------------------------------------------------------- */

static void
muster_cluster_finalize (GObject *object)
{
  MusterCluster *self = MUSTER_CLUSTER (object);

  g_free (self->name);
  g_free (self->host);
  g_free (self->runtime_path);
  g_free (self->state_path);
  g_ptr_array_unref (self->groups);
  g_ptr_array_unref (self->transports);
  g_ptr_array_unref (self->sources);
  g_ptr_array_unref (self->metrics);
  g_ptr_array_unref (self->stop_tasks);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (muster_cluster_parent_class)->finalize (object);
}

static void
muster_cluster_class_init (MusterClusterClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = muster_cluster_set_property;
  object_class->get_property = muster_cluster_get_property;
  object_class->finalize = muster_cluster_finalize;
  install_properties (object_class);
  install_signals ();
}

static void
muster_cluster_init (MusterCluster *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->groups = g_ptr_array_new_with_free_func (g_object_unref);
  self->transports = g_ptr_array_new_with_free_func (g_object_unref);
  self->sources = g_ptr_array_new_with_free_func (g_object_unref);
  self->metrics = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (self->metrics, g_object_new (MUSTER_TYPE_METRICS_GROUP, "name", "", NULL));
  self->stop_tasks = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * muster_cluster_new:
 * @name: (nullable): the cluster's name; "muster" if %NULL
 *
 * Makes a cluster with nothing in it. It works in the main context that is the thread's default now. Add groups of
 * workers, transports and sources, then muster_cluster_start(). Without workers it is a single process that logs.
 *
 * Returns: (transfer full): a cluster
 * Since: 0.1
 */
MusterCluster *
muster_cluster_new (const char *name)
{
  return g_object_new (MUSTER_TYPE_CLUSTER, "name", name != NULL ? name : "muster", NULL);
}

/**
 * muster_cluster_add_group:
 * @self: a cluster that does not run
 * @group: (transfer none): a group of workers
 *
 * Adds workers. Names of groups are unique, which muster_cluster_start() checks.
 *
 * Since: 0.1
 */
void
muster_cluster_add_group (MusterCluster *self, MusterWorkerGroup *group)
{
  g_return_if_fail (MUSTER_IS_CLUSTER (self) && self->state == MUSTER_CLUSTER_IDLE);
  g_return_if_fail (MUSTER_IS_WORKER_GROUP (group));

  g_ptr_array_add (self->groups, g_object_ref (group));
}

/**
 * muster_cluster_add_transport:
 * @self: a cluster that does not run
 * @transport: (transfer none): a way out
 *
 * Adds a way out for everything that is said and measured.
 *
 * Since: 0.1
 */
void
muster_cluster_add_transport (MusterCluster *self, MusterTransport *transport)
{
  g_return_if_fail (MUSTER_IS_CLUSTER (self) && self->state == MUSTER_CLUSTER_IDLE);
  g_return_if_fail (MUSTER_IS_TRANSPORT (transport));

  g_ptr_array_add (self->transports, g_object_ref (transport));
}

/**
 * muster_cluster_add_source:
 * @self: a cluster that does not run
 * @source: (transfer none): a way in
 *
 * Adds a way in for entries from elsewhere.
 *
 * Since: 0.1
 */
void
muster_cluster_add_source (MusterCluster *self, MusterSource *source)
{
  g_return_if_fail (MUSTER_IS_CLUSTER (self) && self->state == MUSTER_CLUSTER_IDLE);
  g_return_if_fail (MUSTER_IS_SOURCE (source));

  g_ptr_array_add (self->sources, g_object_ref (source));
}

/**
 * muster_cluster_start:
 * @self: a cluster that does not run
 * @error: return location for an error
 *
 * Checks everything, takes the runtime directory, starts transports and sources and the workers. A program that is
 * there but cannot be started is not an error here: it is a worker that exits with %MUSTER_EXIT_SPAWN_FAILED, and is
 * tried again as its group's `restart` says. The cluster stays alive by itself until it has stopped. It runs once: after
 * a stop, or a start that failed in its transports or behind them, a new one has to be made.
 *
 * Returns: whether it runs; else @error is %MUSTER_ERROR_EXISTS where another primary has the runtime directory, or what
 *   a group, transport or source says, and nothing runs
 * Since: 0.1
 */
gboolean
muster_cluster_start (MusterCluster *self, GError **error)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self), FALSE);

  if (self->state == MUSTER_CLUSTER_ENDED)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "the cluster %s has ended; make a new one", self->name);
      return FALSE;
    }
  if (self->state != MUSTER_CLUSTER_IDLE)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "the cluster %s runs already", self->name);
      return FALSE;
    }
  if (!muster_cluster_run_start (self, error))
    return FALSE;
  self->state = MUSTER_CLUSTER_RUNNING;
  g_object_ref (self); /* given back in finished_cb() */
  muster_supervisor_start (self->run.supervisor);
  return TRUE;
}

static void
complete (GTask *task, gboolean arrived)
{
  if (arrived)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE,
                             "the cluster has stopped, but not everything that was said could be delivered; what is "
                             "left is kept in its journals");
}

static gboolean
finished_cb (gpointer user_data)
{
  g_autoptr (MusterCluster) self = user_data; /* what muster_cluster_start() took */
  g_autoptr (GPtrArray) tasks = g_steal_pointer (&self->stop_tasks);

  muster_cluster_run_clear (self);
  self->stop_tasks = g_ptr_array_new_with_free_func (g_object_unref);
  self->state = MUSTER_CLUSTER_ENDED;
  for (guint i = 0; i < tasks->len; i++)
    complete (g_ptr_array_index (tasks, i), self->arrived);
  return G_SOURCE_REMOVE;
}

void
muster_cluster_stopped (MusterCluster *self, gboolean drained)
{
  GSource *source = g_idle_source_new ();

  self->arrived = muster_cluster_run_finish (self, drained);
  /* Behind what the receiver has told the main context before it stopped: the last records for `record`. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT_IDLE);
  g_source_set_callback (source, finished_cb, self, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

/**
 * muster_cluster_stop_async:
 * @self: a cluster
 * @cancellable: (nullable): gives up waiting; the stop itself goes on
 * @callback: (scope async): called when it has stopped
 * @user_data: for @callback
 *
 * Stops in order: SIGTERM to all workers, SIGKILL to those that outlast their `stop-timeout`; their journals are
 * drained; the last delivery is emitted; transports write what they have. May be called again while it stops.
 *
 * Since: 0.1
 */
void
muster_cluster_stop_async (MusterCluster *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (MUSTER_IS_CLUSTER (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_name (task, "muster_cluster_stop_async");
  if (self->state == MUSTER_CLUSTER_IDLE || self->state == MUSTER_CLUSTER_ENDED)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  g_ptr_array_add (self->stop_tasks, g_steal_pointer (&task));
  if (self->state == MUSTER_CLUSTER_STOPPING)
    return;
  self->state = MUSTER_CLUSTER_STOPPING;
  muster_supervisor_stop (self->run.supervisor, self->drain_timeout_us);
}

/**
 * muster_cluster_stop_finish:
 * @self: a cluster
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends muster_cluster_stop_async().
 *
 * Returns: %TRUE if everything that was said is in every required transport; else @error is %MUSTER_ERROR_UNAVAILABLE,
 *   and the rest stays in journals
 * Since: 0.1
 */
gboolean
muster_cluster_stop_finish (MusterCluster *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * muster_cluster_reopen:
 * @self: a cluster
 *
 * Asks all transports to close and open their outputs, after somebody else has rotated the files.
 *
 * Since: 0.1
 */
void
muster_cluster_reopen (MusterCluster *self)
{
  g_return_if_fail (MUSTER_IS_CLUSTER (self));

  if (self->run.pipeline != NULL)
    muster_pipeline_reopen (self->run.pipeline);
}

/**
 * muster_cluster_get_logger:
 * @self: a cluster
 *
 * The primary's own logger; its records are of the worker `master`.
 *
 * Returns: (transfer none) (nullable): a logger; %NULL where the cluster does not run
 * Since: 0.1
 */
MusterLogger *
muster_cluster_get_logger (MusterCluster *self)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self), NULL);

  return self->run.logger;
}

/**
 * muster_cluster_get_name:
 * @self: a cluster
 *
 * The cluster's name.
 *
 * Returns: (transfer none): the name
 * Since: 0.1
 */
const char *
muster_cluster_get_name (MusterCluster *self)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self), NULL);

  return self->name;
}

/**
 * muster_cluster_get_runtime_dir:
 * @self: a cluster
 *
 * The runtime directory in use.
 *
 * Returns: (transfer none) (nullable): a path; where the cluster does not run, what the property says
 * Since: 0.1
 */
const char *
muster_cluster_get_runtime_dir (MusterCluster *self)
{
  g_return_val_if_fail (MUSTER_IS_CLUSTER (self), NULL);

  return self->run.runtime_dir != NULL ? muster_runtime_dir_get_path (self->run.runtime_dir) : self->runtime_path;
}
