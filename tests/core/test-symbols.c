/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-symbols-private.h"

void known_function (void);

__attribute__ ((noinline)) void
known_function (void)
{
  __asm__ volatile("");
}

/* -- this program itself ------------------------------------------------------------------------- */

static int
find_base_cb (struct dl_phdr_info *info, gsize size, gpointer data)
{
  *(guint64 *) data = info->dlpi_addr;
  return 1; /* the first one is the program */
}

static guint64
own_address (void (*function) (void))
{
  guint64 base = 0;

  dl_iterate_phdr (find_base_cb, &base);
  return (guint64) (guintptr) function - base;
}

static int
open_self (void)
{
  GError *error = NULL;
  int fd = muster_symbols_open ("/proc/self/exe", &error);

  g_assert_no_error (error);
  return fd;
}

static void
test_self (void)
{
  guint64 address = own_address (known_function);
  MusterSymbol symbols[] = { { .address = address }, { .address = 7 }, { .address = own_address (test_self) + 1 } };
  int fd = open_self ();
  GError *error = NULL;

  muster_symbols_find (fd, NULL, 0, symbols, G_N_ELEMENTS (symbols), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (symbols[0].name, ==, "known_function");
  g_assert_cmpuint (symbols[0].offset, ==, 0);
  g_assert_null (symbols[1].name);
  g_assert_cmpstr (symbols[2].name, ==, "test_self"); /* a static one */
  g_assert_cmpuint (symbols[2].offset, ==, 1);
  for (gsize i = 0; i < G_N_ELEMENTS (symbols); i++)
    g_free (symbols[i].name);
  close (fd);
}

static void
test_other_build_id (void)
{
  MusterSymbol symbol = { .address = own_address (known_function) };
  int fd = open_self ();
  GError *error = NULL;

  g_assert_false (muster_symbols_find (fd, (const guint8 *) "no such id", 10, &symbol, 1, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE);
  g_assert_null (symbol.name);
  g_clear_error (&error);
  close (fd);
}

/* -- the fuzzer's seeds -------------------------------------------------------------------------- */

static const guint8 build_id[20] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 };

/* Looks @address up in a seed that is cut off at @length. */
static char *
look_up (const char *seed, gsize length, guint64 address, GError **error)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fuzz", "seeds", "symbols", seed, NULL);
  g_autofree char *data = NULL;
  MusterSymbol symbol = { .address = address };
  int fd = memfd_create (seed, MFD_CLOEXEC);
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  g_assert_cmpint (write (fd, data, MIN (size, length)), >=, 0);
  muster_symbols_find (fd, build_id, sizeof build_id, &symbol, 1, error);
  close (fd);
  return symbol.name;
}

static void
assert_name (const char *seed, guint64 address, const char *name)
{
  GError *error = NULL;
  g_autofree char *found = look_up (seed, G_MAXSIZE, address, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, name);
}

static void
assert_error (const char *seed, int code)
{
  GError *error = NULL;
  g_autofree char *found = look_up (seed, G_MAXSIZE, 0x1000, &error);

  g_assert_error (error, MUSTER_ERROR, code);
  g_assert_null (found);
  g_clear_error (&error);
}

static void
test_choice (void)
{
  static const char *const seeds[] = { "symtab", "dynsym", "both", "executable" };

  if (GLIB_SIZEOF_VOID_P != 8 || G_BYTE_ORDER != G_LITTLE_ENDIAN)
    {
      g_test_skip ("the seeds are of a 64-bit little-endian machine");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (seeds); i++)
    {
      assert_name (seeds[i], 0x0fff, NULL);
      assert_name (seeds[i], 0x1000, "outer"); /* not one that is defined elsewhere */
      assert_name (seeds[i], 0x103f, "outer");
      assert_name (seeds[i], 0x1040, "alias"); /* the innermost, and of two names the global one */
      assert_name (seeds[i], 0x1050, "outer");
      assert_name (seeds[i], 0x10ff, "outer");
      assert_name (seeds[i], 0x1100, NULL);
      assert_name (seeds[i], 0x2000, NULL); /* nobody knows how far it reaches */
    }
}

static void
test_bad (void)
{
  if (GLIB_SIZEOF_VOID_P != 8 || G_BYTE_ORDER != G_LITTLE_ENDIAN)
    {
      g_test_skip ("the seeds are of a 64-bit little-endian machine");
      return;
    }
  assert_error ("not-elf", MUSTER_ERROR_CORRUPT);
  assert_error ("stripped", MUSTER_ERROR_NOT_FOUND);
  assert_error ("bad-link", MUSTER_ERROR_NOT_FOUND);
  assert_error ("self-link", MUSTER_ERROR_NOT_FOUND);
  assert_error ("truncated", MUSTER_ERROR_NOT_FOUND);
  assert_name ("endless", 0x1000, NULL);
}

/* Cut off anywhere: right, or nothing. */
static void
test_truncated (void)
{
  for (gsize length = 0; length < 800; length++)
    {
      GError *error = NULL;
      g_autofree char *found = look_up ("both", length, 0x1000, &error);

      g_assert_true (found == NULL || g_str_equal (found, "outer"));
      g_clear_error (&error);
    }
}

static void
test_open (void)
{
  g_autofree char *directory = g_dir_make_tmp ("muster-XXXXXX", NULL);
  g_autofree char *fifo = g_build_filename (directory, "fifo", NULL);
  GError *error = NULL;

  g_assert_cmpint (muster_symbols_open ("/nonexistent/file", &error), ==, -1);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_cmpint (muster_symbols_open ("/dev/null", &error), ==, -1);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (muster_symbols_open (fifo, &error), ==, -1); /* and does not wait */
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_clear_error (&error);
  unlink (fifo);
  rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/symbols/self", test_self);
  g_test_add_func ("/symbols/other-build-id", test_other_build_id);
  g_test_add_func ("/symbols/choice", test_choice);
  g_test_add_func ("/symbols/bad", test_bad);
  g_test_add_func ("/symbols/truncated", test_truncated);
  g_test_add_func ("/symbols/open", test_open);
  return g_test_run ();
}
