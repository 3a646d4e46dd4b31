/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Objects from names: which plugins there are, and the GType behind a name in a keyfile. Directories are looked through
 * once, at construction, without running anything; a module is loaded when somebody asks for one of its types, or for
 * the list. Owned by one thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "muster-loader-private.h"
#include "muster-nearest-private.h"

struct _MusterRegistry
{
  GObject parent_instance;

  GPtrArray *plugins;   /* owned, of MusterPlugin: in the order of directory, then file name */
  GHashTable *files;    /* owned: file names seen, so that an earlier directory hides a later one's, as in PATH */
  GHashTable *by_name;  /* owned: plugin name to borrowed MusterPlugin */
  GHashTable *by_types; /* owned: "kind name" to borrowed MusterPlugin */
};

G_DEFINE_FINAL_TYPE (MusterRegistry, muster_registry, G_TYPE_OBJECT)

static void
muster_registry_finalize (GObject *object)
{
  MusterRegistry *self = MUSTER_REGISTRY (object);

  g_hash_table_unref (self->by_types);
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->files);
  g_ptr_array_unref (self->plugins);
  G_OBJECT_CLASS (muster_registry_parent_class)->finalize (object);
}

static void
muster_registry_class_init (MusterRegistryClass *class)
{
  G_OBJECT_CLASS (class)->finalize = muster_registry_finalize;
}

static void
muster_registry_init (MusterRegistry *self)
{
  self->plugins = g_ptr_array_new_with_free_func ((GDestroyNotify) muster_plugin_unref);
  self->files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_types = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static char *
type_key (guint kind, const char *name)
{
  return g_strdup_printf ("%s %s", muster_loader_kind_name (kind), name);
}

/* A second plugin of a name, or with a type that is taken: refused as a whole. */
static GError *
find_duplicate (MusterRegistry *self, MusterPlugin *plugin)
{
  MusterPlugin *other = g_hash_table_lookup (self->by_name, plugin->name);
  g_autoptr (GHashTable) own = NULL;

  if (other != NULL)
    return g_error_new (MUSTER_ERROR, MUSTER_ERROR_EXISTS, "a plugin named '%s' is there already: %s", plugin->name,
                        other->path);
  own = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < plugin->promise.types->len; i++)
    {
      const MusterElfType *type = &g_array_index (plugin->promise.types, MusterElfType, i);
      char *key = type_key (type->kind, type->name);

      other = g_hash_table_lookup (self->by_types, key);
      if (!g_hash_table_add (own, key))
        other = plugin;
      if (other != NULL)
        return g_error_new (MUSTER_ERROR, MUSTER_ERROR_EXISTS, "a %s named '%s' is there already: %s",
                            muster_loader_kind_name (type->kind), type->name, other->path);
    }
  return NULL;
}

static void
add_plugin (MusterRegistry *self, MusterPlugin *plugin)
{
  g_ptr_array_add (self->plugins, plugin);
  if (plugin->error == NULL)
    plugin->error = find_duplicate (self, plugin);
  if (plugin->error != NULL)
    return;
  g_hash_table_insert (self->by_name, plugin->name, plugin);
  for (guint i = 0; i < plugin->promise.types->len; i++)
    {
      const MusterElfType *type = &g_array_index (plugin->promise.types, MusterElfType, i);

      g_hash_table_insert (self->by_types, type_key (type->kind, type->name), plugin);
    }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* A directory that is not there is no error: it may come with the first plugin. */
static void
scan_directory (MusterRegistry *self, const char *path)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &error);
  const char *name;

  if (directory == NULL)
    {
      const MusterElfDescriptor nothing = { 0 };

      if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        add_plugin (self, muster_plugin_new (path, &nothing,
                                             g_error_new (MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "%s", error->message)));
      return;
    }
  while ((name = g_dir_read_name (directory)) != NULL)
    if (g_str_has_suffix (name, ".so"))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      name = g_ptr_array_index (names, i);
      if (g_hash_table_add (self->files, g_strdup (name)))
        {
          g_autofree char *file = g_build_filename (path, name, NULL);

          add_plugin (self, muster_loader_inspect (file));
        }
    }
}

