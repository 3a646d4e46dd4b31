/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "muster-enums.h"
#include "muster-level.h"
#include "muster-object-config-private.h"
#include "muster-param-text-private.h"
#include "muster-param.h"

/* -- an object with a property of each type -------------------------------------------------------- */

#define TEST_TYPE_BASE (test_base_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestBase, test_base, TEST, BASE, GObject)

struct _TestBaseClass
{
  GObjectClass parent_class;
};

#define TEST_TYPE_OBJECT (test_object_get_type ())
G_DECLARE_FINAL_TYPE (TestObject, test_object, TEST, OBJECT, TestBase)

struct _TestObject
{
  TestBase parent_instance;

  GHashTable *values; /* owned: property name to GValue */
};

G_DEFINE_TYPE (TestBase, test_base, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE (TestObject, test_object, TEST_TYPE_BASE)

static void
free_value (gpointer data)
{
  g_value_unset (data);
  g_free (data);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GValue *copy = g_new0 (GValue, 1);

  g_value_init (copy, G_VALUE_TYPE (value));
  g_value_copy (value, copy);
  g_hash_table_replace (TEST_OBJECT (object)->values, (gpointer) spec->name, copy);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_copy (g_hash_table_lookup (TEST_OBJECT (object)->values, spec->name), value);
}

static void
test_base_class_init (TestBaseClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  g_object_class_install_property (
      object_class, 1,
      g_param_spec_string ("name", NULL, "Its name", NULL, G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY));
  g_object_class_install_property (
      object_class, 2,
      g_param_spec_enum ("level", NULL, "How bad", MUSTER_TYPE_LEVEL, MUSTER_LEVEL_DEBUG, G_PARAM_READWRITE));
  g_object_class_install_property (object_class, 3,
                                   g_param_spec_object ("child", NULL, NULL, G_TYPE_OBJECT, G_PARAM_READWRITE));
}

static void
test_base_init (TestBase *self)
{
}

static void
test_object_finalize (GObject *object)
{
  g_hash_table_unref (TEST_OBJECT (object)->values);
  G_OBJECT_CLASS (test_object_parent_class)->finalize (object);
}

static void
test_object_class_init (TestObjectClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE;

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = test_object_finalize;
  g_object_class_install_property (object_class, 1, g_param_spec_boolean ("boolean", NULL, "A flag", TRUE, flags));
  g_object_class_install_property (object_class, 2, g_param_spec_int ("int", NULL, NULL, -5, 9, 3, flags));
  g_object_class_install_property (object_class, 3, g_param_spec_uint ("uint", NULL, NULL, 1, G_MAXUINT, 2, flags));
  g_object_class_install_property (object_class, 4,
                                   g_param_spec_int64 ("int64", NULL, NULL, G_MININT64, G_MAXINT64, 0, flags));
  g_object_class_install_property (object_class, 5,
                                   g_param_spec_uint64 ("uint64", NULL, NULL, 0, G_MAXUINT64, 7, flags));
  g_object_class_install_property (object_class, 6, g_param_spec_double ("double", NULL, NULL, 0, 1.5, 0.1, flags));
  g_object_class_install_property (
      object_class, 7, g_param_spec_string ("string", NULL, NULL, " a $5 #b\n", flags | G_PARAM_CONSTRUCT_ONLY));
  g_object_class_install_property (object_class, 8,
                                   g_param_spec_flags ("flags", NULL, NULL, G_TYPE_BINDING_FLAGS, 3, flags));
  g_object_class_install_property (object_class, 9, g_param_spec_boxed ("list", NULL, NULL, G_TYPE_STRV, flags));
  g_object_class_install_property (
      object_class, 10,
      muster_param_spec_duration ("duration", NULL, NULL, 1000, 60 * G_TIME_SPAN_SECOND, G_TIME_SPAN_SECOND, flags));
  g_object_class_install_property (object_class, 11,
                                   muster_param_spec_size ("size", NULL, NULL, 4096, G_MAXUINT64, 65536, flags));
  g_object_class_install_property (object_class, 12,
                                   g_param_spec_int ("read-only", NULL, NULL, 0, 1, 0, G_PARAM_READABLE));
}

static void
test_object_init (TestObject *self)
{
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, free_value);
}

/* -- tests ----------------------------------------------------------------------------------------- */

