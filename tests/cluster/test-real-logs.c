/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Real logs, replayed by workers at full speed under `muster run`, through text, json and protobuf files at once: the
 * messages that come out are byte for byte the lines that went in, in order, none missing.
 */
#include "config.h"

#include <string.h>

#include "format-sample.h"
#include "test-tree.h"

#ifdef HAVE_JSON_GLIB
#include <json-glib/json-glib.h>
#endif

static const char *const names[] = { "Android", "Apache",    "HDFS",  "Linux",
                                     "OpenSSH", "OpenStack", "Spark", "Thunderbird" };

#define unref_bytes ((GDestroyNotify) (void (*) (void)) g_bytes_unref)

/* A table of worker ("HDFS-1") to what it said, a GPtrArray of GBytes. */
static GHashTable *
messages_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
}

static void
messages_add (GHashTable *messages, const char *worker, gsize worker_length, gconstpointer data, gsize length)
{
  g_autofree char *key = g_strndup (worker, worker_length);
  GPtrArray *list = g_hash_table_lookup (messages, key);

  if (list == NULL)
    {
      list = g_ptr_array_new_with_free_func (unref_bytes);
      g_hash_table_insert (messages, g_strdup (key), list);
    }
  g_ptr_array_add (list, g_bytes_new (data, length));
}

typedef void (*LineFunc) (const char *line, gsize length, gpointer user_data);

static void
for_each_line (GBytes *bytes, LineFunc function, gpointer user_data)
{
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);
  const char *end = text + length;

  while (text < end)
    {
      const char *feed = memchr (text, '\n', (gsize) (end - text));
      const char *stop = feed != NULL ? feed : end;

      function (text, (gsize) (stop - text), user_data);
      text = feed != NULL ? feed + 1 : end;
    }
}

/* -- what went in --------------------------------------------------------------------------------- */

static void
add_line (const char *line, gsize length, gpointer list)
{
  g_ptr_array_add (list, g_bytes_new (line, length));
}

static char *
real_log_path (const char *name)
{
  g_autofree char *file = g_strconcat (name, ".log", NULL);

  return g_build_filename (g_getenv ("MUSTER_SHARED_DATA"), "loghub", file, NULL);
}

static GPtrArray *
real_lines (const char *name)
{
  g_autofree char *path = real_log_path (name);
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  GPtrArray *lines = g_ptr_array_new_with_free_func (unref_bytes);

  for_each_line (bytes, add_line, lines);
  g_assert_cmpuint (lines->len, >=, 1999);
  return lines;
}

static gboolean
have_logs (void)
{
  for (gsize i = 0; g_getenv ("MUSTER_SHARED_DATA") != NULL && i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = real_log_path (names[i]);

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        break;
      if (i + 1 == G_N_ELEMENTS (names))
        return TRUE;
    }
  g_test_skip ("the real logs (loghub in MUSTER_SHARED_DATA) are not here");
  return FALSE;
}

/* -- what came out -------------------------------------------------------------------------------- */

/* WORKER replay MESSAGE */
static void
add_text_line (const char *line, gsize length, gpointer messages)
{
  static const char marker[] = " replay";
  const char *blank = memchr (line, ' ', length);
  gsize skip = blank != NULL ? (gsize) (blank - line) + strlen (marker) : 0;
  g_autoptr (GByteArray) message = NULL;

  if (blank == NULL || skip > length || memcmp (blank, marker, strlen (marker)) != 0)
    return;          /* of the primary */
  if (skip < length) /* else the message is empty, and the blank before it goes */
    g_assert_cmpint (line[skip++], ==, ' ');
  message = sample_unescape (line + skip, length - skip);
  g_assert_nonnull (message);
  messages_add (messages, line, (gsize) (blank - line), message->data, message->len);
}

#ifdef HAVE_JSON_GLIB
static void
add_json_line (const char *line, gsize length, gpointer messages)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *object;
  const char *worker;

  json_parser_load_from_data (parser, line, (gssize) length, &error);
  g_assert_no_error (error);
  object = json_node_get_object (json_parser_get_root (parser));
  if (g_strcmp0 (json_object_get_string_member_with_default (object, "domain", NULL), "replay") != 0)
    return;
  worker = json_object_get_string_member (object, "worker");
  if (json_object_has_member (object, "raw"))
    {
      gsize raw_length;
      g_autofree guchar *raw = g_base64_decode (json_object_get_string_member (object, "raw"), &raw_length);

      messages_add (messages, worker, strlen (worker), raw, raw_length);
    }
  else
    {
      const char *message = json_object_get_string_member (object, "message");

      messages_add (messages, worker, strlen (worker), message, strlen (message));
    }
}
#endif