/* The environment is not asked where the process has more rights than who started it (secure_getenv(3), AT_SECURE). */
static void
scan_default_directories (MusterRegistry *self)
{
  const char *path = secure_getenv ("MUSTER_PLUGIN_PATH");
  g_auto (GStrv) directories = g_strsplit (path != NULL ? path : "", ":", -1);

  for (guint i = 0; directories[i] != NULL; i++)
    if (*directories[i] != '\0')
      scan_directory (self, directories[i]);
  scan_directory (self, MUSTER_PLUGIN_DIR);
}

/**
 * muster_registry_new:
 * @directories: (array zero-terminated=1) (nullable): where to look for `*.so`, best first; %NULL for the directories
 *   in the environment variable `MUSTER_PLUGIN_PATH`, separated by colons, then Muster's own
 *
 * Finds plugins. A file in an earlier directory hides one of the same file name in a later one. Nothing fails here: what
 * is wrong with a plugin is kept with it.
 *
 * Returns: (transfer full): a registry
 * Since: 0.1
 */
MusterRegistry *
muster_registry_new (const char *const *directories)
{
  MusterRegistry *self = g_object_new (MUSTER_TYPE_REGISTRY, NULL);

  if (directories == NULL)
    scan_default_directories (self);
  else
    for (; *directories != NULL; directories++)
      scan_directory (self, *directories);
  return self;
}

/**
 * muster_registry_get_default:
 *
 * The registry of the default directories, made at the first call. To be used by one thread, the main one.
 *
 * Returns: (transfer none): the registry
 * Since: 0.1
 */
MusterRegistry *
muster_registry_get_default (void)
{
  static MusterRegistry *registry = NULL;

  if (g_once_init_enter (&registry))
    g_once_init_leave (&registry, muster_registry_new (NULL));
  return registry;
}

/**
 * muster_registry_list_plugins:
 * @self: a registry
 *
 * Loads all plugins that were found, and lists them: usable and broken ones, in the order in which they were found.
 *
 * Returns: (transfer container) (element-type MusterPlugin): the plugins
 * Since: 0.1
 */
GPtrArray *
muster_registry_list_plugins (MusterRegistry *self)
{
  GPtrArray *plugins;

  g_return_val_if_fail (MUSTER_IS_REGISTRY (self), NULL);

  plugins = g_ptr_array_new_full (self->plugins->len, (GDestroyNotify) muster_plugin_unref);
  for (guint i = 0; i < self->plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (self->plugins, i);

      muster_loader_load (plugin);
      g_ptr_array_add (plugins, muster_plugin_ref (plugin));
    }
  return plugins;
}

/* The names of a kind's types, sorted; of plugins that can be used or, without @load, of those that may be. */
static GStrv
list_types (MusterRegistry *self, MusterPluginKind kind, gboolean load)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < self->plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (self->plugins, i);

      if (plugin->error != NULL || (load && !muster_loader_load (plugin)))
        continue;
      for (guint j = 0; j < plugin->promise.types->len; j++)
        {
          const MusterElfType *type = &g_array_index (plugin->promise.types, MusterElfType, j);

          if (type->kind == (guint32) kind)
            g_ptr_array_add (names, g_strdup (type->name));
        }
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (GStrv) g_ptr_array_free (names, FALSE);
}

/**
 * muster_registry_list_types:
 * @self: a registry
 * @kind: a kind
 *
 * Loads all plugins that were found, and lists what a keyfile's `type=` may say for @kind.
 *
 * Returns: (transfer full): the names, sorted
 * Since: 0.1
 */
GStrv
muster_registry_list_types (MusterRegistry *self, MusterPluginKind kind)
{
  g_return_val_if_fail (MUSTER_IS_REGISTRY (self), NULL);
  return list_types (self, kind, TRUE);
}