static gboolean
set_key (MusterObjectConfig *config, const char *key, const char *text, GError **error)
{
  static const char *const more[] = { "type", NULL };
  g_auto (GStrv) list = g_strsplit (text, ";", -1);

  return muster_object_config_set (config, key, text, (const char *const *) list, more, error);
}

static void
test_good (void)
{
  static const struct
  {
    const char *key;
    const char *text;
    const char *contents; /* as g_strdup_value_contents() has them */
  } cases[] = {
    { "boolean", "true", "TRUE" },
    { "boolean", "no", "FALSE" },
    { "boolean", "ON", "TRUE" },
    { "boolean", "0", "FALSE" },
    { "int", "-5", "-5" },
    { "int", "9", "9" },
    { "int", "-0", "0" },
    { "uint", "4294967295", "4294967295" },
    { "uint", "0x10", "16" },
    { "uint", "0o17", "15" },
    { "int64", "-9223372036854775808", "-9223372036854775808" },
    { "int64", "9223372036854775807", "9223372036854775807" },
    { "uint64", "18446744073709551615", "18446744073709551615" },
    { "uint64", "-0", "0" },
    { "double", "1.5", "1.500000" },
    { "double", "1e-1", "0.100000" },
    { "string", "", "\"\"" },
    { "string", "x y", "\"x y\"" },
    { "level", "warning", "((MusterLevel) MUSTER_LEVEL_WARNING)" },
    { "level", "ERR", "((MusterLevel) MUSTER_LEVEL_ERROR)" },
    { "flags", "bidirectional;sync-create", "((GBindingFlags) G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE)" },
    { "list", "a;b", "[\"a\", \"b\"]" },
    { "duration", "500ms", "500000" },
    { "duration", "1min", "60000000" },
    { "size", "64KiB", "65536" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (MusterObjectConfig) config = muster_object_config_new (TEST_TYPE_OBJECT);
      g_autoptr (GObject) object = NULL;
      g_autoptr (GError) error = NULL;
      g_auto (GValue) value = G_VALUE_INIT;
      g_autofree char *contents = NULL;

      set_key (config, cases[i].key, cases[i].text, &error);
      g_assert_no_error (error);
      object = muster_object_config_create (config);
      g_object_get_property (object, cases[i].key, &value);
      contents = g_strdup_value_contents (&value);
      g_assert_cmpstr (contents, ==, cases[i].contents);
    }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *key;
    const char *text;
    const char *message;
  } cases[] = {
    { "boolean", "maybe", "'maybe' is neither; expected true or false" },
    { "int", "10", "'10' is out of range; expected a whole number from -5 to 9" },
    { "int", "-6", "'-6' is out of range; expected a whole number from -5 to 9" },
    { "int", "1.0", "'1.0' is not a whole number; expected a whole number from -5 to 9" },
    { "int", "", "'' is not a whole number; expected a whole number from -5 to 9" },
    { "int", "99999999999999999999", "'99999999999999999999' is out of range; expected a whole number from -5 to 9" },
    { "uint", "0", "'0' is out of range; expected a whole number of at least 1" },
    { "uint", "-1", "'-1' is out of range; expected a whole number of at least 1" },
    { "uint", "4294967296", "'4294967296' is out of range; expected a whole number of at least 1" },
    { "uint", "022", "'022' begins with a zero (octal is 0o17); expected a whole number of at least 1" },
    { "uint", "0o8", "'0o8' begins with a zero (octal is 0o17); expected a whole number of at least 1" },
    { "int64", "9223372036854775808", "'9223372036854775808' is out of range; expected a whole number" },
    { "int64", "-9223372036854775809", "'-9223372036854775809' is out of range; expected a whole number" },
    { "int64", "-", "'-' is not a whole number; expected a whole number" },
    { "uint64", "18446744073709551616",
      "'18446744073709551616' is out of range; expected a whole number of at least 0" },
    { "double", "1.6", "'1.6' is out of range; expected a number from 0 to 1.5" },
    { "double", "nan", "'nan' is not a number; expected a number from 0 to 1.5" },
    { "double", "1,5", "'1,5' is not a number; expected a number from 0 to 1.5" },
    { "level", "warnin",
      "'warnin' is not known, did you mean 'warning'?; expected one of none, emergency, alert, "
      "critical, error, warning, notice, info, debug" },
    { "flags", "sync-create;x",
      "'x' is not known; expected any of, with ';' between them, default, bidirectional, "
      "sync-create, invert-boolean" },
    { "duration", "10", "'10' has no unit; expected one of us, ms, s, min, h, d after the number (only 0 needs none)" },
    { "duration", "2min", "'2min' is out of range; expected a duration, like 500ms, from 1ms to 1min" },
    { "size", "1KiB", "'1KiB' is out of range; expected a size, like 64KiB, of at least 4KiB" },
    { "lvl", "info", "unknown key; expected 'level'?" },
    { "typ", "x", "unknown key; expected 'type'?" },
    { "Level", "info", "unknown key; expected 'level'?" },
    { "name", "x",
      "unknown key; expected one of type, boolean, int, uint, int64, uint64, double, string, flags, list, "
      "duration, size, level" },
    { "child", "x",
      "unknown key; expected one of type, boolean, int, uint, int64, uint64, double, string, flags, list, "
      "duration, size, level" },
    { "read_only", "1",
      "unknown key; expected one of type, boolean, int, uint, int64, uint64, double, string, flags, "
      "list, duration, size, level" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (MusterObjectConfig) config = muster_object_config_new (TEST_TYPE_OBJECT);
      g_autoptr (GObject) object = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_false (set_key (config, cases[i].key, cases[i].text, &error));
      g_assert_nonnull (error);
      g_assert_cmpstr (error->message, ==, cases[i].message);
      g_assert_true (error->domain == MUSTER_ERROR);
      object = muster_object_config_create (config); /* nothing half set */
    }
}

static void
test_several (void)
{
  static const char *const list[] = { "x", "y", NULL };
  g_autoptr (MusterObjectConfig) config = muster_object_config_new (TEST_TYPE_OBJECT);
  g_autoptr (GObject) first = NULL, second = NULL;
  g_autofree char *name = NULL, *string = NULL;
  g_auto (GStrv) set = NULL;

  g_assert_true (muster_object_config_set_text (config, "name", "one"));
  g_assert_true (muster_object_config_set_text (config, "name", "two")); /* the last wins */
  g_assert_false (muster_object_config_set_text (config, "uint", "1"));
  g_assert_false (muster_object_config_set_text (config, "nothing", "1"));
  g_assert_true (muster_object_config_set_list (config, "list", list));
  g_assert_false (muster_object_config_set_list (config, "string", list));
  g_assert_true (set_key (config, "string", "text", NULL));
  first = muster_object_config_create (config);
  second = muster_object_config_create (config);
  g_assert_true (first != second);
  g_object_get (second, "name", &name, "string", &string, "list", &set, NULL);
  g_assert_cmpstr (name, ==, "two");
  g_assert_cmpstr (string, ==, "text");
  g_assert_cmpstrv (set, list);
}

static void
test_specs (void)
{
  static const struct
  {
    const char *name;
    const char *type;
    const char *standard;
  } cases[] = {
    { "boolean", "boolean", "true" },
    { "int", "integer", "3" },
    { "uint", "integer", "2" },
    { "int64", "integer", "0" },
    { "uint64", "integer", "7" },
    { "double", "number", "0.1" },
    { "string", "text", "\\sa $$5 \\#b\\n" },
    { "flags", "choices", "bidirectional;sync-create" },
    { "list", "list", "" },
    { "duration", "duration", "1s" },
    { "size", "size", "64KiB" },
    { "level", "choice", "debug" },
  };
  GObjectClass *class = g_type_class_ref (TEST_TYPE_OBJECT);
  g_autoptr (GPtrArray) specs = muster_object_config_list_specs (class, FALSE);
  g_autoptr (GPtrArray) all = muster_object_config_list_specs (class, TRUE);

  g_assert_cmpuint (specs->len, ==, G_N_ELEMENTS (cases) + 1);
  g_assert_cmpuint (all->len, ==, G_N_ELEMENTS (cases) + 2);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      GParamSpec *spec = g_ptr_array_index (specs, i);
      g_autofree char *standard = muster_param_text_default (spec);

      g_assert_cmpstr (spec->name, ==, cases[i].name);
      g_assert_cmpstr (muster_param_text_type (spec), ==, cases[i].type);
      g_assert_cmpstr (standard, ==, cases[i].standard);
    }
  g_type_class_unref (class);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object-config/good", test_good);
  g_test_add_func ("/object-config/bad", test_bad);
  g_test_add_func ("/object-config/several", test_several);
  g_test_add_func ("/object-config/specs", test_specs);
  return g_test_run ();
}
