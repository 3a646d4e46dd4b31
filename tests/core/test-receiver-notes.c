/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the receiver's thread tells the main loop: all of it, in order, and the loop stays with others, too.
 */
#include "config.h"

#include "muster-receiver-notes-private.h"
#include "test-batches.h"
#include "test-wait.h"

typedef struct
{
  MusterReceiverNotes *notes;
  gulong pause_us;    /* each handler takes so long */
  gboolean is_nested; /* the first one runs the loop itself, until the next one has run */
  gboolean closes;    /* the first one closes the notes */
  GString *told;      /* a letter for each note */
  guint64 next;       /* of the stream of batches */
} Fixture;

static void
note (Fixture *fixture, char letter)
{
  guint n = (guint) fixture->told->len + 1;

  g_string_append_c (fixture->told, letter);
  if (n == 1 && fixture->is_nested)
    WAIT_UNTIL (fixture->told->len > n);
  if (n == 1 && fixture->closes)
    g_clear_pointer (&fixture->notes, muster_receiver_notes_close);
  g_usleep (fixture->pause_us);
}

static void
connected_cb (const guint8 *stream, gpointer user_data)
{
  note (user_data, 'c');
}

static void
records_cb (MusterBatch *batch, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpuint (muster_batch_get_first_seq (batch), ==, fixture->next);
  fixture->next++;
  note (fixture, 'r');
}

static void
finished_cb (const guint8 *stream, gpointer user_data)
{
  note (user_data, 'f');
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const MusterReceiverCallbacks callbacks = {
    .connected = connected_cb,
    .records = records_cb,
    .finished = finished_cb,
  };

  fixture->told = g_string_new (NULL);
  fixture->next = 1;
  fixture->notes = muster_receiver_notes_new (&callbacks, fixture, NULL);
  muster_receiver_notes_set_tap (fixture->notes, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->notes, muster_receiver_notes_close);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_string_free (fixture->told, TRUE);
}

static void
tell_all (Fixture *fixture, guint n)
{
  static const guint8 stream[MUSTER_STREAM_ID_SIZE] = "a stream";

  muster_receiver_notes_tell_connected (fixture->notes, stream);
  for (guint i = 1; i <= n; i++)
    {
      g_autoptr (MusterBatch) batch = test_batch ('s', i, 1, "web-1", MUSTER_LEVEL_INFO);

      muster_receiver_notes_tell_batch (fixture->notes, batch, FALSE);
    }
  muster_receiver_notes_tell_finished (fixture->notes, stream);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  tell_all (fixture, 100);
  WAIT_UNTIL (fixture->told->len == 102);
  g_assert_cmpint (fixture->told->str[0], ==, 'c');
  g_assert_cmpint (fixture->told->str[101], ==, 'f');
  g_assert_false (g_main_context_iteration (NULL, FALSE)); /* and then it sleeps */
  tell_all (fixture, 0);
  WAIT_UNTIL (fixture->told->len == 104);
}

/* Handlers that take long: others of the loop wait for one of them, not for all. */
static void
test_slow (Fixture *fixture, gconstpointer data)
{
  fixture->pause_us = 2000;
  tell_all (fixture, 20);
  for (guint i = 1; i <= 22; i++)
    {
      g_assert_true (g_main_context_iteration (NULL, FALSE));
      g_assert_cmpuint (fixture->told->len, ==, i);
    }
}

static void
test_nested (Fixture *fixture, gconstpointer data)
{
  fixture->is_nested = TRUE;
  tell_all (fixture, 20);
  WAIT_UNTIL (fixture->told->len == 22);
}

/* What has been told is for nobody then. */
static void
test_closed_within (Fixture *fixture, gconstpointer data)
{
  fixture->closes = TRUE;
  tell_all (fixture, 20);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpstr (fixture->told->str, ==, "c");
}

static gpointer
tell_thread (gpointer data)
{
  tell_all (data, 200);
  return NULL;
}

static void
test_thread (Fixture *fixture, gconstpointer data)
{
  GThread *thread = g_thread_new ("tells", tell_thread, fixture);

  WAIT_UNTIL (fixture->told->len == 202);
  g_thread_join (thread);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/receiver-notes/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("order", test_order);
  ADD ("slow", test_slow);
  ADD ("nested", test_nested);
  ADD ("closed-within", test_closed_within);
  ADD ("thread", test_thread);
  return g_test_run ();
}
