/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every kind of group needs while a cluster is built: its problems said, its keys made an object's properties. Owned by
 * one thread.
 */
#include "config.h"

#include "muster-cluster-builder-private.h"

#include <string.h>

typedef MusterClusterBuilder Builder;
typedef MusterKeyfileGroup Group;
typedef MusterKeyfileEntry Entry;

void
muster_cluster_builder_add_problem (Builder *builder, const Group *group, const Entry *entry, const char *what)
{
  muster_problems_add (builder->problems, entry != NULL ? entry->file : group->file,
                       entry != NULL ? entry->line : group->line, group->label, entry != NULL ? entry->key : NULL, "%s",
                       what);
}

void
muster_cluster_builder_add_error (Builder *builder, const Group *group, const char *key, const GError *error)
{
  g_autofree char *prefix = NULL;
  const char *colon = strstr (error->message, ": ");
  const Entry *entry = key != NULL ? muster_keyfile_group_find (group, key) : NULL;

  if (key == NULL && colon != NULL)
    {
      prefix = g_strndup (error->message, (gsize) (colon - error->message));
      entry = muster_keyfile_group_find (group, prefix);
    }
  if (entry == NULL && key != NULL)
    muster_problems_add (builder->problems, group->file, group->line, group->label, key, "%s", error->message);
  else
    muster_cluster_builder_add_problem (builder, group, entry,
                                        prefix != NULL && entry != NULL ? colon + 2 : error->message);
}

gboolean
muster_cluster_builder_fill (Builder *builder, const Group *group, MusterObjectConfig *config,
                             const char *const *special)
{
  gboolean good = TRUE;

  for (guint i = 0; i < group->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (group->entries, i);
      g_autoptr (GError) error = NULL;

      if (special != NULL && g_strv_contains (special, entry->key) && strcmp (entry->key, "name") != 0)
        continue;
      if (entry->value != NULL
          && !muster_object_config_set (config, entry->key, entry->value, (const char *const *) entry->list, special,
                                        &error))
        muster_cluster_builder_add_problem (builder, group, entry, error->message);
      good = good && entry->value != NULL && error == NULL;
    }
  return good;
}

void
muster_cluster_builder_add_missing (Builder *builder, const Group *group, const char *key, const char *expected)
{
  if (!group->duplicate)
    muster_problems_add (builder->problems, group->file, group->line, group->label, key, "missing; expected %s",
                         expected);
}

MusterObjectConfig *
muster_cluster_builder_configure (Builder *builder, const Group *group, MusterPluginKind kind,
                                  const char *const *special, gboolean *good)
{
  const Entry *entry = muster_keyfile_group_find (group, "type");
  MusterObjectConfig *config;
  g_autoptr (GError) error = NULL;
  GType type;

  *good = FALSE;
  if (entry == NULL)
    {
      g_auto (GStrv) names = muster_registry_list_types (builder->registry, kind);
      g_autofree char *joined = g_strjoinv (", ", names);

      muster_cluster_builder_add_missing (builder, group, "type",
                                          *joined != '\0' ? joined : "an installed plugin, and there is none");
      return NULL;
    }
  if (entry->value == NULL)
    return NULL;
  type = muster_registry_lookup (builder->registry, kind, entry->value, &error);
  if (type == G_TYPE_INVALID)
    {
      muster_cluster_builder_add_problem (builder, group, entry, error->message);
      return NULL;
    }
  config = muster_object_config_new (type);
  *good = muster_cluster_builder_fill (builder, group, config, special);
  muster_object_config_set_text (config, "name", group->name);
  return config;
}
