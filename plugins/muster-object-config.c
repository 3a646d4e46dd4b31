/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GObject properties from a keyfile's text. Owned by one thread.
 */
#include "config.h"

#include <string.h>

#include "muster-nearest-private.h"
#include "muster-object-config-private.h"
#include "muster-param-text-private.h"

struct _MusterObjectConfig
{
  guint references;
  GObjectClass *class; /* owned */
  GPtrArray *names;    /* owned, of interned property names */
  GArray *values;      /* owned, of GValue, one for each name */
};

MusterObjectConfig *
muster_object_config_new (GType type)
{
  MusterObjectConfig *config = g_new0 (MusterObjectConfig, 1);

  config->references = 1;
  config->class = g_type_class_ref (type);
  config->names = g_ptr_array_new ();
  config->values = g_array_new (FALSE, TRUE, sizeof (GValue));
  g_array_set_clear_func (config->values, (GDestroyNotify) g_value_unset);
  return config;
}

MusterObjectConfig *
muster_object_config_ref (MusterObjectConfig *config)
{
  config->references++;
  return config;
}

void
muster_object_config_unref (MusterObjectConfig *config)
{
  if (--config->references > 0)
    return;
  g_array_unref (config->values);
  g_ptr_array_unref (config->names);
  g_type_class_unref (config->class);
  g_free (config);
}

static GParamSpec *
find_spec (GObjectClass *class, const char *name)
{
  GParamSpec *spec = g_object_class_find_property (class, name);

  /* GObject finds `a_b` for `a-b` too; a keyfile has one name for each key. */
  return spec != NULL && strcmp (spec->name, name) == 0 && muster_param_text_type (spec) != NULL ? spec : NULL;
}

/* Adds the specs that @owner itself has; parents come after. */
static void
add_own_specs (GObjectClass *class, GType owner, gboolean with_name, GPtrArray *specs)
{
  guint n_specs;
  g_autofree GParamSpec **all = g_object_class_list_properties (class, &n_specs);

  for (guint i = 0; i < n_specs; i++)
    if (all[i]->owner_type == owner && find_spec (class, all[i]->name) != NULL
        && (with_name || strcmp (all[i]->name, "name") != 0))
      g_ptr_array_add (specs, find_spec (class, all[i]->name));
}

GPtrArray *
muster_object_config_list_specs (GObjectClass *class, gboolean with_name)
{
  GPtrArray *specs = g_ptr_array_new ();

  for (GType owner = G_OBJECT_CLASS_TYPE (class); owner != G_TYPE_OBJECT && owner != G_TYPE_INVALID;
       owner = g_type_parent (owner))
    add_own_specs (class, owner, with_name, specs);
  g_ptr_array_add (specs, NULL);
  return specs;
}

static gboolean
has_word (const char *const *words, const char *word)
{
  return words != NULL && g_strv_contains (words, word);
}

static void
set_unknown_key (MusterObjectConfig *config, const char *key, const char *const *more_keys, GError **error)
{
  g_autoptr (GPtrArray) specs = muster_object_config_list_specs (config->class, has_word (more_keys, "name"));
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *all = NULL;
  const char *nearest;

  for (guint i = 0; more_keys != NULL && more_keys[i] != NULL; i++)
    if (strcmp (more_keys[i], "name") != 0)
      g_ptr_array_add (names, (gpointer) more_keys[i]);
  for (guint i = 0; i + 1 < specs->len; i++)
    g_ptr_array_add (names, (gpointer) ((GParamSpec *) g_ptr_array_index (specs, i))->name);
  g_ptr_array_add (names, NULL);
  nearest = muster_nearest (key, (const char *const *) names->pdata);
  all = g_strjoinv (", ", (char **) names->pdata);
  if (nearest != NULL)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "unknown key; expected '%s'?", nearest);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "unknown key; expected one of %s", all);
}

static void
take_value (MusterObjectConfig *config, GParamSpec *spec, GValue *value)
{
  for (guint i = 0; i < config->names->len; i++)
    if (strcmp (g_ptr_array_index (config->names, i), spec->name) == 0)
      {
        g_value_unset (&g_array_index (config->values, GValue, i));
        g_array_index (config->values, GValue, i) = *value;
        return;
      }
  g_ptr_array_add (config->names, (gpointer) spec->name);
  g_array_append_val (config->values, *value);
}

gboolean
muster_object_config_set (MusterObjectConfig *config, const char *key, const char *text, const char *const *list,
                          const char *const *more_keys, GError **error)
{
  GParamSpec *spec = find_spec (config->class, key);
  GValue value = G_VALUE_INIT;

  if (spec == NULL || (strcmp (key, "name") == 0 && !has_word (more_keys, "name")))
    {
      set_unknown_key (config, key, more_keys, error);
      return FALSE;
    }
  if (!muster_param_text_parse (spec, text, list, &value, error))
    return FALSE;
  take_value (config, spec, &value);
  return TRUE;
}

gboolean
muster_object_config_set_text (MusterObjectConfig *config, const char *property, const char *text)
{
  GParamSpec *spec = find_spec (config->class, property);
  GValue value = G_VALUE_INIT;

  if (spec == NULL || !G_IS_PARAM_SPEC_STRING (spec))
    return FALSE;
  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, text);
  take_value (config, spec, &value);
  return TRUE;
}

gboolean
muster_object_config_set_list (MusterObjectConfig *config, const char *property, const char *const *list)
{
  GParamSpec *spec = find_spec (config->class, property);
  GValue value = G_VALUE_INIT;

  if (spec == NULL || G_PARAM_SPEC_VALUE_TYPE (spec) != G_TYPE_STRV)
    return FALSE;
  g_value_init (&value, G_TYPE_STRV);
  g_value_set_boxed (&value, list);
  take_value (config, spec, &value);
  return TRUE;
}

gboolean
muster_object_config_has (MusterObjectConfig *config, const char *property)
{
  return find_spec (config->class, property) != NULL;
}

GType
muster_object_config_get_object_type (MusterObjectConfig *config)
{
  return G_OBJECT_CLASS_TYPE (config->class);
}

GObject *
muster_object_config_create (MusterObjectConfig *config)
{
  return g_object_new_with_properties (G_OBJECT_CLASS_TYPE (config->class), config->names->len,
                                       (const char **) config->names->pdata, (const GValue *) config->values->data);
}
