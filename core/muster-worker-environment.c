/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a worker's process finds in its environment.
 */
#include "config.h"

#include "muster-worker-environment-private.h"

#include "muster-environment-private.h"
#include "muster-param.h"
#include "muster-spawn-private.h"

#include <string.h>

static void
set_variable (char ***environment, const char *name, const char *value)
{
  *environment = g_environ_setenv (*environment, name, value, TRUE);
}

/* What concerns the primary alone: its own service manager, and its own primary, where it is a worker itself. */
static char **
inherited_environment (void)
{
  char **environment = g_get_environ ();
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (char **v = environment; *v != NULL; v++)
    if ((g_str_has_prefix (*v, "MUSTER_") && !g_str_has_prefix (*v, "MUSTER_PLUGIN_PATH="))
        || g_str_has_prefix (*v, "NOTIFY_SOCKET=") || g_str_has_prefix (*v, "WATCHDOG_")
        || g_str_has_prefix (*v, "LISTEN_"))
      g_ptr_array_add (names, g_strndup (*v, strcspn (*v, "=")));
  for (guint i = 0; i < names->len; i++)
    environment = g_environ_unsetenv (environment, g_ptr_array_index (names, i));
  return environment;
}

char **
muster_worker_environment_new (const MusterWorkerHouse *house, const MusterWorkerPlan *plan,
                               const MusterWorkerProcess *process)
{
  const MusterWorkerGroup *group = plan->group;
  const MusterWorkerCommand *command = plan->command;
  g_autofree char *block_timeout = muster_duration_to_string (group->block_timeout_us);
  g_autofree char *flush_interval = muster_duration_to_string (group->flush_interval_us);
  MusterLevel level = group->level != MUSTER_LEVEL_NONE ? group->level : house->level;
  char **environment = inherited_environment ();

  if (command->change_user && command->user_name != NULL)
    {
      set_variable (&environment, "HOME", command->home);
      set_variable (&environment, "USER", command->user_name);
      set_variable (&environment, "LOGNAME", command->user_name);
    }
  for (char **v = group->environment; v != NULL && *v != NULL; v++)
    {
      g_autofree char *name = g_strndup (*v, strcspn (*v, "="));

      set_variable (&environment, name, *v + strlen (name) + 1);
    }
  set_variable (&environment, MUSTER_ENV_WORKER, process->id);
  set_variable (&environment, MUSTER_ENV_GROUP, process->group);
  set_variable (&environment, MUSTER_ENV_CLUSTER, house->cluster);
  set_variable (&environment, MUSTER_ENV_ENDPOINT, plan->endpoint);
  set_variable (&environment, MUSTER_ENV_JOURNAL_FD, G_STRINGIFY (MUSTER_SPAWN_JOURNAL_FD));
  set_variable (&environment, MUSTER_ENV_LEVEL, muster_level_to_string (level));
  set_variable (&environment, MUSTER_ENV_BLOCK_TIMEOUT, block_timeout);
  set_variable (&environment, MUSTER_ENV_FLUSH_INTERVAL, flush_interval);
  for (guint i = 0; house->metrics != NULL && house->metrics[i] != NULL; i++)
    {
      g_autofree char *name = muster_environment_get_metrics_variable (i);

      set_variable (&environment, name, house->metrics[i]);
    }
  return environment;
}
