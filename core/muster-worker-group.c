/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MusterWorkerGroup: what a `[worker NAME]` group of a keyfile says. Nothing but properties; the main thread's.
 */
#include "config.h"

#include "muster-worker-group-private.h"

#include "muster-enums.h"
#include "muster-journal-private.h"
#include "muster-param.h"
#include "muster-runtime-dir-private.h"

enum
{
  PROP_0,
  PROP_NAME,
  PROP_EXEC,
  PROP_INSTANCES,
  PROP_USER,
  PROP_GROUP,
  PROP_DIRECTORY,
  PROP_ENVIRONMENT,
  PROP_RESTART,
  PROP_RESTART_DELAY,
  PROP_RESTART_DELAY_MAX,
  PROP_RESTART_LIMIT,
  PROP_RESTART_WINDOW,
  PROP_STOP_TIMEOUT,
  PROP_JOURNAL_SIZE,
  PROP_BLOCK_TIMEOUT,
  PROP_FLUSH_INTERVAL,
  PROP_LEVEL,
  PROP_CAPTURE_STDOUT_LEVEL,
  PROP_CAPTURE_STDERR_LEVEL,
  PROP_UMASK,
  PROP_LIMIT_NOFILE,
  PROP_LIMIT_CORE,
  PROP_LIMIT_AS,
  PROP_LIMIT_NPROC,
  PROP_LIMIT_MEMLOCK,
  PROP_LIMIT_STACK,
  PROP_LIMIT_CPU,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* Where each property lies; what it is its GParamSpec tells. */
static const glong offsets[N_PROPS] = {
  [PROP_NAME] = G_STRUCT_OFFSET (MusterWorkerGroup, name),
  [PROP_EXEC] = G_STRUCT_OFFSET (MusterWorkerGroup, exec),
  [PROP_INSTANCES] = G_STRUCT_OFFSET (MusterWorkerGroup, instances),
  [PROP_USER] = G_STRUCT_OFFSET (MusterWorkerGroup, user),
  [PROP_GROUP] = G_STRUCT_OFFSET (MusterWorkerGroup, unix_group),
  [PROP_DIRECTORY] = G_STRUCT_OFFSET (MusterWorkerGroup, directory),
  [PROP_ENVIRONMENT] = G_STRUCT_OFFSET (MusterWorkerGroup, environment),
  [PROP_RESTART] = G_STRUCT_OFFSET (MusterWorkerGroup, restart),
  [PROP_RESTART_DELAY] = G_STRUCT_OFFSET (MusterWorkerGroup, restart_delay_us),
  [PROP_RESTART_DELAY_MAX] = G_STRUCT_OFFSET (MusterWorkerGroup, restart_delay_max_us),
  [PROP_RESTART_LIMIT] = G_STRUCT_OFFSET (MusterWorkerGroup, restart_limit),
  [PROP_RESTART_WINDOW] = G_STRUCT_OFFSET (MusterWorkerGroup, restart_window_us),
  [PROP_STOP_TIMEOUT] = G_STRUCT_OFFSET (MusterWorkerGroup, stop_timeout_us),
  [PROP_JOURNAL_SIZE] = G_STRUCT_OFFSET (MusterWorkerGroup, journal_size),
  [PROP_BLOCK_TIMEOUT] = G_STRUCT_OFFSET (MusterWorkerGroup, block_timeout_us),
  [PROP_FLUSH_INTERVAL] = G_STRUCT_OFFSET (MusterWorkerGroup, flush_interval_us),
  [PROP_LEVEL] = G_STRUCT_OFFSET (MusterWorkerGroup, level),
  [PROP_CAPTURE_STDOUT_LEVEL] = G_STRUCT_OFFSET (MusterWorkerGroup, stdout_level),
  [PROP_CAPTURE_STDERR_LEVEL] = G_STRUCT_OFFSET (MusterWorkerGroup, stderr_level),
  [PROP_UMASK] = G_STRUCT_OFFSET (MusterWorkerGroup, umask),
  [PROP_LIMIT_NOFILE] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[0]),
  [PROP_LIMIT_CORE] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[1]),
  [PROP_LIMIT_AS] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[2]),
  [PROP_LIMIT_NPROC] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[3]),
  [PROP_LIMIT_MEMLOCK] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[4]),
  [PROP_LIMIT_STACK] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[5]),
  [PROP_LIMIT_CPU] = G_STRUCT_OFFSET (MusterWorkerGroup, limits[6]),
};

G_DEFINE_TYPE (MusterWorkerGroup, muster_worker_group, G_TYPE_OBJECT)

G_STATIC_ASSERT (sizeof (MusterLevel) == sizeof (int) && sizeof (MusterRestartPolicy) == sizeof (int));

