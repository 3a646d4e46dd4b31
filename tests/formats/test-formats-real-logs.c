/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Real logs, and bytes that are not text at all, through text and json and back: byte for byte what went in.
 */
#include "config.h"

#include "format-sample.h"
#include "muster-format-json.h"
#include "muster-format-text.h"

#ifdef HAVE_JSON_GLIB
#include <json-glib/json-glib.h>
#endif

static const char *const names[] = { "Android", "Apache",    "HDFS",  "Linux",
                                     "OpenSSH", "OpenStack", "Spark", "Thunderbird" };

static void
add_lines (GPtrArray *lines, const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      const char *feed = memchr (text, '\n', (gsize) (end - text));
      const char *stop = feed != NULL ? feed : end;

      g_ptr_array_add (lines, g_bytes_new (text, (gsize) (stop - text)));
      text = feed != NULL ? feed + 1 : end;
    }
}

/* The lines of a real log; NULL, and the test skipped, where it is absent. */
static GPtrArray *
real_lines (const char *name)
{
  const char *folder = g_getenv ("MUSTER_SHARED_DATA");
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  GPtrArray *lines;
  gsize length;

  if (folder == NULL)
    {
      g_test_skip ("MUSTER_SHARED_DATA is not set: the real logs are not here");
      return NULL;
    }
  path = g_strdup_printf ("%s/loghub/%s.log", folder, name);
  if (!g_file_get_contents (path, &text, &length, NULL))
    {
      g_test_skip ("the real logs are not here");
      return NULL;
    }
  lines = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_bytes_unref);
  add_lines (lines, text, length);
  g_assert_cmpuint (lines->len, >=, 1999);
  return lines;
}

static GPtrArray *
random_lines (void)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_bytes_unref);

  for (guint i = 0; i < 2000; i++)
    {
      char text[80];
      gsize length = (gsize) g_test_rand_int_range (0, sizeof text);

      for (gsize j = 0; j < length; j++)
        text[j] = (char) (g_test_rand_bit () ? g_test_rand_int_range (0, 256) : g_test_rand_int_range (32, 127));
      g_ptr_array_add (lines, g_bytes_new (text, length));
    }
  return lines;
}

static GByteArray *
log_of (GPtrArray *lines)
{
  GByteArray *log = sample_log_new ();

  for (guint i = 0; i < lines->len; i++)
    {
      gsize length;
      const char *text = g_bytes_get_data (lines->pdata[i], &length);

      sample_add_message (log, text, length);
    }
  return log;
}

static void
assert_same (GPtrArray *lines, guint i, gconstpointer data, gsize length)
{
  gsize expected_length;
  gconstpointer expected = g_bytes_get_data (lines->pdata[i], &expected_length);

  g_assert_cmpmem (data, length, expected, expected_length);
}

static void
check_text (GPtrArray *lines)
{
  g_autoptr (MusterFormat) format =
      sample_format (MUSTER_TYPE_FORMAT_TEXT, "pattern", "{seq} {worker} {message} {fields}", NULL);
  g_autoptr (GByteArray) log = log_of (lines);
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autoptr (GPtrArray) back = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_bytes_unref);

  g_assert_true (g_utf8_validate_len ((const char *) out->data, out->len, NULL));
  add_lines (back, (const char *) out->data, out->len);
  g_assert_cmpuint (back->len, ==, lines->len);
  for (guint i = 0; i < back->len; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u web-1 ", 41 + i);
      gsize length, skip = strlen (prefix);
      const char *text = g_bytes_get_data (back->pdata[i], &length);
      g_autoptr (GByteArray) message = NULL;

      if (length < skip) /* an empty message: the blank before it goes */
        skip = length;
      g_assert_cmpint (strncmp (text, prefix, skip), ==, 0);
      message = sample_unescape (text + skip, length - skip);
      g_assert_nonnull (message);
      assert_same (lines, i, message->data, message->len);
    }
}

#ifdef HAVE_JSON_GLIB
static void
check_json (GPtrArray *lines)
{
  g_autoptr (MusterFormat) format = sample_format (MUSTER_TYPE_FORMAT_JSON, NULL, NULL);
  g_autoptr (GByteArray) log = log_of (lines);
  g_autoptr (GByteArray) out = sample_run (format, log, TRUE);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GPtrArray) back = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_bytes_unref);

  add_lines (back, (const char *) out->data, out->len);
  g_assert_cmpuint (back->len, ==, lines->len);
  for (guint i = 0; i < back->len; i++)
    {
      g_autoptr (GError) error = NULL;
      gsize length;
      const char *text = g_bytes_get_data (back->pdata[i], &length);
      JsonObject *object;

      json_parser_load_from_data (parser, text, (gssize) length, &error);
      g_assert_no_error (error);
      object = json_node_get_object (json_parser_get_root (parser));
      g_assert_cmpint (json_object_get_int_member (object, "seq"), ==, 41 + i);
      if (json_object_has_member (object, "raw"))
        {
          g_autofree guchar *raw = g_base64_decode (json_object_get_string_member (object, "raw"), &length);

          assert_same (lines, i, raw, length);
        }
      else
        {
          const char *message = json_object_get_string_member (object, "message");

          if (g_strstr_len (text, (gssize) length, "\\u0000") == NULL) /* json-glib ends a string there */
            assert_same (lines, i, message, strlen (message));
        }
    }
}
#endif

static void
test_real_text (gconstpointer name)
{
  g_autoptr (GPtrArray) lines = real_lines (name);

  if (lines != NULL)
    check_text (lines);
}

static void
test_real_json (gconstpointer name)
{
#ifdef HAVE_JSON_GLIB
  g_autoptr (GPtrArray) lines = real_lines (name);

  if (lines != NULL)
    check_json (lines);
#else
  g_test_skip ("built without json-glib: nothing to parse with");
#endif
}

static void
test_random_text (void)
{
  g_autoptr (GPtrArray) lines = random_lines ();

  check_text (lines);
}

static void
test_random_json (void)
{
#ifdef HAVE_JSON_GLIB
  g_autoptr (GPtrArray) lines = random_lines ();

  check_json (lines);
#else
  g_test_skip ("built without json-glib: nothing to parse with");
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *text = g_strconcat ("/formats/text/", names[i], NULL);
      g_autofree char *json = g_strconcat ("/formats/json/", names[i], NULL);

      g_test_add_data_func (text, names[i], test_real_text);
      g_test_add_data_func (json, names[i], test_real_json);
    }
  g_test_add_func ("/formats/text/random", test_random_text);
  g_test_add_func ("/formats/json/random", test_random_json);
  return g_test_run ();
}
