/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Real modules, loaded into the shared library that they link with.
 */
#include "muster-format.h"
#include "muster-registry.h"
#include "muster-source.h"
#include "muster-transport.h"

#include "mock-directory.h"

typedef struct
{
  MockDirectory first, second;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  mock_directory_init (&fixture->first);
  mock_directory_init (&fixture->second);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  mock_directory_clear (&fixture->first);
  mock_directory_clear (&fixture->second);
}

static MusterRegistry *
new_registry (Fixture *fixture)
{
  const char *const directories[] = { fixture->first.path, fixture->second.path, NULL };

  return muster_registry_new (directories);
}

static void
assert_not_run (const char *mock)
{
  g_autofree char *name = g_strconcat ("MUSTER_MOCK_RAN_", mock, NULL);

  g_assert_null (g_getenv (name));
}

static void
test_good (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (GPtrArray) plugins = NULL;
  g_autoptr (GError) error = NULL;
  MusterPlugin *plugin;
  GType type;

  mock_directory_link (&fixture->first, "good", "good.so");
  mock_directory_write (&fixture->first, "README", "no plugin", -1);
  registry = new_registry (fixture);
  type = muster_registry_lookup (registry, MUSTER_PLUGIN_TRANSPORT, "mock", &error);
  g_assert_no_error (error);
  g_assert_true (g_type_is_a (type, MUSTER_TYPE_TRANSPORT));
  type = muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "plain", &error);
  g_assert_no_error (error);
  g_assert_true (g_type_is_a (type, MUSTER_TYPE_FORMAT));
  type = muster_registry_lookup (registry, MUSTER_PLUGIN_SOURCE, "mock", &error);
  g_assert_no_error (error);
  g_assert_true (g_type_is_a (type, MUSTER_TYPE_SOURCE));
  g_assert_nonnull (g_getenv ("MUSTER_MOCK_RAN_good")); /* so a mark means something */

  plugins = muster_registry_list_plugins (registry);
  g_assert_cmpuint (plugins->len, ==, 1);
  plugin = g_ptr_array_index (plugins, 0);
  g_assert_cmpstr (muster_plugin_get_name (plugin), ==, "good");
  g_assert_cmpstr (muster_plugin_get_path (plugin), ==, g_ptr_array_index (fixture->first.files, 0));
  g_assert_null (muster_plugin_get_problem (plugin));
  g_assert_cmpstr (muster_plugin_get_descriptor (plugin)->description, ==, "Does nothing, well");
}

static void
test_types (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRegistry) registry = NULL;
  g_auto (GStrv) formats = NULL, transports = NULL, sources = NULL;
  static const char *const expected[] = { "failing", "plain", NULL };
  static const char *const mock[] = { "mock", NULL };

  mock_directory_link (&fixture->first, "good", "good.so");
  mock_directory_link (&fixture->second, "start-fails", "start-fails.so");
  mock_directory_link (&fixture->second, "wrong-major", "wrong-major.so");
  registry = new_registry (fixture);
  formats = muster_registry_list_types (registry, MUSTER_PLUGIN_FORMAT);
  transports = muster_registry_list_types (registry, MUSTER_PLUGIN_TRANSPORT);
  sources = muster_registry_list_types (registry, MUSTER_PLUGIN_SOURCE);
  g_assert_cmpstrv (formats, expected);
  g_assert_cmpstrv (transports, mock);
  g_assert_cmpstrv (sources, mock);
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (MusterRegistry) empty = new_registry (fixture);
  g_autoptr (GError) error = NULL;

  mock_directory_link (&fixture->first, "good", "good.so");
  registry = new_registry (fixture);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_TRANSPORT, "mokc", &error), ==, G_TYPE_INVALID);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "there is no transport 'mokc', did you mean 'mock'?; installed: mock");
  g_clear_error (&error);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "mock", &error), ==, G_TYPE_INVALID);
  g_assert_cmpstr (error->message, ==, "there is no format 'mock'; installed: plain");
  g_clear_error (&error);
  g_assert_cmpuint (muster_registry_lookup (empty, MUSTER_PLUGIN_FORMAT, "text", &error), ==, G_TYPE_INVALID);
  g_assert_cmpstr (error->message, ==, "there is no format 'text'; installed: none");
}