static void
muster_worker_group_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  gpointer member = G_STRUCT_MEMBER_P (object, offsets[id]);

  switch (G_TYPE_FUNDAMENTAL (G_PARAM_SPEC_VALUE_TYPE (pspec)))
    {
    case G_TYPE_STRING:
      g_free (*(char **) member);
      *(char **) member = g_value_dup_string (value);
      break;
    case G_TYPE_BOXED:
      g_strfreev (*(char ***) member);
      *(char ***) member = g_value_dup_boxed (value);
      break;
    case G_TYPE_UINT:
      *(guint *) member = g_value_get_uint (value);
      break;
    case G_TYPE_INT64:
      *(gint64 *) member = g_value_get_int64 (value);
      break;
    case G_TYPE_UINT64:
      *(guint64 *) member = g_value_get_uint64 (value);
      break;
    case G_TYPE_ENUM:
      *(int *) member = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
muster_worker_group_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  gpointer member = G_STRUCT_MEMBER_P (object, offsets[id]);

  switch (G_TYPE_FUNDAMENTAL (G_PARAM_SPEC_VALUE_TYPE (pspec)))
    {
    case G_TYPE_STRING:
      g_value_set_string (value, *(char **) member);
      break;
    case G_TYPE_BOXED:
      g_value_set_boxed (value, *(char ***) member);
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, *(guint *) member);
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, *(gint64 *) member);
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, *(guint64 *) member);
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, *(int *) member);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
muster_worker_group_finalize (GObject *object)
{
  MusterWorkerGroup *self = MUSTER_WORKER_GROUP (object);

  g_free (self->name);
  g_free (self->exec);
  g_free (self->user);
  g_free (self->unix_group);
  g_free (self->directory);
  g_strfreev (self->environment);
  g_free (self->umask);
  G_OBJECT_CLASS (muster_worker_group_parent_class)->finalize (object);
}

#define FLAGS (G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS)

static void
install_process_properties (void)
{
  properties[PROP_EXEC] = g_param_spec_string ("exec", NULL,
                                               "The program and its arguments, quoted as for a shell, which there is "
                                               "none; without a slash it is looked up in PATH",
                                               NULL, FLAGS);
  properties[PROP_INSTANCES] =
      g_param_spec_uint ("instances", NULL, "How many processes", 0, MUSTER_WORKER_GROUP_INSTANCES_MAX, 1, FLAGS);
  properties[PROP_USER] = g_param_spec_string (
      "user", NULL, "The user that the processes run as: a name or a number. Needs a primary that runs as root", NULL,
      FLAGS);
  properties[PROP_GROUP] =
      g_param_spec_string ("group", NULL, "The group that they run as; by default the user's own", NULL, FLAGS);
  properties[PROP_DIRECTORY] =
      g_param_spec_string ("directory", NULL, "Their working directory; by default the primary's", NULL, FLAGS);
  properties[PROP_ENVIRONMENT] = g_param_spec_boxed (
      "environment", NULL, "Variables, NAME=VALUE, beside those that the primary has", G_TYPE_STRV, FLAGS);
  properties[PROP_UMASK] = g_param_spec_string (
      "umask", NULL, "The file mode creation mask in octal, like 027; by default the primary's", NULL, FLAGS);
}

static void
install_restart_properties (void)
{
  properties[PROP_RESTART] = g_param_spec_enum (
      "restart", NULL,
      "What is started again when it ends: no, on-failure (a signal, or a status other than 0), always",
      MUSTER_TYPE_RESTART_POLICY, MUSTER_RESTART_ON_FAILURE, FLAGS);
  properties[PROP_RESTART_DELAY] = muster_param_spec_duration (
      "restart-delay", NULL, "How long the first restart waits; each further one twice as long", 1000, G_TIME_SPAN_DAY,
      100 * G_TIME_SPAN_MILLISECOND, FLAGS);
  properties[PROP_RESTART_DELAY_MAX] =
      muster_param_spec_duration ("restart-delay-max", NULL, "The longest that a restart waits", 1000, G_TIME_SPAN_DAY,
                                  30 * G_TIME_SPAN_SECOND, FLAGS);
  properties[PROP_RESTART_LIMIT] = g_param_spec_uint (
      "restart-limit", NULL, "So many restarts within restart-window; one more, and the worker stays down; 0: no limit",
      0, G_MAXUINT, 5, FLAGS);
  properties[PROP_RESTART_WINDOW] = muster_param_spec_duration (
      "restart-window", NULL,
      "The time that restart-limit counts in; a worker that has run so long starts again with the first delay", 1000,
      G_TIME_SPAN_DAY, G_TIME_SPAN_MINUTE, FLAGS);
  properties[PROP_STOP_TIMEOUT] =
      muster_param_spec_duration ("stop-timeout", NULL, "How long a worker may take to end after SIGTERM; then SIGKILL",
                                  0, G_TIME_SPAN_DAY, 10 * G_TIME_SPAN_SECOND, FLAGS);
}