/* A plugin that would have had the type if it were not broken: because it says so, or by its name. */
static MusterPlugin *
find_broken (MusterRegistry *self, MusterPluginKind kind, const char *name)
{
  for (guint i = 0; i < self->plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (self->plugins, i);

      if (plugin->error == NULL)
        continue;
      if (plugin->promise.types == NULL && strcmp (plugin->name, name) == 0)
        return plugin;
      for (guint j = 0; plugin->promise.types != NULL && j < plugin->promise.types->len; j++)
        {
          const MusterElfType *type = &g_array_index (plugin->promise.types, MusterElfType, j);

          if (type->kind == (guint32) kind && strcmp (type->name, name) == 0)
            return plugin;
        }
    }
  return NULL;
}

/* NOT_FOUND means that nobody offers the name. */
static int
code_of (const GError *error)
{
  return error->domain == MUSTER_ERROR && error->code != MUSTER_ERROR_NOT_FOUND ? error->code : MUSTER_ERROR_FAILED;
}

static void
set_unknown (MusterRegistry *self, MusterPluginKind kind, const char *name, GError **error)
{
  g_auto (GStrv) names = list_types (self, kind, FALSE);
  g_autofree char *installed = g_strjoinv (", ", names);
  const char *nearest = muster_nearest (name, (const char *const *) names);

  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "there is no %s '%s'%s%s%s; installed: %s",
               muster_loader_kind_name (kind), name, nearest != NULL ? ", did you mean '" : "",
               nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "", *installed != '\0' ? installed : "none");
}

/* The plugin that offers the name, loaded; NULL with an error if there is none, or if it is broken. */
static MusterPlugin *
find_usable (MusterRegistry *self, MusterPluginKind kind, const char *name, GError **error)
{
  g_autofree char *key = type_key (kind, name);
  MusterPlugin *plugin = g_hash_table_lookup (self->by_types, key);

  if (plugin != NULL && muster_loader_load (plugin))
    return plugin;
  if (plugin == NULL)
    plugin = find_broken (self, kind, name);
  if (plugin != NULL)
    g_set_error (error, MUSTER_ERROR, code_of (plugin->error), "the plugin for the %s '%s' is broken: %s: %s",
                 muster_loader_kind_name (kind), name, plugin->path, plugin->error->message);
  else
    set_unknown (self, kind, name, error);
  return NULL;
}

/**
 * muster_registry_lookup:
 * @self: a registry
 * @kind: a kind
 * @name: what a keyfile's `type=` says
 * @error: where to say what is wrong
 *
 * Finds the GType for a name and loads its plugin if that has not been done.
 *
 * Returns: the type; %G_TYPE_INVALID with %MUSTER_ERROR_NOT_FOUND, which names the nearest known one, if nobody offers
 *   @name; another code with the reason of the plugin that would, if that is broken
 * Since: 0.1
 */
GType
muster_registry_lookup (MusterRegistry *self, MusterPluginKind kind, const char *name, GError **error)
{
  MusterPlugin *plugin;

  g_return_val_if_fail (MUSTER_IS_REGISTRY (self), G_TYPE_INVALID);
  g_return_val_if_fail (muster_loader_kind_name (kind) != NULL && name != NULL, G_TYPE_INVALID);
  g_return_val_if_fail (kind != MUSTER_PLUGIN_METRIC, G_TYPE_INVALID);

  plugin = find_usable (self, kind, name, error);
  return plugin != NULL ? muster_loader_get_type (plugin, kind, name) : G_TYPE_INVALID;
}

/**
 * muster_registry_lookup_metric_kind: (skip)
 * @self: a registry
 * @name: the kind's name
 * @error: where to say what is wrong
 *
 * Finds a kind of metric and loads its plugin if that has not been done: what a worker calls that measures with it,
 * and what a primary does for each name in its keyfile's `metric-kinds`. From then on muster_metric_kind_find() finds it too.
 *
 * Returns: (transfer none) (nullable): the kind; %NULL as muster_registry_lookup() tells
 * Since: 0.1
 */
const MusterMetricKind *
muster_registry_lookup_metric_kind (MusterRegistry *self, const char *name, GError **error)
{
  g_return_val_if_fail (MUSTER_IS_REGISTRY (self) && name != NULL, NULL);
  return find_usable (self, MUSTER_PLUGIN_METRIC, name, error) != NULL ? muster_metric_kind_find (name) : NULL;
}
