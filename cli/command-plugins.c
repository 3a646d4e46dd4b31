/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster plugins [NAME]`: what is installed, what is broken and why; and what a keyfile can set, as the GParamSpecs tell.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "muster-cluster.h"
#include "muster-json.h"
#include "muster-nearest-private.h"
#include "muster-object-config-private.h"
#include "muster-param-text-private.h"
#include "muster-registry.h"

#include <glib/gi18n.h>

static const char *
kind_name (MusterPluginKind kind)
{
  static const char *const names[] = { "", "format", "transport", "source", "metric" };

  return names[kind];
}

/* "format text, transport file" */
static char *
types_text (const MusterPluginDescriptor *descriptor)
{
  GString *text = g_string_new (NULL);

  for (const MusterPluginType *type = descriptor->types; type->name != NULL; type++)
    g_string_append_printf (text, "%s%s %s", text->len > 0 ? ", " : "", kind_name (type->kind), type->name);
  return g_string_free (text, FALSE);
}

/* -- the table ------------------------------------------------------------------------------------- */

static void
print_usable (GPtrArray *plugins)
{
  int name_width = 0, types_width = 0;

  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < plugins->len; i++)
      {
        MusterPlugin *plugin = g_ptr_array_index (plugins, i);
        const MusterPluginDescriptor *descriptor = muster_plugin_get_descriptor (plugin);
        g_autofree char *types = descriptor != NULL ? types_text (descriptor) : NULL;

        if (descriptor == NULL)
          continue;
        if (pass == 1)
          printf ("%-*s  %-8s  %-*s  %s\n", name_width, descriptor->name, descriptor->version, types_width, types,
                  descriptor->description);
        name_width = MAX (name_width, (int) strlen (descriptor->name));
        types_width = MAX (types_width, (int) strlen (types));
      }
}

static void
print_broken (GPtrArray *plugins)
{
  for (guint i = 0; i < plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (plugins, i);

      if (muster_plugin_get_problem (plugin) != NULL)
        printf (_ ("%s  broken: %s: %s\n"), muster_plugin_get_name (plugin), muster_plugin_get_path (plugin),
                muster_plugin_get_problem (plugin));
    }
}

static int
print_table (GPtrArray *plugins)
{
  if (plugins->len == 0)
    printf (_ ("No plugins found; MUSTER_PLUGIN_PATH may name directories of them.\n"));
  print_usable (plugins);
  print_broken (plugins);
  return 0;
}

/* -- one plugin's keys ------------------------------------------------------------------------------ */

static void
print_key (GParamSpec *spec)
{
  g_autofree char *expected = muster_param_text_expected (spec);
  g_autofree char *standard = muster_param_text_default (spec);
  const char *help = g_param_spec_get_blurb (spec);

  printf ("\n");
  if (help != NULL && *help != '\0')
    printf ("# %s\n", help);
  if (strcmp (muster_param_text_type (spec), expected) == 0)
    printf ("# %s\n", expected);
  else
    printf ("# %s: %s\n", muster_param_text_type (spec), expected);
  printf ("#%s=%s\n", spec->name, standard);
}

static void
print_class (GType type, gboolean with_name)
{
  GObjectClass *class = g_type_class_ref (type);
  g_autoptr (GPtrArray) specs = muster_object_config_list_specs (class, with_name);

  for (guint i = 0; i + 1 < specs->len; i++)
    print_key (g_ptr_array_index (specs, i));
  g_type_class_unref (class);
}

static void
print_keys (const MusterPluginType *type)
{
  if (type->kind == MUSTER_PLUGIN_METRIC)
    {
      printf (_ ("\n# A kind of metric, which has no keys\n[muster]\nmetric-kinds=%s\n"), type->name);
      return;
    }
  printf ("\n[%s NAME]\ntype=%s\n", kind_name (type->kind), type->name);
  if (type->kind == MUSTER_PLUGIN_TRANSPORT)
    printf (_ ("\n# How entries become bytes: a [format NAME] group, or a format plugin's name\n#format=\n"));
  print_class (type->get_type (), FALSE);
}

/* The groups that need no plugin have keys as well. */
static gboolean
print_group (const char *name)
{
  if (strcmp (name, "muster") == 0)
    {
      printf ("[muster]\n");
      print_class (MUSTER_TYPE_CLUSTER, TRUE);
      printf (_ ("\n# More files, and directories whose *.conf are read in order of name\n# list\n#include=\n"));
      printf (_ ("\n# Kinds of metrics, beside those that Muster has: plugins\n# list\n#metric-kinds=\n"));
      return TRUE;
    }
  if (strcmp (name, "worker") == 0)
    {
      printf ("[worker NAME]\n");
      print_class (MUSTER_TYPE_WORKER_GROUP, FALSE);
      return TRUE;
    }
  if (strcmp (name, "metrics") == 0)
    {
      printf ("[metrics NAME]\n");
      print_class (MUSTER_TYPE_METRICS_GROUP, FALSE);
      return TRUE;
    }
  return FALSE;
}

static int
print_plugin (MusterPlugin *plugin)
{
  const MusterPluginDescriptor *descriptor = muster_plugin_get_descriptor (plugin);

  if (descriptor == NULL)
    return muster_cli_error (_ ("the plugin '%s' is broken: %s: %s"), muster_plugin_get_name (plugin),
                             muster_plugin_get_path (plugin), muster_plugin_get_problem (plugin));
  printf ("# %s %s: %s (%s)\n# %s\n", descriptor->name, descriptor->version, descriptor->description,
          descriptor->licence, muster_plugin_get_path (plugin));
  for (const MusterPluginType *type = descriptor->types; type->name != NULL; type++)
    print_keys (type);
  return 0;
}

/* -- JSON ------------------------------------------------------------------------------------------ */

static void
append_member (GByteArray *out, const char *name, const char *text)
{
  muster_json_append_raw (out, out->len > 0 && strchr ("{[", (char) out->data[out->len - 1]) != NULL ? "" : ",");
  muster_json_append_string (out, name, -1);
  muster_json_append_raw (out, ":");
  if (text != NULL)
    muster_json_append_string (out, text, -1);
}

static void
append_key (GByteArray *out, GParamSpec *spec)
{
  g_autofree char *expected = muster_param_text_expected (spec);
  g_autofree char *standard = muster_param_text_default (spec);
  const char *help = g_param_spec_get_blurb (spec);

  muster_json_append_raw (out, "{");
  append_member (out, "name", spec->name);
  append_member (out, "type", muster_param_text_type (spec));
  append_member (out, "default", standard);
  append_member (out, "expected", expected);
  append_member (out, "help", help != NULL ? help : "");
  muster_json_append_raw (out, "}");
}

static void
append_keys (GByteArray *out, GType type)
{
  GObjectClass *class = g_type_class_ref (type);
  g_autoptr (GPtrArray) specs = muster_object_config_list_specs (class, FALSE);

  for (guint i = 0; i + 1 < specs->len; i++)
    {
      muster_json_append_raw (out, i > 0 ? "," : "");
      append_key (out, g_ptr_array_index (specs, i));
    }
  g_type_class_unref (class);
}

static void
append_type (GByteArray *out, const MusterPluginType *type)
{
  muster_json_append_raw (out, "{");
  append_member (out, "kind", kind_name (type->kind));
  append_member (out, "name", type->name);
  append_member (out, "keys", NULL);
  muster_json_append_raw (out, "[");
  if (type->kind != MUSTER_PLUGIN_METRIC)
    append_keys (out, type->get_type ());
  muster_json_append_raw (out, "]}");
}

static void
append_descriptor (GByteArray *out, const MusterPluginDescriptor *descriptor)
{
  append_member (out, "version", descriptor->version);
  append_member (out, "description", descriptor->description);
  append_member (out, "licence", descriptor->licence);
  append_member (out, "types", NULL);
  muster_json_append_raw (out, "[");
  for (const MusterPluginType *type = descriptor->types; type->name != NULL; type++)
    {
      muster_json_append_raw (out, type > descriptor->types ? "," : "");
      append_type (out, type);
    }
  muster_json_append_raw (out, "]");
}

static int
print_json (GPtrArray *plugins, MusterPlugin *only)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gboolean first = TRUE;

  muster_json_append_raw (out, "[");
  for (guint i = 0; i < plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (plugins, i);

      if (only != NULL && only != plugin)
        continue;
      muster_json_append_raw (out, first ? "{" : ",\n{");
      append_member (out, "name", muster_plugin_get_name (plugin));
      append_member (out, "path", muster_plugin_get_path (plugin));
      if (muster_plugin_get_problem (plugin) != NULL)
        append_member (out, "problem", muster_plugin_get_problem (plugin));
      else
        append_descriptor (out, muster_plugin_get_descriptor (plugin));
      muster_json_append_raw (out, "}");
      first = FALSE;
    }
  muster_json_append_raw (out, "]\n");
  fwrite (out->data, 1, out->len, stdout);
  return 0;
}

/* -- the command ------------------------------------------------------------------------------------ */

/* By its own name, or by that of one of its types; a usable one first. */
static MusterPlugin *
find_plugin (GPtrArray *plugins, const char *name)
{
  MusterPlugin *found = NULL;

  for (guint i = 0; i < plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (plugins, i);
      const MusterPluginDescriptor *descriptor = muster_plugin_get_descriptor (plugin);

      if (strcmp (muster_plugin_get_name (plugin), name) == 0 && (found == NULL || descriptor != NULL))
        found = plugin;
    }
  for (guint i = 0; found == NULL && i < plugins->len; i++)
    {
      const MusterPluginDescriptor *descriptor = muster_plugin_get_descriptor (g_ptr_array_index (plugins, i));

      for (guint j = 0; descriptor != NULL && descriptor->types[j].name != NULL; j++)
        if (strcmp (descriptor->types[j].name, name) == 0)
          found = g_ptr_array_index (plugins, i);
    }
  return found;
}

static int
unknown_plugin (GPtrArray *plugins, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (guint i = 0; i < plugins->len; i++)
    g_ptr_array_add (names, (gpointer) muster_plugin_get_name (g_ptr_array_index (plugins, i)));
  g_ptr_array_add (names, NULL);
  nearest = muster_nearest (name, (const char *const *) names->pdata);
  if (nearest != NULL)
    return muster_cli_error (_ ("there is no plugin '%s'; did you mean '%s'?"), name, nearest);
  return muster_cli_error (_ ("there is no plugin '%s'; 'muster plugins' lists them"), name);
}

int
muster_command_plugins (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = { { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("Print JSON, for programs"), NULL },
                                   { NULL } };
  g_autoptr (GPtrArray) plugins = NULL;
  MusterPlugin *plugin = NULL;
  int status;

  if (!muster_cli_parse (
          &argc, &argv, entries, _ ("[NAME]"),
          _ ("Lists the plugins that are installed, and the broken ones with the reason; with NAME, what a "
             "keyfile can set for its types."),
          NULL, &status))
    return status;
  if (argc > 2)
    return muster_cli_usage_error (_ ("more than one name given"));
  plugins = muster_registry_list_plugins (muster_registry_get_default ());
  if (argc == 2)
    {
      plugin = find_plugin (plugins, argv[1]);
      if (plugin == NULL && !json && print_group (argv[1]))
        return 0;
      if (plugin == NULL)
        return unknown_plugin (plugins, argv[1]);
    }
  if (json)
    return print_json (plugins, plugin);
  return plugin != NULL ? print_plugin (plugin) : print_table (plugins);
}
