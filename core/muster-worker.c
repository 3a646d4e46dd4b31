/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A process that a primary started (or none): its logger, its metrics, its link. The object belongs to the thread that
 * made it, whose thread-default main context gets the callbacks; logger, metrics, send and flush work in any thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

#include "muster-crash-private.h"
#include "muster-environment-private.h"
#include "muster-logger-private.h"
#include "muster-metrics-area-private.h"
#include "muster-sender-private.h"
#include "muster-worker.h"

typedef struct
{
  GMainContext *context; /* owned: where callbacks go */
  GMainLoop *loop;       /* owned; while muster_worker_run() runs */
  int status;
  gboolean stopping;

  char *id;             /* owned, nullable */
  MusterSink *sink;     /* owned */
  MusterLogger *logger; /* owned */
  GPtrArray *metrics;   /* owned; the cluster's, the default ones first */
  GPtrArray *strangers; /* owned; metrics that somebody asked for and the cluster does not have; under strangers_lock */
  MusterJournal *journal; /* owned; NULL where no primary started us */
  MusterSender *sender;   /* owned; likewise */
  gboolean attached;      /* metrics; in the sender's thread */
} MusterWorkerPrivate;

enum
{
  SIGNAL_MESSAGE,
  N_SIGNALS
};
static guint signals[N_SIGNALS];
static GMutex strangers_lock;

G_DEFINE_TYPE_WITH_PRIVATE (MusterWorker, muster_worker, G_TYPE_OBJECT)

static inline MusterWorkerPrivate *
private_of (MusterWorker *self)
{
  return muster_worker_get_instance_private (self);
}

static void
muster_worker_real_message (MusterWorker *self, GVariant *message)
{
  g_signal_emit (self, signals[SIGNAL_MESSAGE], 0, message);
}

static void
detach_metrics (gpointer data)
{
  MusterWorkerPrivate *private = data;

  for (guint i = 0; private->attached && i < private->metrics->len; i++)
    muster_metrics_detach (private->metrics->pdata[i]);
  private->attached = FALSE;
}

static void
muster_worker_dispose (GObject *object)
{
  MusterWorkerPrivate *private = private_of (MUSTER_WORKER (object));

  if (private->sender != NULL)
    {
      muster_sender_call (private->sender, detach_metrics, private);
      g_clear_pointer (&private->sender, muster_sender_free);
    }
  g_clear_pointer (&private->metrics, g_ptr_array_unref);
  g_clear_pointer (&private->strangers, g_ptr_array_unref);
  g_clear_object (&private->logger);
  g_clear_pointer (&private->sink, muster_sink_unref);
  g_clear_pointer (&private->journal, muster_journal_unref);
  G_OBJECT_CLASS (muster_worker_parent_class)->dispose (object);
}

static void
muster_worker_finalize (GObject *object)
{
  MusterWorkerPrivate *private = private_of (MUSTER_WORKER (object));

  g_free (private->id);
  g_clear_pointer (&private->loop, g_main_loop_unref);
  g_main_context_unref (private->context);
  G_OBJECT_CLASS (muster_worker_parent_class)->finalize (object);
}

static void
muster_worker_class_init (MusterWorkerClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->dispose = muster_worker_dispose;
  object_class->finalize = muster_worker_finalize;
  class->message = muster_worker_real_message;

  /**
   * MusterWorker::message:
   * @self: the worker
   * @message: what the primary sent
   *
   * A custom message from the primary, in the worker's main context. Emitted by the default of the vfunc `message`.
   *
   * Since: 0.1
   */
  signals[SIGNAL_MESSAGE] = g_signal_new ("message", MUSTER_TYPE_WORKER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 1, G_TYPE_VARIANT);
}

/* Where the metrics of a worker outlive it, from its first update on; NULL: they do not. What is wrong with the journal,
 * if anything is, muster_worker_connect() will say. */
static MusterMetricsArea *
open_area (const MusterMetricsOptions *options)
{
  const char *fd = muster_environment_is_worker () ? g_getenv (MUSTER_ENV_JOURNAL_FD) : NULL;
  guint64 number;

  if (fd == NULL || !g_ascii_string_to_unsigned (fd, 10, 0, G_MAXINT, &number, NULL))
    return NULL;
  return muster_metrics_area_open ((int) number, options, NULL);
}

static void
muster_worker_init (MusterWorker *self)
{
  MusterWorkerPrivate *private = private_of (self);
  g_autoptr (GPtrArray) options = muster_environment_read_metrics (NULL);

  private->context = g_main_context_ref_thread_default ();
  private->sink = muster_sink_new (NULL, g_getenv (MUSTER_ENV_WORKER));
  private->logger = muster_logger_new (private->sink, "", MUSTER_LEVEL_INFO);
  private->metrics = g_ptr_array_new_with_free_func (g_object_unref);
  private->strangers = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < options->len; i++)
    g_ptr_array_add (private->metrics, muster_metrics_new_in_area (options->pdata[i], open_area (options->pdata[i])));
}

