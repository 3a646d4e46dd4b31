/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a keyfile to a cluster: every group becomes an object, every key a property of it. One mistake is one problem,
 * and all of them are found: a group that cannot be built does not keep the others from being checked. Owned by one
 * thread.
 */
#include "config.h"

#include <string.h>

#include "muster-cluster-file.h"
#include "muster-cluster-private.h"
#include "muster-cluster-builder-private.h"
#include "muster-metrics-group-private.h"
#include "muster-nearest-private.h"

#define NAME_LENGTH_MAX 63

typedef MusterClusterBuilder Builder;
typedef MusterKeyfileGroup Group;
typedef MusterKeyfileEntry Entry;

static void build_worker (Builder *builder, const Group *group);
static void build_metrics (Builder *builder, const Group *group);
static void build_transport (Builder *builder, const Group *group);
static void build_source (Builder *builder, const Group *group);

/* In the order in which they are built: transports need formats, which need themes. [muster] comes before. */
static const struct
{
  const char *kind;
  void (*build) (Builder *builder, const Group *group);
} kinds[] = {
  { "theme", muster_cluster_builder_build_theme },
  { "format", muster_cluster_builder_build_format },
  { "worker", build_worker },
  { "metrics", build_metrics },
  { "transport", build_transport },
  { "source", build_source },
};

/* -- the form of groups --------------------------------------------------------------------------- */

static gboolean
is_name (const char *name)
{
  gsize length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-");

  return length > 0 && length <= NAME_LENGTH_MAX && name[length] == '\0' && *name != '.';
}

/* Whether an object may be made of the group; its keys are checked in any case. */
static gboolean
is_usable (const Group *group)
{
  return !group->duplicate && is_name (group->name);
}

static const char *
nearest_kind (const char *kind)
{
  const char *names[G_N_ELEMENTS (kinds) + 2] = { "muster" };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    names[i + 1] = kinds[i].kind;
  return muster_nearest (kind, names);
}

static gboolean
is_kind (const char *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].kind, kind) == 0)
      return TRUE;
  return FALSE;
}

static void
check_form (Builder *builder, const Group *group)
{
  const char *nearest;

  if (strcmp (group->kind, "muster") == 0)
    {
      if (group->name != NULL)
        muster_cluster_builder_add_problem (builder, group, NULL, "this group has no name; expected [muster]");
    }
  else if (!is_kind (group->kind))
    {
      nearest = nearest_kind (group->kind);
      muster_problems_add (builder->problems, group->file, group->line, group->label, NULL,
                           "unknown kind of group%s%s%s; expected one of muster, worker, metrics, format, theme, "
                           "transport, source",
                           nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                           nearest != NULL ? "'?" : "");
    }
  else if (group->name == NULL)
    muster_problems_add (builder->problems, group->file, group->line, group->label, NULL,
                         "the group has no name; expected [%s NAME]", group->kind);
  else if (!is_name (group->name))
    muster_problems_add (builder->problems, group->file, group->line, group->label, NULL,
                         "'%s' is not a name; expected 1 to %d letters, digits, '.', '_' and '-', the first not a dot",
                         group->name, NAME_LENGTH_MAX);
}

/* -- [muster] -------------------------------------------------------------------------------------- */

/* shop.conf is the cluster shop, unless it says otherwise. */
static char *
default_name (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, ".conf"))
    name[strlen (name) - strlen (".conf")] = '\0';
  return is_name (name) ? g_steal_pointer (&name) : g_strdup ("muster");
}

static void
build_cluster (Builder *builder, const char *path)
{
  static const char *const special[] = { "include", "metric-kinds", "name", NULL };
  g_autoptr (MusterObjectConfig) config = muster_object_config_new (MUSTER_TYPE_CLUSTER);
  g_autofree char *name = default_name (path);
  gboolean good = TRUE;

  muster_object_config_set_text (config, "name", name);
  for (guint i = 0; i < builder->keyfile->groups->len; i++)
    {
      const Group *group = g_ptr_array_index (builder->keyfile->groups, i);
      const Entry *entry;

      if (strcmp (group->kind, "muster") != 0 || group->name != NULL)
        continue;
      good = muster_cluster_builder_fill (builder, group, config, special) && good;
      good = muster_cluster_builder_load_kinds (builder, group) && good;
      entry = muster_keyfile_group_find (group, "name");
      if (entry != NULL && entry->value != NULL && !is_name (entry->value))
        {
          muster_cluster_builder_add_problem (
              builder, group, entry,
              "not a name; expected 1 to 63 letters, digits, '.', '_' and '-', the first not a dot");
          good = FALSE;
        }
    }
  if (good)
    builder->cluster = MUSTER_CLUSTER (muster_object_config_create (config));
}

