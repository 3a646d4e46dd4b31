/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The environment that a primary gives to its workers. Read once, before there are threads.
 */
#include "config.h"

#include <unistd.h>

#include "muster-environment-private.h"
#include "muster-error.h"
#include "muster-param.h"

gboolean
muster_environment_is_worker (void)
{
  const char *pid = g_getenv (MUSTER_ENV_PID);

  return pid != NULL && g_getenv (MUSTER_ENV_JOURNAL_FD) != NULL
         && g_ascii_strtoull (pid, NULL, 10) == (guint64) getpid ();
}

static const char *
need (const char *name, GError **error)
{
  const char *value = g_getenv (name);

  if (value == NULL || *value == '\0')
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "the environment variable %s is missing: was this process started by a primary?", name);
      return NULL;
    }
  return value;
}

static gboolean
read_duration (const char *name, gint64 *duration_us, GError **error)
{
  const char *value = g_getenv (name);

  if (value == NULL || muster_duration_from_string (value, duration_us, error))
    return TRUE;
  g_prefix_error (error, "%s: ", name);
  return FALSE;
}

gboolean
muster_environment_read (MusterEnvironment *environment, GError **error)
{
  const char *worker = need (MUSTER_ENV_WORKER, error);
  const char *endpoint = worker != NULL ? need (MUSTER_ENV_ENDPOINT, error) : NULL;
  const char *fd = endpoint != NULL ? need (MUSTER_ENV_JOURNAL_FD, error) : NULL;
  const char *level = g_getenv (MUSTER_ENV_LEVEL);
  g_autoptr (GPtrArray) metrics = NULL;
  g_autoptr (GError) wrong = NULL;
  guint64 number;

  *environment = (MusterEnvironment){ .journal_fd = -1,
                                      .level = MUSTER_LEVEL_INFO,
                                      .block_timeout_us = 100 * G_TIME_SPAN_MILLISECOND,
                                      .flush_interval_us = 10 * G_TIME_SPAN_MILLISECOND };
  if (fd == NULL)
    return FALSE;
  if (!g_ascii_string_to_unsigned (fd, 10, 0, G_MAXINT, &number, error))
    {
      g_prefix_error (error, "%s: ", MUSTER_ENV_JOURNAL_FD);
      return FALSE;
    }
  environment->journal_fd = (int) number;
  if (level != NULL && !muster_level_from_string (level, &environment->level))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s: \"%s\" is no level", MUSTER_ENV_LEVEL, level);
      return FALSE;
    }
  if (!read_duration (MUSTER_ENV_BLOCK_TIMEOUT, &environment->block_timeout_us, error)
      || !read_duration (MUSTER_ENV_FLUSH_INTERVAL, &environment->flush_interval_us, error))
    return FALSE;
  metrics = muster_environment_read_metrics (&wrong);
  if (wrong != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&wrong));
      return FALSE;
    }
  environment->worker = g_strdup (worker);
  environment->endpoint = g_strdup (endpoint);
  return TRUE;
}

void
muster_environment_clear (MusterEnvironment *environment)
{
  g_clear_pointer (&environment->worker, g_free);
  g_clear_pointer (&environment->endpoint, g_free);
}

void
muster_environment_unset (void)
{
  static const char *const names[] = { MUSTER_ENV_PID,   MUSTER_ENV_ENDPOINT,      MUSTER_ENV_JOURNAL_FD,
                                       MUSTER_ENV_LEVEL, MUSTER_ENV_BLOCK_TIMEOUT, MUSTER_ENV_FLUSH_INTERVAL };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
  for (guint i = 0; i < MUSTER_METRICS_N_MAX; i++)
    {
      g_autofree char *name = muster_environment_get_metrics_variable (i);

      g_unsetenv (name);
    }
}

/* -- metrics -------------------------------------------------------------------------------------- */

char *
muster_environment_get_metrics_variable (guint i)
{
  return i == 0 ? g_strdup (MUSTER_ENV_METRICS) : g_strdup_printf (MUSTER_ENV_METRICS "_%u", i);
}

GPtrArray *
muster_environment_read_metrics (GError **error)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_metrics_options_free);
  gboolean is_worker = muster_environment_is_worker ();

  for (guint i = 0; i == 0 || (is_worker && i < MUSTER_METRICS_N_MAX); i++)
    {
      g_autofree char *variable = muster_environment_get_metrics_variable (i);
      const char *text = is_worker ? g_getenv (variable) : NULL;
      MusterMetricsOptions options;

      if (text == NULL && i > 0)
        break;
      if (muster_metrics_options_from_string (text != NULL ? text : "", &options,
                                              error != NULL && *error == NULL ? error : NULL)
          || i == 0)
        g_ptr_array_add (all, g_memdup2 (&options, sizeof options));
      else
        g_free (options.name);
    }
  return all;
}