/* -- the link; in the sender's thread -------------------------------------------------------------- */

static void
append_snapshot (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  MusterWorkerPrivate *private = user_data;

  for (guint i = 0; i < entries->len; i++)
    {
      gsize size;
      const guint8 *data = g_bytes_get_data (entries->pdata[i], &size);

      muster_journal_append_marked (private->journal, data, size,
                                    MUSTER_JOURNAL_USE_RESERVE | MUSTER_JOURNAL_NO_WAIT
                                        | (i + 1 == entries->len ? MUSTER_JOURNAL_FLUSH : 0),
                                    muster_metrics_get_mark (metrics));
    }
}

static void
on_welcomed (const MusterTimeBase *base, gpointer user_data)
{
  MusterWorkerPrivate *private = private_of (user_data);

  /* The sender's context, by way of its thread: muster_worker_connect() may not have got the sender back yet. */
  for (guint i = 0; i < private->metrics->len; i++)
    if (private->attached)
      muster_metrics_set_time_base (private->metrics->pdata[i], base);
    else
      muster_metrics_attach (private->metrics->pdata[i], g_main_context_get_thread_default (), private->context, base,
                             append_snapshot, private, NULL);
  private->attached = TRUE;
}

typedef struct
{
  MusterWorker *worker;
  GVariant *message;
} Incoming;

static gboolean
deliver_message (gpointer data)
{
  Incoming *incoming = data;
  MusterWorkerClass *class = MUSTER_WORKER_GET_CLASS (incoming->worker);

  if (class->message != NULL)
    class->message (incoming->worker, incoming->message);
  return G_SOURCE_REMOVE;
}

static void
incoming_free (gpointer data)
{
  Incoming *incoming = data;

  g_object_unref (incoming->worker);
  g_variant_unref (incoming->message);
  g_free (incoming);
}

static void
on_message (GVariant *message, gpointer user_data)
{
  Incoming *incoming = g_new (Incoming, 1);

  incoming->worker = g_object_ref (user_data);
  incoming->message = g_variant_ref (message);
  g_main_context_invoke_full (private_of (user_data)->context, G_PRIORITY_DEFAULT, deliver_message, incoming,
                              incoming_free);
}

static void
on_level (MusterLevel level, gpointer user_data)
{
  muster_sink_set_level (private_of (user_data)->sink, level);
}

static void
on_refused (const char *reason, gpointer user_data)
{
  /* The primary does not listen to this process any more; its stderr is heard all the same. */
  g_printerr ("<3>muster: the primary refuses this worker: %s\n", reason);
}

/* -- public ---------------------------------------------------------------------------------------- */

/**
 * muster_worker_new:
 *
 * A worker that is not subclassed: for programs with a main loop of their own, or none.
 *
 * Returns: (transfer full): a worker, not yet connected
 * Since: 0.1
 */
MusterWorker *
muster_worker_new (void)
{
  return g_object_new (MUSTER_TYPE_WORKER, NULL);
}

static gboolean
take_journal (MusterWorkerPrivate *private, const MusterEnvironment *environment, GError **error)
{
  if (fcntl (environment->journal_fd, F_SETFD, FD_CLOEXEC) < 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s=%d: %s", MUSTER_ENV_JOURNAL_FD,
                   environment->journal_fd, g_strerror (errno));
      return FALSE;
    }
  private->journal = muster_journal_open (environment->journal_fd, error);
  if (private->journal == NULL)
    {
      g_prefix_error (error, "%s=%d: ", MUSTER_ENV_JOURNAL_FD, environment->journal_fd);
      return FALSE;
    }
  muster_journal_set_block_timeout (private->journal, environment->block_timeout_us);
  return TRUE;
}

/**
 * muster_worker_connect:
 * @self: a worker
 * @error: where to say what is wrong
 *
 * Connects to the primary that started this process. From now on what is logged lies in the journal and survives this
 * process. Where no primary started it, nothing happens, and that is no error: the logger goes on writing text to stderr,
 * and everything else works unchanged. To be called once, early, before threads change the environment.
 *
 * Returns: %FALSE with %MUSTER_ERROR_INVALID or _CORRUPT if what the primary handed down is wrong
 * Since: 0.1
 */
