/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugins as they are installed: each module finds in the library what it needs, and says what it is. The modules are
 * the arguments.
 */
#include "config.h"

#include <gmodule.h>

#include "muster-plugin.h"
#include "muster-source.h"
#include "muster-sync.h"
#include "muster-transport.h"

/* A plugin that also receives has its source behind its transport. */
static void
check_source (const MusterPluginType *type, const char *name)
{
  g_autoptr (MusterSource) source = NULL;

  g_assert_cmpint (type->kind, ==, MUSTER_PLUGIN_SOURCE);
  g_assert_cmpstr (type->name, ==, name);
  source = g_object_new (type->get_type (), "name", "two", NULL);
  g_assert_true (MUSTER_IS_SOURCE (source));
}

/* Those that store something agree on when it is made to last, and on how that is written. */
static void
check_sync (MusterTransport *transport, const char *name)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (transport), "sync");
  GEnumClass *names;

  g_assert_cmpint (spec != NULL, ==, g_str_equal (name, "file") || g_str_equal (name, "network"));
  if (spec == NULL)
    return;
  g_assert_cmpstr (g_type_name (spec->value_type), ==, "MusterSync");
  names = G_PARAM_SPEC_ENUM (spec)->enum_class;
  g_assert_cmpstr (g_enum_get_value (names, MUSTER_SYNC_NONE)->value_nick, ==, "none");
  g_assert_cmpstr (g_enum_get_value (names, MUSTER_SYNC_INTERVAL)->value_nick, ==, "interval");
  g_assert_cmpstr (g_enum_get_value (names, MUSTER_SYNC_BATCH)->value_nick, ==, "batch");
  g_assert_cmpint (G_PARAM_SPEC_ENUM (spec)->default_value, ==, MUSTER_SYNC_INTERVAL);
}

static void
test_module (gconstpointer path)
{
  GModule *module = g_module_open (path, G_MODULE_BIND_LOCAL); /* not lazily: every symbol is there */
  g_autofree char *basename = g_path_get_basename (path);
  const MusterPluginDescriptor *descriptor;
  g_autoptr (MusterTransport) transport = NULL;
  gpointer symbol;

  g_assert_cmpstr (module == NULL ? g_module_error () : NULL, ==, NULL);
  g_module_make_resident (module);
  g_assert_true (g_module_symbol (module, "muster_plugin_descriptor", &symbol));
  descriptor = symbol;
  g_assert_cmpuint (descriptor->abi_major, ==, MUSTER_PLUGIN_ABI_MAJOR);
  g_assert_cmpuint (descriptor->abi_minor, ==, MUSTER_PLUGIN_ABI_MINOR);
  g_assert_true (g_str_has_prefix (basename, descriptor->name));
  g_assert_cmpstr (descriptor->version, ==, MUSTER_VERSION);
  g_assert_cmpint (descriptor->types[0].kind, ==, MUSTER_PLUGIN_TRANSPORT);
  g_assert_cmpstr (descriptor->types[0].name, ==, descriptor->name);
  if (descriptor->types[1].name != NULL)
    {
      check_source (&descriptor->types[1], descriptor->name);
      g_assert_null (descriptor->types[2].name);
    }
  transport = g_object_new (descriptor->types[0].get_type (), "name", "one", NULL);
  g_assert_true (MUSTER_IS_TRANSPORT (transport));
  check_sync (transport, descriptor->name);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int i = 1; i < argc; i++)
    {
      g_autofree char *basename = g_path_get_basename (argv[i]);
      g_autofree char *name = g_strconcat ("/transport-modules/", basename, NULL);

      g_test_add_data_func (name, argv[i], test_module);
    }
  return g_test_run ();
}
