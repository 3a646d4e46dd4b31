/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-enums.h"
#include "muster-param.h"
#include "muster-worker-group-private.h"

#include <string.h>
#include <unistd.h>

static void
test_defaults (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  g_autofree char *name = NULL;
  g_autofree char *exec = NULL;
  guint instances = 0, limit = 0;
  gint64 delay = 0, delay_max = 0, window = 0, stop = 0, block = 0, flush = 0;
  guint64 journal = 0, nofile = 0;
  MusterRestartPolicy restart = MUSTER_RESTART_NO;
  MusterLevel level = MUSTER_LEVEL_DEBUG, out = MUSTER_LEVEL_NONE, err = MUSTER_LEVEL_NONE;

  g_object_get (group, "name", &name, "exec", &exec, "instances", &instances, "restart", &restart, "restart-delay",
                &delay, "restart-delay-max", &delay_max, "restart-limit", &limit, "restart-window", &window,
                "stop-timeout", &stop, "journal-size", &journal, "block-timeout", &block, "flush-interval", &flush,
                "level", &level, "capture-stdout-level", &out, "capture-stderr-level", &err, "limit-nofile", &nofile,
                NULL);
  g_assert_cmpstr (name, ==, "web");
  g_assert_cmpstr (muster_worker_group_get_name (group), ==, "web");
  g_assert_cmpstr (exec, ==, "true");
  g_assert_cmpuint (instances, ==, 1);
  g_assert_cmpint (restart, ==, MUSTER_RESTART_ON_FAILURE);
  g_assert_cmpint (delay, ==, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (delay_max, ==, 30 * G_TIME_SPAN_SECOND);
  g_assert_cmpuint (limit, ==, 5);
  g_assert_cmpint (window, ==, G_TIME_SPAN_MINUTE);
  g_assert_cmpint (stop, ==, 10 * G_TIME_SPAN_SECOND);
  g_assert_cmpuint (journal, ==, 4 * 1024 * 1024);
  g_assert_cmpint (block, ==, 100 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (flush, ==, 10 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (level, ==, MUSTER_LEVEL_NONE);
  g_assert_cmpint (out, ==, MUSTER_LEVEL_INFO);
  g_assert_cmpint (err, ==, MUSTER_LEVEL_WARNING);
  g_assert_cmpuint (nofile, ==, G_MAXUINT64);
}

static void
test_properties_round_trip (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  const char *const environment[] = { "A=1", "B=", NULL };
  g_auto (GStrv) back = NULL;
  g_autofree char *unix_group = NULL;
  g_autofree GParamSpec **specs = NULL;
  guint n = 0;
  guint64 core = 0;

  g_object_set (group, "environment", environment, "group", "daemon", "limit-core", (guint64) 4096, NULL);
  g_object_get (group, "environment", &back, "group", &unix_group, "limit-core", &core, NULL);
  g_assert_cmpstrv (back, environment);
  g_assert_cmpstr (unix_group, ==, "daemon");
  g_assert_cmpuint (core, ==, 4096);
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (group), &n);
  for (guint i = 0; i < n; i++)
    g_assert_nonnull (g_param_spec_get_blurb (specs[i])); /* they are the documentation of the keyfile */
}

/* What is wrong is named by its property. */
static void
assert_wrong (const char *key, const char *value, const char *property, MusterError code, const char *message)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  g_object_set (group, key, value, NULL);
  g_assert_false (muster_worker_group_check (group, &wrong, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  g_assert_cmpstr (wrong, ==, property);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_check (void)
{
  g_autoptr (MusterWorkerGroup) good = muster_worker_group_new ("web", "sh -c 'exit 0'");
  g_autoptr (MusterWorkerGroup) nameless = muster_worker_group_new ("a/b", "true");
  g_autoptr (GError) error = NULL;
  const char *wrong = "x";

  g_assert_true (muster_worker_group_check (good, &wrong, &error));
  g_assert_no_error (error);
  g_assert_null (wrong);
  g_assert_false (muster_worker_group_check (nameless, &wrong, &error));
  g_assert_cmpstr (wrong, ==, "name");

  assert_wrong ("exec", NULL, "exec", MUSTER_ERROR_INVALID, "a worker needs a program to execute");
  assert_wrong ("exec", "/nonexistent/x --port", "exec", MUSTER_ERROR_NOT_FOUND,
                "/nonexistent/x: No such file or directory");
  assert_wrong ("exec", "no-such-program-at-all", "exec", MUSTER_ERROR_NOT_FOUND,
                "no-such-program-at-all: no such program in PATH");
  assert_wrong ("exec", "/etc/passwd", "exec", MUSTER_ERROR_INVALID, "/etc/passwd: is not executable");
  assert_wrong ("directory", "/nonexistent", "directory", MUSTER_ERROR_NOT_FOUND,
                "/nonexistent: No such file or directory");
  assert_wrong ("directory", "/etc/passwd", "directory", MUSTER_ERROR_INVALID, "/etc/passwd: is not a directory");
  assert_wrong ("user", "no-such-user", "user", MUSTER_ERROR_NOT_FOUND,
                "there is no user \"no-such-user\" on this machine");
  assert_wrong ("group", "no-such-group", "group", MUSTER_ERROR_NOT_FOUND,
                "there is no group \"no-such-group\" on this machine");
  assert_wrong ("umask", "089", "umask", MUSTER_ERROR_INVALID,
                "\"089\" is no file mode creation mask: three octal digits like 027 are");
}

static void
test_check_quotes (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "sh -c 'exit 0");
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  g_assert_false (muster_worker_group_check (group, &wrong, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_cmpstr (wrong, ==, "exec");
}

static void
test_check_environment (void)
{
  const char *const bad[] = { "A=1", "B", NULL };
  const char *const reserved[] = { "MUSTER_PID=1", NULL };
  const char *const plugins[] = { "MUSTER_PLUGIN_PATH=/x", NULL };
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  g_object_set (group, "environment", bad, NULL);
  g_assert_false (muster_worker_group_check (group, &wrong, &error));
  g_assert_cmpstr (wrong, ==, "environment");
  g_assert_cmpstr (error->message, ==, "\"B\" is not NAME=VALUE");
  g_clear_error (&error);
  g_object_set (group, "environment", reserved, NULL);
  g_assert_false (muster_worker_group_check (group, &wrong, &error));
  g_clear_error (&error);
  g_object_set (group, "environment", plugins, NULL);
  g_assert_true (muster_worker_group_check (group, &wrong, &error));
}

static void
test_check_delays (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  g_object_set (group, "restart-delay", (gint64) 2000000, "restart-delay-max", (gint64) 1000000, NULL);
  g_assert_false (muster_worker_group_check (group, &wrong, &error));
  g_assert_cmpstr (wrong, ==, "restart-delay-max");
}

static void
test_command (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "sh -c 'echo \"a b\"' last");
  g_autoptr (MusterWorkerCommand) command = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (group, "directory", "/usr", "umask", "027", "limit-nofile", (guint64) 99, NULL);
  command = muster_worker_command_new (group, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_path_is_absolute (command->program));
  g_assert_cmpuint (g_strv_length (command->argv), ==, 4);
  g_assert_cmpstr (command->argv[2], ==, "echo \"a b\"");
  g_assert_cmpstr (command->directory, ==, "/usr");
  g_assert_cmpint (command->umask, ==, 027);
  g_assert_cmpuint (command->n_limits, ==, 1);
  g_assert_cmpint (command->limits[0].resource, ==, RLIMIT_NOFILE);
  g_assert_cmpuint (command->limits[0].limit.rlim_max, ==, 99);
  g_assert_false (command->change_user);
}

static void
test_command_user (void)
{
  g_autoptr (MusterWorkerGroup) group = muster_worker_group_new ("web", "true");
  g_autoptr (MusterWorkerCommand) command = NULL;
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  g_object_set (group, "user", "nobody", NULL);
  command = muster_worker_command_new (group, &wrong, &error);
  if (geteuid () != 0)
    {
      g_assert_null (command);
      g_assert_cmpstr (wrong, ==, "user");
      g_assert_cmpstr (error->message, ==, "only root can start workers as nobody");
      return;
    }
  g_assert_no_error (error);
  g_assert_true (command->change_user);
  g_assert_cmpuint (command->uid, !=, 0);
  g_assert_cmpuint (command->n_groups, >=, 1);
  g_assert_cmpuint (command->groups[0], ==, command->gid);
  g_assert_cmpstr (command->user_name, ==, "nobody");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/worker-group/defaults", test_defaults);
  g_test_add_func ("/worker-group/properties", test_properties_round_trip);
  g_test_add_func ("/worker-group/check", test_check);
  g_test_add_func ("/worker-group/check/quotes", test_check_quotes);
  g_test_add_func ("/worker-group/check/environment", test_check_environment);
  g_test_add_func ("/worker-group/check/delays", test_check_delays);
  g_test_add_func ("/worker-group/command", test_command);
  g_test_add_func ("/worker-group/command/user", test_command_user);
  return g_test_run ();
}
