/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The formats and themes of a keyfile. Owned by one thread.
 */
#include "config.h"

#include <string.h>

#include "muster-cluster-builder-private.h"
#include "muster-nearest-private.h"

typedef MusterClusterBuilder Builder;
typedef MusterKeyfileGroup Group;
typedef MusterKeyfileEntry Entry;

/* Any key: which colours there are is the format's business, and it says so where the theme is used. */
void
muster_cluster_builder_build_theme (MusterClusterBuilder *builder, const Group *group)
{
  for (guint i = 0; i < group->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (group->entries, i);

      if (entry->value != NULL && strchr (entry->value, ';') != NULL)
        muster_cluster_builder_add_problem (builder, group, entry, "a ';' in a colour; expected a colour without");
    }
}

/* Tries a format out, so that `muster check` finds what only its start finds; it is not used after. */
static gboolean
try_format (MusterObjectConfig *config, GError **error)
{
  g_autoptr (MusterFormat) format = MUSTER_FORMAT (muster_object_config_create (config));

  return muster_format_start (format, error);
}

/* Tries one colour out, alone, so that the problem is told where the colour stands. */
static gboolean
try_colour (Builder *builder, const Group *theme, const Entry *entry, GType type, const char *colour)
{
  g_autoptr (MusterObjectConfig) config = muster_object_config_new (type);
  g_autoptr (GError) error = NULL;
  const char *message;

  muster_object_config_set_text (config, "theme-colors", colour);
  if (try_format (config, &error))
    return TRUE;
  if (g_hash_table_add (builder->bad_colours, (gpointer) entry)) /* else another format has the theme too */
    {
      message = g_str_has_prefix (error->message, "theme: ") ? error->message + strlen ("theme: ") : error->message;
      muster_cluster_builder_add_problem (builder, theme, entry, message);
    }
  return FALSE;
}

/* The colours of @theme that the format's type takes, as its property wants them. */
static char *
join_colours (Builder *builder, const Group *theme, GType type)
{
  GString *colours = g_string_new (NULL);

  for (guint i = 0; i < theme->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (theme->entries, i);
      g_autofree char *colour = NULL;

      if (entry->value == NULL || strchr (entry->value, ';') != NULL)
        continue;
      colour = g_strdup_printf ("%s=%s;", entry->key, entry->value);
      if (try_colour (builder, theme, entry, type, colour))
        g_string_append (colours, colour);
    }
  return g_string_free (colours, FALSE);
}

static void
set_theme (Builder *builder, const Group *group, MusterObjectConfig *config)
{
  const Entry *entry = muster_keyfile_group_find (group, "theme");
  g_autofree char *label = NULL, *colours = NULL;
  const Group *theme;

  if (entry == NULL || entry->value == NULL || !muster_object_config_has (config, "theme"))
    return;
  label = g_strdup_printf ("[theme %s]", entry->value);
  theme = muster_keyfile_find_group (builder->keyfile, label);
  if (theme == NULL)
    return; /* one that the format brings along */
  if (!muster_object_config_set_text (config, "theme-colors", ""))
    {
      muster_cluster_builder_add_problem (builder, group, entry,
                                          "this type of format takes no [theme NAME] group; expected one of its own");
      return;
    }
  colours = join_colours (builder, theme, muster_object_config_get_object_type (config));
  muster_object_config_set_text (config, "theme-colors", colours);
}

void
muster_cluster_builder_build_format (MusterClusterBuilder *builder, const Group *group)
{
  static const char *const special[] = { "type", NULL };
  g_autoptr (MusterObjectConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  gboolean good;

  config = muster_cluster_builder_configure (builder, group, MUSTER_PLUGIN_FORMAT, special, &good);
  if (config != NULL)
    set_theme (builder, group, config);
  if (good && !try_format (config, &error))
    {
      muster_cluster_builder_add_error (builder, group, NULL, error);
      good = FALSE;
    }
  if (!group->duplicate)
    g_hash_table_insert (builder->formats, g_strdup (group->name), good ? g_steal_pointer (&config) : NULL);
}

static const char *
nearest_format (Builder *builder, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, builder->formats);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (names, key);
  g_ptr_array_add (names, NULL);
  return muster_nearest (name, (const char *const *) names->pdata);
}

/* A format that no group describes: a plugin's name alone. */
static MusterObjectConfig *
plain_format (Builder *builder, const Group *group, const Entry *entry)
{
  g_autoptr (MusterObjectConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  GType type = muster_registry_lookup (builder->registry, MUSTER_PLUGIN_FORMAT, entry->value, &error);
  const char *nearest = nearest_format (builder, entry->value);

  if (type != G_TYPE_INVALID)
    {
      config = muster_object_config_new (type);
      muster_object_config_set_text (config, "name", entry->value);
      if (try_format (config, &error))
        return g_steal_pointer (&config);
      muster_cluster_builder_add_problem (builder, group, entry, error->message);
    }
  else if (nearest != NULL && g_error_matches (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND))
    muster_problems_add (builder->problems, entry->file, entry->line, group->label, entry->key,
                         "there is no format '%s'; expected '%s'?", entry->value, nearest);
  else
    muster_cluster_builder_add_problem (builder, group, entry, error->message);
  return NULL;
}

gboolean
muster_cluster_builder_create_format (MusterClusterBuilder *builder, const Group *group, MusterFormat **format)
{
  const Entry *entry = muster_keyfile_group_find (group, "format");
  gpointer config = NULL;

  if (entry == NULL)
    return TRUE;
  if (entry->value == NULL)
    return FALSE;
  if (!g_hash_table_lookup_extended (builder->formats, entry->value, NULL, &config))
    config = plain_format (builder, group, entry);
  else if (config != NULL)
    muster_object_config_ref (config);
  if (config == NULL)
    return FALSE;
  *format = MUSTER_FORMAT (muster_object_config_create (config));
  muster_object_config_unref (config);
  return TRUE;
}