/* -- [worker NAME] and [metrics NAME] -------------------------------------------------------------- */

static void
build_worker (Builder *builder, const Group *group)
{
  g_autoptr (MusterObjectConfig) config = muster_object_config_new (MUSTER_TYPE_WORKER_GROUP);
  g_autoptr (MusterWorkerGroup) worker = NULL;
  g_autoptr (GError) error = NULL;
  const char *key = NULL;
  gboolean good = muster_cluster_builder_fill (builder, group, config, NULL);

  builder->n_groups++;
  if (muster_keyfile_group_find (group, "exec") == NULL)
    {
      muster_cluster_builder_add_missing (builder, group, "exec", "the program and its arguments");
      return;
    }
  if (!good || !is_usable (group))
    return;
  muster_object_config_set_text (config, "name", group->name);
  worker = MUSTER_WORKER_GROUP (muster_object_config_create (config));
  if (!muster_worker_group_check (worker, &key, &error))
    muster_cluster_builder_add_error (builder, group, key, error);
  else if (builder->cluster != NULL)
    muster_cluster_add_group (builder->cluster, worker);
}

static void
build_metrics (Builder *builder, const Group *group)
{
  g_autoptr (MusterObjectConfig) config = muster_object_config_new (MUSTER_TYPE_METRICS_GROUP);
  g_autoptr (MusterMetricsGroup) metrics = NULL;
  gboolean good = muster_cluster_builder_fill (builder, group, config, NULL);

  if (++builder->n_metrics == MUSTER_METRICS_N_MAX) /* the default ones are one more */
    muster_problems_add (builder->problems, group->file, group->line, group->label, NULL,
                         "one too many; expected at most %u groups of metrics", MUSTER_METRICS_N_MAX - 1);
  if (!good || !is_usable (group) || builder->cluster == NULL || builder->n_metrics >= MUSTER_METRICS_N_MAX)
    return;
  muster_object_config_set_text (config, "name", group->name);
  metrics = MUSTER_METRICS_GROUP (muster_object_config_create (config));
  muster_cluster_add_metrics (builder->cluster, metrics);
}

/* -- [transport NAME] and [source NAME] ------------------------------------------------------------ */

static void
build_transport (Builder *builder, const Group *group)
{
  static const char *const special[] = { "type", "format", NULL };
  g_autoptr (MusterObjectConfig) config = NULL;
  g_autoptr (MusterTransport) transport = NULL;
  g_autoptr (MusterFormat) format = NULL;
  gboolean good;

  builder->n_transports++;
  config = muster_cluster_builder_configure (builder, group, MUSTER_PLUGIN_TRANSPORT, special, &good);
  if (!muster_cluster_builder_create_format (builder, group, &format) || !good || builder->cluster == NULL
      || !is_usable (group))
    return;
  transport = MUSTER_TRANSPORT (muster_object_config_create (config));
  if (format != NULL)
    muster_transport_set_format (transport, format);
  muster_cluster_add_transport (builder->cluster, transport);
}

static void
build_source (Builder *builder, const Group *group)
{
  static const char *const special[] = { "type", NULL };
  g_autoptr (MusterObjectConfig) config = NULL;
  g_autoptr (MusterSource) source = NULL;
  gboolean good;

  builder->n_sources++;
  config = muster_cluster_builder_configure (builder, group, MUSTER_PLUGIN_SOURCE, special, &good);
  if (!good || builder->cluster == NULL || !is_usable (group))
    return;
  source = MUSTER_SOURCE (muster_object_config_create (config));
  muster_cluster_add_source (builder->cluster, source);
}

/* -- all of it ------------------------------------------------------------------------------------- */

static void
unref_config (gpointer config)
{
  if (config != NULL)
    muster_object_config_unref (config);
}

static void
build_kind (Builder *builder, const char *kind, void (*build) (Builder *, const Group *))
{
  for (guint i = 0; i < builder->keyfile->groups->len; i++)
    {
      const Group *group = g_ptr_array_index (builder->keyfile->groups, i);

      if (strcmp (group->kind, kind) == 0 && group->name != NULL)
        build (builder, group);
    }
}

