/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Families of metrics, and names for them that are never taken twice: an exposition in which they are is refused as a
 * whole. Owned by the server's thread.
 */
#include "config.h"

#include <string.h>

#include "muster-prometheus-family.h"

struct _MusterPrometheusFamilies
{
  GHashTable *families; /* owned; set of MusterPrometheusFamily, by type and base */
  GHashTable *reserved; /* owned; set of names */
  GPtrArray *list;      /* owned; nullable: they have not been named since they changed */
};

/* What stands behind a name that another family has taken. (Names of types are what promtool complains of there.) */
static const char *const type_names[MUSTER_PROMETHEUS_N_TYPES] = { "inc", "set", "sample", "timed", "text" };

/* What a name stands for beside itself: the samples of the family in both text formats (OpenMetrics 1.0, "Suffixes"),
 * and `_created`, which readers make of some. */
static const char *const sample_suffixes[MUSTER_PROMETHEUS_N_TYPES][4] = {
  [MUSTER_PROMETHEUS_COUNTER] = { "_total", "_created" },
  [MUSTER_PROMETHEUS_SUMMARY] = { "_count", "_sum", "_created" },
  [MUSTER_PROMETHEUS_SECONDS] = { "_count", "_sum", "_created" },
  [MUSTER_PROMETHEUS_INFO] = { "_info" },
};

static guint
family_hash (gconstpointer key)
{
  const MusterPrometheusFamily *family = key;

  return g_str_hash (family->base) ^ (guint) family->type;
}

static gboolean
family_equal (gconstpointer a, gconstpointer b)
{
  const MusterPrometheusFamily *family_a = a;
  const MusterPrometheusFamily *family_b = b;

  return family_a->type == family_b->type && strcmp (family_a->base, family_b->base) == 0;
}

static void
family_free (gpointer data)
{
  MusterPrometheusFamily *family = data;

  g_ptr_array_unref (family->series);
  g_free (family->base);
  g_free (family->name);
  g_free (family);
}

MusterPrometheusFamilies *
muster_prometheus_families_new (void)
{
  MusterPrometheusFamilies *families = g_new0 (MusterPrometheusFamilies, 1);

  families->families = g_hash_table_new_full (family_hash, family_equal, family_free, NULL);
  families->reserved = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return families;
}

void
muster_prometheus_families_free (MusterPrometheusFamilies *families)
{
  g_clear_pointer (&families->list, g_ptr_array_unref);
  g_hash_table_unref (families->families);
  g_hash_table_unref (families->reserved);
  g_free (families);
}

MusterPrometheusFamily *
muster_prometheus_families_get (MusterPrometheusFamilies *families, const char *base, MusterPrometheusType type)
{
  const MusterPrometheusFamily key = { .base = (char *) base, .type = type };
  MusterPrometheusFamily *family = g_hash_table_lookup (families->families, &key);

  if (family != NULL)
    return family;
  family = g_new0 (MusterPrometheusFamily, 1);
  family->type = type;
  family->base = g_strdup (base);
  family->series = g_ptr_array_new ();
  g_hash_table_add (families->families, family);
  g_clear_pointer (&families->list, g_ptr_array_unref);
  return family;
}

void
muster_prometheus_families_remove (MusterPrometheusFamilies *families, MusterPrometheusFamily *family)
{
  g_clear_pointer (&families->list, g_ptr_array_unref);
  g_hash_table_remove (families->families, family);
}

/* -- names -------------------------------------------------------------------------------------- */

static gboolean
is_free (GHashTable *taken, const char *name, MusterPrometheusType type)
{
  if (g_hash_table_contains (taken, name))
    return FALSE;
  for (guint i = 0; sample_suffixes[type][i] != NULL; i++)
    {
      g_autofree char *sample = g_strconcat (name, sample_suffixes[type][i], NULL);

      if (g_hash_table_contains (taken, sample))
        return FALSE;
    }
  return TRUE;
}

static void
take (GHashTable *taken, const char *name, MusterPrometheusType type)
{
  g_hash_table_add (taken, g_strdup (name));
  for (guint i = 0; sample_suffixes[type][i] != NULL; i++)
    g_hash_table_add (taken, g_strconcat (name, sample_suffixes[type][i], NULL));
}

static char *
choose_name (GHashTable *taken, const MusterPrometheusFamily *family)
{
  char *name = g_strdup (family->base);

  for (guint n = 1; !is_free (taken, name, family->type); n++)
    {
      g_free (name);
      name = n == 1 ? g_strdup_printf ("%s_%s", family->base, type_names[family->type])
                    : g_strdup_printf ("%s_%s_%u", family->base, type_names[family->type], n);
    }
  return name;
}

static int
compare_families (gconstpointer a, gconstpointer b)
{
  const MusterPrometheusFamily *family_a = *(const MusterPrometheusFamily *const *) a;
  const MusterPrometheusFamily *family_b = *(const MusterPrometheusFamily *const *) b;

  return family_a->type != family_b->type ? (int) family_a->type - (int) family_b->type
                                          : strcmp (family_a->base, family_b->base);
}

void
muster_prometheus_families_reserve (MusterPrometheusFamilies *families, const char *name, MusterPrometheusType type)
{
  take (families->reserved, name, type);
}

GPtrArray *
muster_prometheus_families_list (MusterPrometheusFamilies *families)
{
  g_autoptr (GHashTable) taken = NULL;
  GHashTableIter iter;
  gpointer key;

  if (families->list != NULL)
    return families->list;
  families->list = g_ptr_array_sized_new (g_hash_table_size (families->families));
  taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_iter_init (&iter, families->reserved);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_hash_table_add (taken, g_strdup (key));
  g_hash_table_iter_init (&iter, families->families);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (families->list, key);
  g_ptr_array_sort (families->list, compare_families);
  for (guint i = 0; i < families->list->len; i++)
    {
      MusterPrometheusFamily *family = families->list->pdata[i];

      g_free (family->name);
      family->name = choose_name (taken, family);
      take (taken, family->name, family->type);
    }
  return families->list;
}