gboolean
muster_worker_connect (MusterWorker *self, GError **error)
{
  static const MusterSenderCallbacks callbacks = {
    .welcomed = on_welcomed, .message = on_message, .level = on_level, .refused = on_refused
  };
  MusterWorkerPrivate *private = private_of (self);
  MusterEnvironment environment;
  gboolean connected;

  g_return_val_if_fail (MUSTER_IS_WORKER (self), FALSE);

  if (private->sender != NULL || !muster_environment_is_worker ())
    return TRUE;
  if (!muster_environment_read (&environment, error))
    return FALSE;
  connected = take_journal (private, &environment, error);
  if (connected)
    {
      private->id = g_strdup (environment.worker);
      muster_sink_set_level (private->sink, environment.level);
      private->sender = muster_sender_new (private->journal, environment.endpoint, environment.flush_interval_us,
                                           &callbacks, self, error);
      connected = private->sender != NULL;
    }
  if (connected)
    {
      muster_sink_set_journal (private->sink, private->journal);
      muster_crash_install (private->journal);
      muster_environment_unset ();
    }
  muster_environment_clear (&environment);
  return connected;
}

/**
 * muster_worker_is_connected:
 * @self: a worker
 *
 * Returns: whether a primary started this process and muster_worker_connect() has been called
 * Since: 0.1
 */
gboolean
muster_worker_is_connected (MusterWorker *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER (self), FALSE);
  return private_of (self)->sender != NULL;
}

/**
 * muster_worker_get_id:
 * @self: a worker
 *
 * Returns: (nullable): its name in the cluster ("web-1"); %NULL where no primary started it
 * Since: 0.1
 */
const char *
muster_worker_get_id (MusterWorker *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER (self), NULL);
  return private_of (self)->id;
}

/**
 * muster_worker_get_logger:
 * @self: a worker
 *
 * Returns: (transfer none): its logger, for any thread
 * Since: 0.1
 */
MusterLogger *
muster_worker_get_logger (MusterWorker *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER (self), NULL);
  return private_of (self)->logger;
}

/**
 * muster_worker_get_metrics:
 * @self: a worker
 *
 * Returns: (transfer none): its default metrics, for any thread
 * Since: 0.1
 */
MusterMetrics *
muster_worker_get_metrics (MusterWorker *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER (self), NULL);
  return private_of (self)->metrics->pdata[0];
}

static MusterMetrics *
find_metrics (GPtrArray *all, const char *name)
{
  for (guint i = 0; i < all->len; i++)
    if (g_str_equal (muster_metrics_get_name (all->pdata[i]), name))
      return all->pdata[i];
  return NULL;
}

/* A program must not fail because of a group that its keyfile has not: it counts, and nobody hears of it. */
static MusterMetrics *
get_stranger (MusterWorkerPrivate *private, const char *name)
{
  const MusterMetricsOptions options = { .name = (char *) name };
  MusterMetrics *metrics;
  gboolean is_new;

  g_mutex_lock (&strangers_lock);
  metrics = find_metrics (private->strangers, name);
  is_new = metrics == NULL;
  if (is_new)
    {
      metrics = muster_metrics_new (&options);
      g_ptr_array_add (private->strangers, metrics);
    }
  g_mutex_unlock (&strangers_lock);
  if (is_new && private->sender != NULL)
    muster_warning (private->logger,
                    "the cluster has no metrics \"%s\": what is measured there goes nowhere; a group "
                    "[metrics %s] in the keyfile, or muster_cluster_add_metrics(), makes them",
                    name, name);
  return metrics;
}

/**
 * muster_worker_get_metrics_by_name:
 * @self: a worker
 * @name: a name; the default metrics' is empty
 *
 * Metrics with an interval of their own, as a `[metrics NAME]` group of the keyfile or muster_cluster_add_metrics() has
 * made them. Where the cluster has none of that name, a record says so, and what is measured goes nowhere; likewise, but
 * without a word, where no primary started this process. Any thread.
 *
 * Returns: (transfer none): those metrics, for any thread
 * Since: 0.1
 */
MusterMetrics *
muster_worker_get_metrics_by_name (MusterWorker *self, const char *name)
{
  MusterMetrics *metrics;

  g_return_val_if_fail (MUSTER_IS_WORKER (self) && name != NULL, NULL);
  metrics = find_metrics (private_of (self)->metrics, name);
  return metrics != NULL ? metrics : get_stranger (private_of (self), name);
}

/**
 * muster_worker_send:
 * @self: a worker
 * @message: anything; a floating reference is consumed
 *
 * Sends a custom message to the primary, beside the log: in order, but, unlike the log, not beyond the death of either
 * process. Without a primary it goes nowhere. One of more than 256 KiB is left out, with a warning. Any thread.
 *
 * Since: 0.1
 */
void
muster_worker_send (MusterWorker *self, GVariant *message)
{
  g_return_if_fail (MUSTER_IS_WORKER (self));
  g_return_if_fail (message != NULL);

  if (private_of (self)->sender != NULL)
    muster_sender_send (private_of (self)->sender, message);
  else
    g_variant_unref (g_variant_ref_sink (message));
}

