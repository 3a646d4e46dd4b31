/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <link.h>
#include <string.h>

#include "muster-elf-private.h"

static GBytes *
read_mock (const char *name)
{
  g_autofree char *file = g_strconcat (name, ".so", NULL);
  g_autofree char *path = g_build_filename (g_getenv ("MUSTER_MOCKS"), file, NULL);
  char *data;
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  return g_bytes_new_take (data, size);
}

static void
assert_variant (gconstpointer data, gsize size)
{
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;
  const MusterElfType *types;

  muster_elf_read_descriptor (data, size, &descriptor, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (descriptor.abi_major, ==, MUSTER_PLUGIN_ABI_MAJOR);
  g_assert_cmpuint (descriptor.abi_minor, ==, MUSTER_PLUGIN_ABI_MINOR);
  g_assert_cmpstr (descriptor.name, ==, "variant");
  g_assert_cmpstr (descriptor.version, ==, "1.2");
  g_assert_cmpstr (descriptor.description, ==, "To be read, not loaded");
  g_assert_cmpstr (descriptor.licence, ==, "MIT");
  g_assert_nonnull (descriptor.types);
  g_assert_cmpuint (descriptor.types->len, ==, 2);
  types = (const MusterElfType *) (gpointer) descriptor.types->data;
  g_assert_cmpstr (types[0].name, ==, "one");
  g_assert_cmpuint (types[0].kind, ==, MUSTER_PLUGIN_FORMAT);
  g_assert_cmpstr (types[1].name, ==, "two");
  g_assert_cmpuint (types[1].kind, ==, MUSTER_PLUGIN_SOURCE);
}

static void
test_variants (void)
{
  static const char *const names[] = { "sysv-hash", "gnu-hash", "relr" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GBytes) bytes = read_mock (names[i]);
      g_autofree char *copy = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      ElfW (Ehdr) header;

      assert_variant (copy, g_bytes_get_size (bytes));

      /* Section headers are for debuggers; without them it is the same. */
      memcpy (&header, copy, sizeof header);
      header.e_shoff = 0;
      header.e_shnum = 0;
      memcpy (copy, &header, sizeof header);
      assert_variant (copy, g_bytes_get_size (bytes));
    }
}

/* The fuzzer's seeds are what they say, or it would try nothing. */
static void
test_seeds (void)
{
  static const char *const names[] = { "gnu-hash", "sysv-hash", "in-place", "symbolic" };

  if (GLIB_SIZEOF_VOID_P != 8 || G_BYTE_ORDER != G_LITTLE_ENDIAN)
    {
      g_test_skip ("the seeds are for another kind of machine");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path =
          g_build_filename (g_getenv ("MUSTER_SOURCE_DIR"), "tests", "fuzz", "seeds", "elf", names[i], NULL);
      g_auto (MusterElfDescriptor) descriptor = { 0 };
      g_autoptr (GError) error = NULL;
      g_autofree char *data = NULL;
      gsize size;

      g_assert_true (g_file_get_contents (path, &data, &size, NULL));
      muster_elf_read_descriptor (data, size, &descriptor, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (descriptor.name, ==, "tiny");
      g_assert_cmpstr (descriptor.licence, ==, "MIT");
      g_assert_cmpuint (descriptor.types->len, ==, 2);
      g_assert_cmpstr (g_array_index (descriptor.types, MusterElfType, 1).name, ==, "two");
    }
}

static void
assert_refused (const char *name, MusterError code, const char *part)
{
  g_autoptr (GBytes) bytes = read_mock (name);
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (
      muster_elf_read_descriptor (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &descriptor, &error));
  g_assert_error (error, MUSTER_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_refused (void)
{
  static const char text[] = "#!/bin/sh\necho I am no plugin, and my text is longer than the header of an ELF file\n";
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;

  assert_refused ("no-symbol", MUSTER_ERROR_NOT_FOUND, "exports no symbol muster_plugin_descriptor");
  g_assert_false (muster_elf_read_descriptor (text, sizeof text, &descriptor, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
}

/* Another major: its two numbers, and nothing else is believed. */
static void
test_other_abi (void)
{
  g_autoptr (GBytes) bytes = read_mock ("wrong-major");
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;

  muster_elf_read_descriptor (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &descriptor, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (descriptor.abi_major, ==, MUSTER_PLUGIN_ABI_MAJOR + 1);
  g_assert_null (descriptor.name);
  g_assert_null (descriptor.types);
}

/* A copy of exactly that size, so that a sanitizer sees each byte that is read beyond. */
static gboolean
try_bytes (const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean good = muster_elf_read_descriptor (copy, size, &descriptor, &error);

  g_assert_true (good == (error == NULL));
  return good;
}

static void
test_truncated (void)
{
  g_autoptr (GBytes) bytes = read_mock ("gnu-hash");
  gsize size, shortest = 0;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize length = 0; length < size; length += length < 4096 ? 1 : 61)
    if (!try_bytes (data, length))
      shortest = length;
  g_assert_cmpuint (shortest, >, 4096); /* cut in the middle, it is refused */
}

static void
test_damaged (void)
{
  static const char *const names[] = { "sysv-hash", "gnu-hash", "relr" };

  guint n_good = 0;

  for (guint round = 0; round < 6000; round++)
    {
      static GBytes *mocks[G_N_ELEMENTS (names)];
      gsize which = round % G_N_ELEMENTS (names), size;
      g_autofree guint8 *copy = NULL;

      if (mocks[which] == NULL)
        mocks[which] = read_mock (names[which]);
      copy = g_memdup2 (g_bytes_get_data (mocks[which], &size), g_bytes_get_size (mocks[which]));
      /* Headers and tables lie in front; sometimes anywhere. */
      for (gint32 i = g_test_rand_int_range (1, 8); i > 0; i--)
        copy[g_test_rand_int_range (0, round % 4 == 0 ? (gint32) size : 1024)] = (guint8) g_test_rand_int ();
      memcpy (copy, ELFMAG, SELFMAG);
      n_good += try_bytes (copy, size);
      if (round + G_N_ELEMENTS (names) >= 6000)
        g_clear_pointer (&mocks[which], g_bytes_unref);
    }
  g_assert_cmpuint (n_good, >, 100); /* some damage does no harm, and some goes deep */
  g_assert_cmpuint (n_good, <, 5900);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/elf/variants", test_variants);
  g_test_add_func ("/elf/seeds", test_seeds);
  g_test_add_func ("/elf/refused", test_refused);
  g_test_add_func ("/elf/other-abi", test_other_abi);
  g_test_add_func ("/elf/truncated", test_truncated);
  g_test_add_func ("/elf/damaged", test_damaged);
  return g_test_run ();
}
