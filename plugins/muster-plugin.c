/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module that was found: usable, or broken with its reason. Any thread may hold and read one.
 */
#include "config.h"

#include "muster-boxed-private.h"
#include "muster-plugin-private.h"

MUSTER_DEFINE_BOXED_TYPE (MusterPlugin, muster_plugin)

static char *
name_of_file (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, ".so"))
    name[strlen (name) - strlen (".so")] = '\0';
  return g_steal_pointer (&name);
}

/* Takes what is in @promise over, and @error. */
MusterPlugin *
muster_plugin_new (const char *path, const MusterElfDescriptor *promise, GError *error)
{
  MusterPlugin *plugin = g_new0 (MusterPlugin, 1);

  g_atomic_ref_count_init (&plugin->references);
  plugin->path = g_strdup (path);
  plugin->promise = *promise;
  plugin->name = promise->name != NULL && *promise->name != '\0' ? g_strdup (promise->name) : name_of_file (path);
  plugin->error = error;
  return plugin;
}

void
muster_plugin_break (MusterPlugin *plugin, GError *error)
{
  g_clear_error (&plugin->error);
  plugin->error = error;
  plugin->descriptor = NULL;
}

/**
 * muster_plugin_ref:
 * @plugin: a plugin
 *
 * Returns: (transfer full): @plugin
 * Since: 0.1
 */
MusterPlugin *
muster_plugin_ref (MusterPlugin *plugin)
{
  g_atomic_ref_count_inc (&plugin->references);
  return plugin;
}

/**
 * muster_plugin_unref:
 * @plugin: (transfer full): a plugin
 *
 * Gives a reference back. The module stays loaded: modules are resident.
 *
 * Since: 0.1
 */
void
muster_plugin_unref (MusterPlugin *plugin)
{
  if (!g_atomic_ref_count_dec (&plugin->references))
    return;
  g_clear_error (&plugin->error);
  muster_elf_descriptor_clear (&plugin->promise);
  g_free (plugin->name);
  g_free (plugin->path);
  g_free (plugin);
}

/**
 * muster_plugin_get_name:
 * @plugin: a plugin
 *
 * Returns: (transfer none): its name; of a plugin that is too broken to tell, its file's name without `.so`
 * Since: 0.1
 */
const char *
muster_plugin_get_name (MusterPlugin *plugin)
{
  return plugin->name;
}

/**
 * muster_plugin_get_path:
 * @plugin: a plugin
 *
 * Returns: (transfer none): where its file lies
 * Since: 0.1
 */
const char *
muster_plugin_get_path (MusterPlugin *plugin)
{
  return plugin->path;
}

/**
 * muster_plugin_get_problem:
 * @plugin: a plugin
 *
 * Returns: (transfer none) (nullable): why it cannot be used; %NULL if it can
 * Since: 0.1
 */
const char *
muster_plugin_get_problem (MusterPlugin *plugin)
{
  return plugin->error != NULL ? plugin->error->message : NULL;
}

/**
 * muster_plugin_get_descriptor: (skip)
 * @plugin: a plugin
 *
 * Returns: (transfer none) (nullable): what the module exports; %NULL for a broken plugin
 * Since: 0.1
 */
const MusterPluginDescriptor *
muster_plugin_get_descriptor (MusterPlugin *plugin)
{
  return plugin->descriptor;
}