/**
 * muster_worker_flush:
 * @self: a worker
 * @timeout_us: how long to wait at most, in microseconds
 *
 * Waits until all that this process has logged is acknowledged by every required transport of the primary. There is no
 * need to call it before exit: the journal outlives the process.
 *
 * Returns: whether it is
 * Since: 0.1
 */
gboolean
muster_worker_flush (MusterWorker *self, gint64 timeout_us)
{
  g_return_val_if_fail (MUSTER_IS_WORKER (self), FALSE);
  return private_of (self)->sender == NULL || muster_sender_flush (private_of (self)->sender, timeout_us);
}

/**
 * muster_worker_quit:
 * @self: a worker
 * @status: what muster_worker_run() shall return
 *
 * Ends muster_worker_run(): the vfunc `stop` is called, then the loop ends. In the thread of the main context.
 *
 * Since: 0.1
 */
void
muster_worker_quit (MusterWorker *self, int status)
{
  MusterWorkerPrivate *private = private_of (self);

  g_return_if_fail (MUSTER_IS_WORKER (self));

  if (private->stopping)
    return;
  private->stopping = TRUE;
  private->status = status;
  if (MUSTER_WORKER_GET_CLASS (self)->stop != NULL)
    MUSTER_WORKER_GET_CLASS (self)->stop (self);
  if (private->loop != NULL)
    g_main_loop_quit (private->loop);
}

static gboolean
quit_cb (gpointer user_data)
{
  muster_worker_quit (user_data, 0);
  return G_SOURCE_CONTINUE;
}

static gboolean
reload_cb (gpointer user_data)
{
  if (MUSTER_WORKER_GET_CLASS (user_data)->reload != NULL)
    MUSTER_WORKER_GET_CLASS (user_data)->reload (user_data);
  return G_SOURCE_CONTINUE;
}

static GSource *
attach_signal (MusterWorker *self, int number, GSourceFunc function)
{
  GSource *source = g_unix_signal_source_new (number);

  g_source_set_callback (source, function, self, NULL);
  g_source_attach (source, private_of (self)->context);
  return source;
}

/**
 * muster_worker_run:
 * @self: a worker
 * @argc: as main() has it
 * @argv: (array length=argc): as main() has it
 *
 * Connects, calls the vfunc `start`, and runs a main loop until SIGTERM, SIGINT or muster_worker_quit().
 *
 * Returns: the process's exit status: what muster_worker_quit() said, 1 if the start failed (a record, or stderr, says
 *   why)
 * Since: 0.1
 */
int
muster_worker_run (MusterWorker *self, int argc, char **argv)
{
  MusterWorkerPrivate *private = private_of (self);
  MusterWorkerClass *class = MUSTER_WORKER_GET_CLASS (self);
  g_autoptr (GError) error = NULL;
  GSource *sources[3];

  g_return_val_if_fail (MUSTER_IS_WORKER (self), 1);

  if (g_get_prgname () == NULL && argc > 0)
    g_set_prgname (argv[0]);
  /* Before the primary hears of this process, and may ask it to stop. */
  sources[0] = attach_signal (self, SIGTERM, quit_cb);
  sources[1] = attach_signal (self, SIGINT, quit_cb);
  sources[2] = attach_signal (self, SIGHUP, reload_cb);
  private->loop = g_main_loop_new (private->context, FALSE);
  if (!muster_worker_connect (self, &error))
    {
      g_printerr ("<3>%s: %s\n", g_get_prgname () != NULL ? g_get_prgname () : "worker", error->message);
      private->status = 1;
    }
  else if (class->start != NULL && !class->start (self, &error))
    {
      muster_critical (private->logger, "cannot start: %s", error != NULL ? error->message : "no reason given");
      private->status = 1;
    }
  else if (!private->stopping)
    g_main_loop_run (private->loop);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_source_destroy (sources[i]);
      g_source_unref (sources[i]);
    }
  if (private->sender != NULL)
    muster_sender_call (private->sender, detach_metrics, private);
  return private->status;
}

/**
 * muster_worker_main:
 * @type: a subclass of #MusterWorker
 * @argc: as main() has it
 * @argv: (array length=argc): as main() has it
 *
 * The whole main() of a worker: makes an object of @type and calls muster_worker_run().
 *
 * Returns: the process's exit status
 * Since: 0.1
 */
int
muster_worker_main (GType type, int argc, char **argv)
{
  g_autoptr (MusterWorker) worker = NULL;

  g_return_val_if_fail (g_type_is_a (type, MUSTER_TYPE_WORKER), 1);

  setlocale (LC_ALL, "");
  worker = g_object_new (type, NULL);
  return muster_worker_run (worker, argc, argv);
}