/* Nothing is loaded that nobody asked for. */
static void
test_lazy (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterRegistry) registry = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }
  mock_directory_link (&fixture->first, "good", "good.so");
  mock_directory_link (&fixture->first, "start-fails", "start-fails.so");
  registry = new_registry (fixture);
  assert_not_run ("good");
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "failing", NULL), !=, G_TYPE_INVALID);
  assert_not_run ("good");
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_SOURCE, "mock", NULL), !=, G_TYPE_INVALID);
  g_assert_nonnull (g_getenv ("MUSTER_MOCK_RAN_good"));
}

/* The one plugin of that path must be broken for a reason that tells @part. */
static void
assert_broken (GPtrArray *plugins, const char *path, const char *part)
{
  for (guint i = 0; i < plugins->len; i++)
    {
      MusterPlugin *plugin = g_ptr_array_index (plugins, i);

      if (strcmp (muster_plugin_get_path (plugin), path) != 0)
        continue;
      g_assert_null (muster_plugin_get_descriptor (plugin));
      g_assert_nonnull (muster_plugin_get_problem (plugin));
      if (strstr (muster_plugin_get_problem (plugin), part) == NULL)
        g_error ("%s: '%s' does not tell '%s'", path, muster_plugin_get_problem (plugin), part);
      return;
    }
  g_error ("%s is not listed", path);
}

static void
test_broken (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *module;
    const char *mark; /* NULL where the code must run to be judged */
    const char *part;
  } cases[] = {
    { "duplicate-name", "duplicate_name", "a plugin named 'good' is there already" },
    { "duplicate-type", "duplicate_type", "a transport named 'mock' is there already" },
    { "newer-minor", "newer_minor", "built for plugin ABI 1.1; expected 1.0" },
    { "no-licence", "no_licence", "has no licence" },
    { "no-symbol", "no_symbol", "exports no symbol muster_plugin_descriptor" },
    { "no-types", "no_types", "lists no types" },
    { "undefined-symbol", "undefined_symbol", "undefined symbol: muster_mock_nowhere_get_type" },
    { "wrong-base", NULL, "its transport 'wrong' is of the GType MockWrong; expected a subclass of MusterTransport" },
    { "wrong-major", "wrong_major", "built for plugin ABI 2.0; expected 1.0" },
  };
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (GPtrArray) plugins = NULL;
  g_autoptr (GError) error = NULL;

  mock_directory_link (&fixture->first, "good", "good.so");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *file = g_strconcat (cases[i].module, ".so", NULL);

      mock_directory_link (&fixture->second, cases[i].module, file);
    }
  registry = new_registry (fixture);
  plugins = muster_registry_list_plugins (registry);
  g_assert_cmpuint (plugins->len, ==, G_N_ELEMENTS (cases) + 1);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      assert_broken (plugins, g_ptr_array_index (fixture->second.files, i), cases[i].part);
      if (cases[i].mark != NULL)
        assert_not_run (cases[i].mark);
    }

  /* The good one works all the same, and a broken one tells why. */
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "plain", &error), !=, G_TYPE_INVALID);
  g_assert_no_error (error);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "wrong-major", &error), ==, G_TYPE_INVALID);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE);
  g_assert_nonnull (strstr (error->message, "the plugin for the format 'wrong-major' is broken"));
  g_assert_nonnull (strstr (error->message, "ABI 2.0"));
  g_clear_error (&error);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "undefined", &error), ==, G_TYPE_INVALID);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "no-symbol", &error), ==, G_TYPE_INVALID);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED); /* it is there, only broken */
  g_clear_error (&error);
  g_assert_cmpuint (muster_registry_lookup (registry, MUSTER_PLUGIN_FORMAT, "right", &error), ==, G_TYPE_INVALID);
  g_assert_nonnull (strstr (error->message, "is broken")); /* refused as a whole */
}

