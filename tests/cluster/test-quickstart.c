/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The quickstart, as `./dev run` starts it: it ends with status 0 and leaves three files that tell the same story; nothing
 * is missing; and the web worker that was made to crash has its last words in all of them.
 */
#include "config.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster-entry.h"
#include "test-tree.h"

#define LAST_WORDS "last words: "

static guint
free_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  close (fd);
  return ntohs (address.sin_port);
}

/* -- what the protobuf file tells ------------------------------------------------------------------ */

typedef struct
{
  guint8 stream[MUSTER_STREAM_ID_SIZE];
  guint64 last;     /* the highest number that was seen */
  char *last_words; /* owned; NULL where it said none */
  guint64 last_words_at;
  guint64 behind_at; /* the first entry behind them that is no snapshot of metrics */
  guint64 crash_at;  /* what the crash handler wrote */
  guint64 end_at;    /* 0 where there is no end record */
  gint64 signal;     /* of the end record; likewise */
  char *stderr_text; /* owned; likewise */
} Life;

typedef struct
{
  GHashTable *lives;  /* owned; stream (in the Life) to Life */
  GPtrArray *started; /* owned; of char *: streams that the primary announced, in hex */
} Story;

static void
life_free (gpointer data)
{
  Life *life = data;

  g_free (life->last_words);
  g_free (life->stderr_text);
  g_free (life);
}

static void
story_clear (Story *story)
{
  g_hash_table_unref (story->lives);
  g_ptr_array_unref (story->started);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Story, story_clear)

static Life *
get_life (Story *story, const guint8 *stream)
{
  Life *life = g_hash_table_lookup (story->lives, stream);

  if (life != NULL)
    return life;
  life = g_new0 (Life, 1);
  memcpy (life->stream, stream, sizeof life->stream);
  g_hash_table_insert (story->lives, life->stream, life);
  return life;
}

static gboolean
get_field (const MusterRecordView *record, const char *key, MusterFieldView *field)
{
  MusterFieldIter iter;

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, field))
    if (field->key.length == strlen (key) && memcmp (field->key.data, key, field->key.length) == 0)
      return TRUE;
  return FALSE;
}

/* The text of a field; NULL where there is none. */
static char *
get_text (const MusterRecordView *record, const char *key)
{
  MusterFieldView field;

  if (!get_field (record, key, &field))
    return NULL;
  g_assert_cmpint (field.type, ==, MUSTER_FIELD_TEXT);
  return g_strndup (field.value.text.data, field.value.text.length);
}

static void
add_record (Story *story, const MusterEntry *entry, Life *life)
{
  MusterRecordView record;
  MusterFieldView field;
  g_autofree char *event = NULL;

  g_assert_true (muster_entry_get_record (entry, &record));
  event = get_text (&record, "event");
  if (g_strcmp0 (event, "start") == 0)
    g_ptr_array_add (story->started, get_text (&record, "stream"));
  if (g_strcmp0 (event, "crash") == 0)
    life->crash_at = entry->sequence;
  if (g_strcmp0 (event, "exit") == 0)
    {
      life->end_at = entry->sequence;
      life->signal = get_field (&record, "signal", &field) ? field.value.integer : 0;
      life->stderr_text = get_text (&record, "stderr");
    }
  if (record.message.length > strlen (LAST_WORDS) && memcmp (record.message.data, LAST_WORDS, strlen (LAST_WORDS)) == 0)
    {
      g_assert_null (life->last_words);
      life->last_words = g_strndup (record.message.data, record.message.length);
      life->last_words_at = entry->sequence;
    }
}

static void
read_story (Story *story, GBytes *bytes)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);
  MusterEntryIter iter;
  MusterEntry entry;

  story->lives = g_hash_table_new_full (muster_stream_id_hash, muster_stream_id_equal, NULL, life_free);
  story->started = g_ptr_array_new_with_free_func (g_free);
  muster_entry_iter_init (&iter, data, length);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind != MUSTER_ENTRY_ORIGIN)
      {
        Life *life = get_life (story, entry.origin->stream);

        life->last = entry.sequence + entry.count - 1;
        if (life->last_words != NULL && life->behind_at == 0 && entry.kind != MUSTER_ENTRY_SNAPSHOT)
          life->behind_at = entry.sequence;
        if (entry.kind == MUSTER_ENTRY_RECORD)
          add_record (story, &entry, life);
      }
  g_assert_false (muster_entry_iter_get_error (&iter, NULL));
}

