/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a group says, made ready for exec: programs and users looked up, text parsed, before anything is started, so
 * that a mistake is an error with the property's name and not a worker that never comes up. Any one thread.
 */
#include "config.h"

#include "muster-worker-group-private.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int resources[MUSTER_WORKER_GROUP_N_LIMITS] = {
  RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_AS, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_STACK, RLIMIT_CPU,
};

typedef struct
{
  uid_t uid;
  gid_t gid;
  char *name; /* owned; nullable, like home */
  char *home;
} User;

static gboolean set_invalid (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
set_invalid (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (MUSTER_ERROR, MUSTER_ERROR_INVALID, format, args));
  va_end (args);
  return FALSE;
}

static gboolean
set_not_found (GError **error, const char *what, const char *name)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "there is no %s \"%s\" on this machine", what, name);
  return FALSE;
}

static gboolean
is_number (const char *text, guint *number)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32 - 1, &value, NULL))
    return FALSE;
  *number = (guint) value;
  return TRUE;
}

/* @text: (nullable): a name or a number; NULL is who we are. */
static gboolean
look_up_user (const char *text, User *user, GError **error)
{
  struct passwd entry, *found = NULL;
  char buffer[16384];
  guint number = 0;

  if (text == NULL)
    getpwuid_r (geteuid (), &entry, buffer, sizeof buffer, &found);
  else if (is_number (text, &number))
    getpwuid_r (number, &entry, buffer, sizeof buffer, &found);
  else
    getpwnam_r (text, &entry, buffer, sizeof buffer, &found);
  if (found == NULL && text != NULL)
    return set_not_found (error, "user", text);
  *user = (User){ .uid = geteuid (), .gid = getegid () };
  if (found != NULL && text != NULL)
    *user = (User){ .uid = found->pw_uid, .gid = found->pw_gid };
  user->name = found != NULL ? g_strdup (found->pw_name) : NULL;
  user->home = found != NULL ? g_strdup (found->pw_dir) : NULL;
  return TRUE;
}

static gboolean
look_up_group (const char *text, gid_t *gid, GError **error)
{
  struct group entry, *found = NULL;
  g_autofree char *buffer = g_malloc (65536);
  guint number = 0;

  if (is_number (text, &number))
    {
      *gid = number;
      return TRUE;
    }
  getgrnam_r (text, &entry, buffer, 65536, &found);
  if (found == NULL)
    return set_not_found (error, "group", text);
  *gid = found->gr_gid;
  return TRUE;
}

/* What initgroups(3) would set, which allocates and so cannot be called after the fork. */
static void
look_up_supplementary (MusterWorkerCommand *command)
{
  int n = 64;

  if (command->user_name == NULL)
    {
      command->groups = g_memdup2 (&command->gid, sizeof command->gid);
      command->n_groups = 1;
      return;
    }
  command->groups = g_new (gid_t, n);
  while (getgrouplist (command->user_name, command->gid, command->groups, &n) < 0)
    command->groups = g_renew (gid_t, command->groups, n);
  command->n_groups = (gsize) n;
}

static gboolean
prepare_user (MusterWorkerCommand *command, MusterWorkerGroup *group, const char **property, GError **error)
{
  User user = { .name = NULL };

  if (group->user == NULL && group->unix_group == NULL)
    return TRUE;
  *property = "user";
  if (!look_up_user (group->user, &user, error))
    return FALSE;
  command->user_name = user.name;
  command->home = user.home;
  command->uid = user.uid;
  command->gid = user.gid;
  if (group->unix_group != NULL)
    {
      *property = "group";
      if (!look_up_group (group->unix_group, &command->gid, error))
        return FALSE;
    }
  if (command->uid == geteuid () && command->gid == getegid ())
    return TRUE; /* who we are already */
  if (geteuid () != 0)
    return set_invalid (error, "only root can start workers as %s",
                        group->user != NULL ? group->user : group->unix_group);
  command->change_user = TRUE;
  look_up_supplementary (command);
  return TRUE;
}