static void
build_all (Builder *builder, const char *path)
{
  muster_keyfile_load (builder->keyfile, path);
  for (guint i = 0; i < builder->keyfile->groups->len; i++)
    check_form (builder, g_ptr_array_index (builder->keyfile->groups, i));
  build_cluster (builder, path);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    build_kind (builder, kinds[i].kind, kinds[i].build);
}

/* Returns the cluster, or NULL with problems; @counts: of groups, transports and sources. */
static MusterCluster *
load (MusterRegistry *registry, const char *path, GPtrArray *problems, guint counts[3])
{
  g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
  g_autoptr (MusterCluster) cluster = NULL;
  Builder builder = { .registry = registry, .keyfile = keyfile, .problems = keyfile->problems };

  builder.formats = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_config);
  builder.bad_colours = g_hash_table_new (NULL, NULL);
  build_all (&builder, path);
  g_hash_table_unref (builder.bad_colours);
  g_hash_table_unref (builder.formats);
  cluster = builder.cluster;
  counts[0] = builder.n_groups;
  counts[1] = builder.n_transports;
  counts[2] = builder.n_sources;
  muster_problems_list (keyfile->problems, problems);
  return muster_problems_get_count (keyfile->problems) == 0 ? g_steal_pointer (&cluster) : NULL;
}

/**
 * muster_cluster_load:
 * @registry: where the plugins come from
 * @path: a keyfile; docs/keyfile.md describes it
 * @problems: (element-type utf8): an array of strings, with g_free() as its free function, to which everything that is
 *   wrong is added, in the order of file and line: `FILE:LINE: [group] key: what; expected ...`
 *
 * Makes the cluster that a keyfile and the files that it includes describe. Only the plugins that they name are loaded.
 *
 * Returns: (transfer full) (nullable): the cluster, not started; %NULL with at least one problem added
 * Since: 0.1
 */
MusterCluster *
muster_cluster_load (MusterRegistry *registry, const char *path, GPtrArray *problems)
{
  guint counts[3];

  g_return_val_if_fail (MUSTER_IS_REGISTRY (registry), NULL);
  g_return_val_if_fail (path != NULL && problems != NULL, NULL);
  return load (registry, path, problems, counts);
}

/**
 * muster_cluster_check_file:
 * @registry: where the plugins come from
 * @path: a keyfile
 * @problems: (element-type utf8): as for muster_cluster_load()
 * @n_groups: (out) (optional): how many worker groups it has
 * @n_transports: (out) (optional): how many transports
 * @n_sources: (out) (optional): how many sources
 *
 * Reads a keyfile as muster_cluster_load() does, and keeps nothing of it.
 *
 * Returns: whether nothing is wrong
 * Since: 0.1
 */
gboolean
muster_cluster_check_file (MusterRegistry *registry, const char *path, GPtrArray *problems, guint *n_groups,
                           guint *n_transports, guint *n_sources)
{
  g_autoptr (MusterCluster) cluster = NULL;
  g_autoptr (GError) error = NULL;
  guint counts[3];

  g_return_val_if_fail (MUSTER_IS_REGISTRY (registry), FALSE);
  g_return_val_if_fail (path != NULL && problems != NULL, FALSE);

  cluster = load (registry, path, problems, counts);
  if (n_groups != NULL)
    *n_groups = counts[0];
  if (n_transports != NULL)
    *n_transports = counts[1];
  if (n_sources != NULL)
    *n_sources = counts[2];
  if (cluster != NULL && !muster_cluster_check_room (cluster, &error))
    {
      g_ptr_array_add (problems, g_strdup_printf ("%s: %s", path, error->message));
      return FALSE;
    }
  return cluster != NULL;
}

/**
 * muster_cluster_new_from_file: (constructor)
 * @path: a keyfile; docs/keyfile.md describes it
 * @error: where to say what is wrong
 *
 * Makes the cluster that a keyfile describes, with plugins from muster_registry_get_default(). All that is wrong is in
 * the error's message, one line each.
 *
 * Returns: (transfer full): the cluster, not started; %NULL with %MUSTER_ERROR_INVALID
 * Since: 0.1
 */
MusterCluster *
muster_cluster_new_from_file (const char *path, GError **error)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *joined = NULL;
  MusterCluster *cluster;

  g_return_val_if_fail (path != NULL, NULL);

  cluster = muster_cluster_load (muster_registry_get_default (), path, problems);
  if (cluster != NULL)
    return cluster;
  g_ptr_array_add (problems, NULL);
  joined = g_strjoinv ("\n", (char **) problems->pdata);
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, joined);
  return NULL;
}