static void
test_not_modules (Fixture *fixture, gconstpointer data)
{
  g_autofree char *module = mock_module_path ("start-fails");
  g_autofree char *contents = NULL;
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (GPtrArray) plugins = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (module, &contents, &size, NULL));
  mock_directory_write (&fixture->first, "text.so", "I am text, not a module\n", -1);
  mock_directory_write (&fixture->first, "empty.so", "", 0);
  mock_directory_write (&fixture->first, "cut.so", contents, (gssize) size / 3);
  g_assert_cmpint (g_mkdir (mock_directory_path (&fixture->first, "directory.so"), 0700), ==, 0);
  g_assert_cmpint (symlink ("nowhere", mock_directory_path (&fixture->first, "dangling.so")), ==, 0);
  g_assert_cmpint (mkfifo (mock_directory_path (&fixture->first, "fifo.so"), 0600), ==, 0);
  registry = new_registry (fixture);
  plugins = muster_registry_list_plugins (registry);
  g_assert_cmpuint (plugins->len, ==, 6);
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 0), "not an ELF file");
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 1), "not an ELF file");
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 2), "");
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 3), "not a regular file");
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 4), "cannot be opened");
  assert_broken (plugins, g_ptr_array_index (fixture->first.files, 5), "not a regular file");
}

/* Directories in order, files by name; the same file name in a later directory is hidden, broken or not. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  static const char *const expected[] = { "b-wrong-major", "start-fails", "good", "a-no-symbol" };
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (GPtrArray) plugins = NULL;

  mock_directory_link (&fixture->first, "start-fails", "c.so");
  mock_directory_link (&fixture->first, "wrong-major", "b-wrong-major.so");
  mock_directory_link (&fixture->first, "good", "d.so");
  mock_directory_link (&fixture->second, "good", "b-wrong-major.so");
  mock_directory_link (&fixture->second, "duplicate-name", "d.so");
  mock_directory_link (&fixture->second, "no-symbol", "a-no-symbol.so");
  registry = new_registry (fixture);
  plugins = muster_registry_list_plugins (registry);
  g_assert_cmpuint (plugins->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < plugins->len; i++)
    g_assert_cmpstr (muster_plugin_get_name (g_ptr_array_index (plugins, i)), ==, expected[i]);
}

static void
test_environment (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_strjoin (":", fixture->first.path, "", fixture->second.path, "/nowhere/at/all", NULL);
  g_autoptr (MusterRegistry) registry = NULL;
  g_autoptr (GPtrArray) plugins = NULL;

  mock_directory_link (&fixture->first, "good", "x-good.so");
  mock_directory_link (&fixture->second, "start-fails", "x-start-fails.so");
  g_setenv ("MUSTER_PLUGIN_PATH", path, TRUE);
  registry = muster_registry_new (NULL);
  g_unsetenv ("MUSTER_PLUGIN_PATH");
  plugins = muster_registry_list_plugins (registry);
  g_assert_cmpuint (plugins->len, >=, 2); /* the installed ones come after, if there are any */
  g_assert_cmpstr (muster_plugin_get_name (g_ptr_array_index (plugins, 0)), ==, "good");
  g_assert_cmpstr (muster_plugin_get_name (g_ptr_array_index (plugins, 1)), ==, "start-fails");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/registry/lazy", Fixture, NULL, set_up, test_lazy, tear_down);
  g_test_add ("/registry/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add ("/registry/types", Fixture, NULL, set_up, test_types, tear_down);
  g_test_add ("/registry/unknown", Fixture, NULL, set_up, test_unknown, tear_down);
  g_test_add ("/registry/broken", Fixture, NULL, set_up, test_broken, tear_down);
  g_test_add ("/registry/not-modules", Fixture, NULL, set_up, test_not_modules, tear_down);
  g_test_add ("/registry/order", Fixture, NULL, set_up, test_order, tear_down);
  g_test_add ("/registry/environment", Fixture, NULL, set_up, test_environment, tear_down);
  return g_test_run ();
}