static void
add_entries (GBytes *bytes, GHashTable *messages)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);
  MusterEntryIter iter;
  MusterEntry entry;
  g_autoptr (GError) error = NULL;

  muster_entry_iter_init (&iter, data, length);
  while (muster_entry_iter_next (&iter, &entry))
    {
      MusterRecordView record;
      const MusterSlice *message;

      g_assert_cmpint (entry.kind, !=, MUSTER_ENTRY_GAP);
      if (entry.kind != MUSTER_ENTRY_RECORD)
        continue;
      g_assert_true (muster_entry_get_record (&entry, &record));
      if (record.domain.length != strlen ("replay") || memcmp (record.domain.data, "replay", record.domain.length) != 0)
        continue;
      message = record.raw.data != NULL ? &record.raw : &record.message;
      messages_add (messages, entry.origin->worker.data, entry.origin->worker.length, message->data, message->length);
    }
  g_assert_false (muster_entry_iter_get_error (&iter, &error));
}

/* -- the runs ------------------------------------------------------------------------------------- */

static const char *
write_keyfile (Muster *fixture, const char *const *logs, gsize n_logs, const char *settings)
{
  g_autoptr (GString) text = g_string_new ("[muster]\nname=replay\n[format plain]\ntype=text\n"
                                           "pattern={worker} {domain} {message}\n");
  const char *const formats[][2] = { { "plain", "out.log" }, { "json", "out.jsonl" }, { "protobuf", "out.pb" } };

  for (gsize i = 0; i < n_logs; i++)
    {
      g_autofree char *path = real_log_path (logs[i]);
      g_autofree char *program = g_shell_quote (g_getenv ("MUSTER_REPLAY_WORKER"));
      g_autofree char *argument = g_shell_quote (path);

      g_string_append_printf (text, "[worker %s]\nexec=%s %s %s %u\nrestart=no\nblock-timeout=1min\n%s", logs[i],
                              program, argument, muster_path (fixture, "counter"), (guint) n_logs, settings);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    g_string_append_printf (text, "[transport %s]\ntype=file\nsync=none\nformat=%s\npath=%s\n", formats[i][1],
                            formats[i][0], muster_path (fixture, formats[i][1]));
  return muster_write (fixture, "replay.conf", text->str, (gssize) text->len);
}

static void
assert_messages (GHashTable *messages, const char *log, const char *what)
{
  g_autofree char *worker = g_strconcat (log, "-1", NULL);
  g_autoptr (GPtrArray) lines = real_lines (log);
  GPtrArray *list = g_hash_table_lookup (messages, worker);

  g_test_message ("%s, %s: %u of %u", log, what, list != NULL ? list->len : 0, lines->len);
  g_assert_nonnull (list);
  for (guint i = 0; i < MIN (list->len, lines->len); i++)
    {
      gsize length, expected_length;
      gconstpointer expected = g_bytes_get_data (lines->pdata[i], &expected_length);
      gconstpointer data = g_bytes_get_data (list->pdata[i], &length);

      g_assert_cmpmem (data, length, expected, expected_length);
    }
  g_assert_cmpuint (list->len, ==, lines->len);
}

static void
replay (Muster *fixture, const char *const *logs, gsize n_logs, const char *settings)
{
  g_autoptr (GHashTable) text = messages_new ();
  g_autoptr (GHashTable) json = messages_new ();
  g_autoptr (GHashTable) protobuf = messages_new ();
  g_autoptr (GBytes) text_bytes = NULL;
  g_autoptr (GBytes) json_bytes = NULL;
  g_autoptr (GBytes) protobuf_bytes = NULL;

  muster_run (fixture, "run", write_keyfile (fixture, logs, n_logs, settings));
  g_assert_cmpstr (fixture->err, ==, "");
  g_assert_cmpint (fixture->status, ==, 0);
  text_bytes = tree_read (fixture, "out.log");
  json_bytes = tree_read (fixture, "out.jsonl");
  protobuf_bytes = tree_read (fixture, "out.pb");
  for_each_line (text_bytes, add_text_line, text);
#ifdef HAVE_JSON_GLIB
  for_each_line (json_bytes, add_json_line, json);
#endif
  add_entries (protobuf_bytes, protobuf);
  for (gsize i = 0; i < n_logs; i++)
    {
      assert_messages (text, logs[i], "text");
      assert_messages (protobuf, logs[i], "protobuf");
#ifdef HAVE_JSON_GLIB
      assert_messages (json, logs[i], "json");
#endif
    }
  muster_run (fixture, "audit", "--complete", muster_path (fixture, "out.pb"));
  g_assert_cmpint (fixture->status, ==, 0);
}

static void
test_one (Muster *fixture, gconstpointer name)
{
  const char *const logs[] = { name };

  if (have_logs ())
    replay (fixture, logs, 1, "");
}

/* Through journals that are smaller than the logs, so that log calls have to wait. */
static void
test_all (Muster *fixture, gconstpointer data)
{
  if (have_logs ())
    replay (fixture, names, G_N_ELEMENTS (names), "journal-size=256KiB\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strconcat ("/real-logs/", names[i], NULL);

      g_test_add (path, Muster, names[i], tree_set_up, test_one, tree_tear_down);
    }
  g_test_add ("/real-logs/all-at-once", Muster, NULL, tree_set_up, test_all, tree_tear_down);
  return g_test_run ();
}
