/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose a journal is: by header and name, by name alone where the header is damaged; and who writes to it.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"
#include "muster-journal-owner-private.h"
#include "muster-journal-register-private.h"

#define NAME "web-1-000102030405060708090a0b0c0d0e0f.journal"

typedef struct
{
  char *directory, *path;
  int fd;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  MusterJournalIdentity identity = { .pid = 42, .cluster = "shop", .worker = "web-1", .group = "web" };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < sizeof identity.stream; i++)
    identity.stream[i] = (guint8) i;
  fixture->directory = g_dir_make_tmp ("muster-register-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->directory, NAME, NULL);
  fixture->fd = muster_journal_create_file (fixture->path, 2 * MUSTER_JOURNAL_SIZE_MIN, &identity, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  close (fixture->fd);
  g_unlink (fixture->path);
  g_rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static void
scribble (Fixture *fixture, gsize offset)
{
  const guint64 wrong = 3;

  g_assert_cmpint (pwrite (fixture->fd, &wrong, sizeof wrong, (off_t) offset), ==, (int) sizeof wrong);
}

static void
test_whole (Fixture *fixture, gconstpointer data)
{
  MusterJournalIdentity identity;
  g_autofree char *damage = NULL;
  g_autoptr (GError) error = NULL;
  gsize ring_size;

  g_assert_true (muster_journal_register_read (fixture->fd, NAME, "other", &identity, &ring_size, &damage, &error));
  g_assert_null (damage);
  g_assert_cmpuint (identity.pid, ==, 42);
  g_assert_cmpstr (identity.cluster, ==, "shop");
  g_assert_cmpuint (ring_size, ==, 2 * MUSTER_JOURNAL_SIZE_MIN);

  scribble (fixture, G_STRUCT_OFFSET (MusterJournalHeader, stream));
  scribble (fixture, G_STRUCT_OFFSET (MusterJournalHeader, worker));
  scribble (fixture, G_STRUCT_OFFSET (MusterJournalHeader, group));
  g_assert_true (muster_journal_register_read (fixture->fd, NAME, "other", &identity, &ring_size, &damage, &error));
  g_assert_null (damage);
  g_assert_cmpuint (identity.pid, ==, 42);
  g_assert_cmpuint (identity.stream[0], ==, 0);
  g_assert_cmpuint (identity.stream[1], ==, 1);
  g_assert_cmpstr (identity.worker, ==, "web-1");
  g_assert_cmpstr (identity.group, ==, "web");
}

static void
assert_named (Fixture *fixture, gsize expected_ring_size)
{
  MusterJournalIdentity identity;
  g_autofree char *damage = NULL;
  g_autoptr (GError) error = NULL;
  gsize ring_size;

  g_assert_true (muster_journal_register_read (fixture->fd, NAME, "other", &identity, &ring_size, &damage, &error));
  g_assert_nonnull (damage);
  g_assert_cmpuint (identity.pid, ==, 0);
  g_assert_cmpuint (identity.area_size, ==, 0);
  g_assert_cmpuint (identity.stream[15], ==, 15);
  g_assert_cmpstr (identity.worker, ==, "web-1");
  g_assert_cmpstr (identity.group, ==, "web");
  g_assert_cmpstr (identity.cluster, ==, "other");
  g_assert_cmpuint (ring_size, ==, expected_ring_size);
}

static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  scribble (fixture, G_STRUCT_OFFSET (MusterJournalHeader, ring_size));
  assert_named (fixture, 2 * MUSTER_JOURNAL_SIZE_MIN);
  scribble (fixture, 0);
  assert_named (fixture, 2 * MUSTER_JOURNAL_SIZE_MIN);
  g_assert_no_errno (ftruncate (fixture->fd, 0));
  assert_named (fixture, MUSTER_JOURNAL_SIZE_MIN);
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = {
    "",
    ".journal",
    "web-1.journal",
    "-000102030405060708090a0b0c0d0e0f.journal",
    "web-1-000102030405060708090a0b0c0d0e0g.journal",
    "web-1-000102030405060708090a0b0c0d0e0f.journal.old",
    "web-1_000102030405060708090a0b0c0d0e0f.journal",
    "a-name-of-64-letters-is-one-more-than-there-can-be-in-a-journal--000102030405060708090a0b0c0d0e0f.journal",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      MusterJournalIdentity identity;
      g_autofree char *damage = NULL;
      g_autoptr (GError) error = NULL;
      gsize ring_size;

      g_assert_false (
          muster_journal_register_read (fixture->fd, names[i], "shop", &identity, &ring_size, &damage, &error));
      g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
    }
}

/* A source's is told from a worker's by what no worker's name has in it. */
static void
test_sources (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "source:master", "source:my-devices", "master" };
  static const char *const workers[] = { "master", "my-devices", "master" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_strconcat (names[i], "-000102030405060708090a0b0c0d0e0f.journal", NULL);
      MusterJournalIdentity identity;
      g_autofree char *damage = NULL;
      g_autofree char *made = NULL;
      gsize ring_size;

      g_assert_true (muster_journal_register_read (fixture->fd, name, "shop", &identity, &ring_size, &damage, NULL));
      g_assert_cmpstr (identity.worker, ==, workers[i]);
      g_assert_cmpint (muster_journal_register_is_source (&identity), ==, i < 2);
      g_assert_cmpint (muster_journal_register_is_primary (&identity), ==, i == 2);
      g_assert_true (muster_journal_register_has_labels (&identity));
      made = muster_journal_register_make_name (&identity);
      g_assert_cmpstr (made, ==, name);
    }
}

static void
test_writers (Fixture *fixture, gconstpointer data)
{
  int ready[2], status;
  pid_t writer;
  char byte;

  g_assert_cmpuint (muster_journal_owner_end_writers (fixture->fd), ==, 0);
  g_assert_no_errno (pipe (ready));
  writer = fork ();
  if (writer == 0)
    {
      void *map = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fixture->fd, 0);

      if (map == MAP_FAILED || write (ready[1], "", 1) != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  g_assert_cmpuint (muster_journal_owner_end_writers (fixture->fd), ==, 1);
  g_assert_cmpint (waitpid (writer, &status, 0), ==, writer);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  close (ready[0]);
  close (ready[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/journal-register/whole", Fixture, NULL, set_up, test_whole, tear_down);
  g_test_add ("/journal-register/damaged", Fixture, NULL, set_up, test_damaged, tear_down);
  g_test_add ("/journal-register/names", Fixture, NULL, set_up, test_names, tear_down);
  g_test_add ("/journal-register/sources", Fixture, NULL, set_up, test_sources, tear_down);
  g_test_add ("/journal-register/writers", Fixture, NULL, set_up, test_writers, tear_down);
  return g_test_run ();
}