static void
install_log_properties (void)
{
  properties[PROP_JOURNAL_SIZE] = muster_param_spec_size (
      "journal-size", NULL, "Room for what a worker has said and is not acknowledged yet; rounded up to a power of two",
      MUSTER_JOURNAL_SIZE_MIN, MUSTER_JOURNAL_SIZE_MAX, 4 * 1024 * 1024, FLAGS);
  properties[PROP_BLOCK_TIMEOUT] = muster_param_spec_duration (
      "block-timeout", NULL, "How long a log call may wait where the journal is full; 0: never", 0, G_TIME_SPAN_HOUR,
      100 * G_TIME_SPAN_MILLISECOND, FLAGS);
  properties[PROP_FLUSH_INTERVAL] = muster_param_spec_duration (
      "flush-interval", NULL,
      "How long a worker may hold records back to send more at once; error and worse never wait", 0, G_TIME_SPAN_MINUTE,
      10 * G_TIME_SPAN_MILLISECOND, FLAGS);
  properties[PROP_LEVEL] =
      g_param_spec_enum ("level", NULL, "What the workers send: this level and worse; none: the cluster's level",
                         MUSTER_TYPE_LEVEL, MUSTER_LEVEL_NONE, FLAGS);
  properties[PROP_CAPTURE_STDOUT_LEVEL] =
      g_param_spec_enum ("capture-stdout-level", NULL, "The level of the lines that a worker prints", MUSTER_TYPE_LEVEL,
                         MUSTER_LEVEL_INFO, FLAGS);
  properties[PROP_CAPTURE_STDERR_LEVEL] =
      g_param_spec_enum ("capture-stderr-level", NULL, "The level of the lines that a worker prints to stderr",
                         MUSTER_TYPE_LEVEL, MUSTER_LEVEL_WARNING, FLAGS);
}

static void
install_limit_properties (void)
{
  properties[PROP_LIMIT_NOFILE] =
      g_param_spec_uint64 ("limit-nofile", NULL, "RLIMIT_NOFILE: open descriptors; by default as the primary found it",
                           0, G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_CORE] = muster_param_spec_size ("limit-core", NULL, "RLIMIT_CORE: size of a core file", 0,
                                                        G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_AS] =
      muster_param_spec_size ("limit-as", NULL, "RLIMIT_AS: address space", 0, G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_NPROC] = g_param_spec_uint64 ("limit-nproc", NULL, "RLIMIT_NPROC: processes of the user", 0,
                                                      G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_MEMLOCK] = muster_param_spec_size ("limit-memlock", NULL, "RLIMIT_MEMLOCK: locked memory", 0,
                                                           G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_STACK] = muster_param_spec_size ("limit-stack", NULL, "RLIMIT_STACK: size of the stack", 0,
                                                         G_MAXUINT64, G_MAXUINT64, FLAGS);
  properties[PROP_LIMIT_CPU] = g_param_spec_uint64 ("limit-cpu", NULL, "RLIMIT_CPU: seconds of processor time", 0,
                                                    G_MAXUINT64, G_MAXUINT64, FLAGS);
}

static void
muster_worker_group_class_init (MusterWorkerGroupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = muster_worker_group_set_property;
  object_class->get_property = muster_worker_group_get_property;
  object_class->finalize = muster_worker_group_finalize;

  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, "The group's name; its workers are NAME-1, NAME-2, ...", NULL,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  install_process_properties ();
  install_restart_properties ();
  install_log_properties ();
  install_limit_properties ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
muster_worker_group_init (MusterWorkerGroup *self)
{
}

/**
 * muster_worker_group_new:
 * @name: the group's name; its workers are `NAME-1`, `NAME-2`, ...
 * @exec: (nullable): the program and its arguments, quoted as for a shell
 *
 * Describes a group of workers that run the same program. Everything else is a property.
 *
 * Returns: (transfer full): a group
 * Since: 0.1
 */
MusterWorkerGroup *
muster_worker_group_new (const char *name, const char *exec)
{
  g_return_val_if_fail (name != NULL, NULL);

  return g_object_new (MUSTER_TYPE_WORKER_GROUP, "name", name, "exec", exec, NULL);
}

/**
 * muster_worker_group_get_name:
 * @self: a group
 *
 * The group's name.
 *
 * Returns: (transfer none) (nullable): the name
 * Since: 0.1
 */
const char *
muster_worker_group_get_name (MusterWorkerGroup *self)
{
  g_return_val_if_fail (MUSTER_IS_WORKER_GROUP (self), NULL);

  return self->name;
}

/**
 * muster_worker_group_check:
 * @self: a group
 * @property: (out) (optional) (transfer none) (nullable): the name of the property that is wrong
 * @error: return location for an error
 *
 * Checks what can be known before anything is started: that the program is there and may be executed (where the primary
 * may look), that user, group and directory exist, that text which has to be parsed can be. The cluster does the same
 * when it starts.
 *
 * Returns: whether the group may be started; else @error is %MUSTER_ERROR_INVALID or %MUSTER_ERROR_NOT_FOUND
 * Since: 0.1
 */
gboolean
muster_worker_group_check (MusterWorkerGroup *self, const char **property, GError **error)
{
  g_autoptr (MusterWorkerCommand) command = NULL;
  const char *wrong = "name";

  g_return_val_if_fail (MUSTER_IS_WORKER_GROUP (self), FALSE);

  if (muster_name_check (self->name != NULL ? self->name : "", "the worker group", error))
    command = muster_worker_command_new (self, &wrong, error);
  if (property != NULL)
    *property = wrong;
  return command != NULL;
}