/* -- the test ------------------------------------------------------------------------------------- */

static void
assert_has (GBytes *bytes, const char *what, const char *text)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);

  if (memmem (data, length, text, strlen (text)) == NULL)
    g_error ("%s does not have '%s'", what, text);
}

/* Every crash: the last words, what the crash handler wrote, and the end, with signal and stderr. Returns how many there were. */
static guint
check_crashes (Story *story, GBytes *text, GBytes *json)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, story->lives);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Life *life = value;

      if (life->last_words == NULL)
        continue;
      n++;
      assert_has (text, "the text file", life->last_words);
      assert_has (json, "the JSON-lines file", life->last_words);
      g_assert_cmpuint (life->crash_at, ==, life->behind_at);
      g_assert_cmpuint (life->end_at, >, life->crash_at);
      g_assert_cmpuint (life->last, ==, life->end_at);
      g_assert_cmpint (life->signal, ==, 11);
      g_assert_nonnull (life->stderr_text);
      g_assert_cmpstr (life->stderr_text, !=, "");
    }
  return n;
}

/* The table that a person sees has a line for each of those that the primary started. */
static void
check_audit (Muster *fixture, Story *story)
{
  muster_run (fixture, "audit", "--complete", muster_path (fixture, "quickstart.pb"));
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_nonnull (strstr (fixture->out, " 0 declared missing, 0 holes, 0 duplicates\n"));
  g_assert_cmpuint (story->started->len, >=, 6); /* web twice, client, host, plain; web again */
  g_assert_cmpuint (g_hash_table_size (story->lives), ==, story->started->len + 1);
  for (guint i = 0; i < story->started->len; i++)
    {
      g_autofree char *line = g_strdup_printf ("\n%.8s ", (char *) g_ptr_array_index (story->started, i));

      if (strstr (fixture->out, line) == NULL)
        g_error ("the audit does not list the stream %s", line + 1);
    }
}

static void
test_quickstart (Muster *fixture, gconstpointer data)
{
  g_autofree char *port = g_strdup_printf ("%u", free_port ());
  g_autofree char *keyfile = g_build_filename (g_getenv ("MUSTER_SOURCE_DIR"), "data", "quickstart.conf", NULL);
  g_autoptr (GBytes) text = NULL;
  g_autoptr (GBytes) json = NULL;
  g_autoptr (GBytes) protobuf = NULL;
  g_auto (Story) story = { NULL };

  g_setenv ("MUSTER_PORT", port, TRUE);
  g_setenv ("MUSTER_OUTPUT", fixture->directory, TRUE);
  muster_run (fixture, "run", g_getenv ("MUSTER_QUICKSTART_TIME"), keyfile);
  g_assert_cmpstr (fixture->err, ==, "");
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_nonnull (strstr (fixture->out, LAST_WORDS));

  text = tree_read (fixture, "quickstart.log");
  json = tree_read (fixture, "quickstart.jsonl");
  protobuf = tree_read (fixture, "quickstart.pb");
  read_story (&story, protobuf);
  g_assert_cmpuint (check_crashes (&story, text, json), >=, 1);
  check_audit (fixture, &story);
}

int
main (int argc, char **argv)
{
  const struct rlimit none = { 0, 0 };

  g_test_init (&argc, &argv, NULL);
  setrlimit (RLIMIT_CORE, &none);
  /* A sanitizer would turn the crash into something else. */
  g_setenv ("ASAN_OPTIONS", "handle_segv=0:allocator_may_return_null=1", TRUE);
  g_setenv ("UBSAN_OPTIONS", "print_stacktrace=1", TRUE);
  g_test_add ("/quickstart", Muster, NULL, tree_set_up, test_quickstart, tree_tear_down);
  return g_test_run ();
}