static gboolean
prepare_directory (MusterWorkerCommand *command, MusterWorkerGroup *group, GError **error)
{
  struct stat info;

  if (group->directory == NULL)
    return TRUE;
  if (stat (group->directory, &info) != 0)
    {
      g_set_error (error, MUSTER_ERROR, errno == ENOENT ? MUSTER_ERROR_NOT_FOUND : MUSTER_ERROR_INVALID, "%s: %s",
                   group->directory, g_strerror (errno));
      return FALSE;
    }
  if (!S_ISDIR (info.st_mode))
    return set_invalid (error, "%s: is not a directory", group->directory);
  command->directory = g_canonicalize_filename (group->directory, NULL);
  return TRUE;
}

static gboolean
prepare_program (MusterWorkerCommand *command, MusterWorkerGroup *group, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (group->exec == NULL)
    return set_invalid (error, "a worker needs a program to execute");
  if (!g_shell_parse_argv (group->exec, NULL, &command->argv, &problem))
    return set_invalid (error, "%s", problem->message);
  command->program = muster_spawn_find_program (command->argv[0], command->directory, error);
  return command->program != NULL;
}

static gboolean
prepare_umask (MusterWorkerCommand *command, MusterWorkerGroup *group, GError **error)
{
  guint64 value;

  if (group->umask == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (group->umask, 8, 0, 0777, &value, NULL))
    return set_invalid (error, "\"%s\" is no file mode creation mask: three octal digits like 027 are", group->umask);
  command->umask = (int) value;
  return TRUE;
}

static gboolean
check_environment (MusterWorkerGroup *group, GError **error)
{
  for (char **v = group->environment; v != NULL && *v != NULL; v++)
    {
      const char *equals = strchr (*v, '=');

      if (equals == NULL || equals == *v)
        return set_invalid (error, "\"%s\" is not NAME=VALUE", *v);
      if (g_str_has_prefix (*v, "MUSTER_") && !g_str_has_prefix (*v, "MUSTER_PLUGIN_PATH="))
        return set_invalid (error, "\"%s\": variables that begin with MUSTER_ are set by the primary", *v);
    }
  return TRUE;
}

static void
prepare_limits (MusterWorkerCommand *command, MusterWorkerGroup *group)
{
  for (gsize i = 0; i < G_N_ELEMENTS (resources); i++)
    if (group->limits[i] != G_MAXUINT64)
      command->limits[command->n_limits++] = (MusterSpawnLimit){ resources[i], { group->limits[i], group->limits[i] } };
}

MusterWorkerCommand *
muster_worker_command_new (MusterWorkerGroup *group, const char **property, GError **error)
{
  g_autoptr (MusterWorkerCommand) command = g_new0 (MusterWorkerCommand, 1);
  const char *ignored = NULL;

  if (property == NULL)
    property = &ignored;
  command->umask = -1;
  *property = "directory";
  if (!prepare_directory (command, group, error))
    return NULL;
  *property = "exec";
  if (!prepare_program (command, group, error))
    return NULL;
  if (!prepare_user (command, group, property, error))
    return NULL;
  *property = "environment";
  if (!check_environment (group, error))
    return NULL;
  *property = "umask";
  if (!prepare_umask (command, group, error))
    return NULL;
  *property = "restart-delay-max";
  if (group->restart_delay_max_us < group->restart_delay_us)
    {
      set_invalid (error, "restart-delay-max is shorter than restart-delay");
      return NULL;
    }
  *property = NULL;
  prepare_limits (command, group);
  return g_steal_pointer (&command);
}

void
muster_worker_command_free (MusterWorkerCommand *command)
{
  g_free (command->program);
  g_strfreev (command->argv);
  g_free (command->directory);
  g_free (command->groups);
  g_free (command->user_name);
  g_free (command->home);
  g_free (command);
}
