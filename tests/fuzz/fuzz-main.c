/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a fuzzer without libFuzzer, with any compiler: first the files, and all files in the folders, that are given;
 * then --runs=N random mutations of them. A run depends on --seed and its number alone, so a crash, which says both, is
 * seen again with --seed=S --first=K --runs=1. Each run gets an allocation of its exact size, for AddressSanitizer.
 */
#include "config.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static int runs = 0;
static int first = 0;
static int seed = 1;
static int max_length = 4096;
static char **paths = NULL;

static const GOptionEntry options[] = {
  { "runs", 0, 0, G_OPTION_ARG_INT, &runs, "mutations to try after the files", "N" },
  { "first", 0, 0, G_OPTION_ARG_INT, &first, "the first mutation's number", "K" },
  { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "what the mutations depend on", "S" },
  { "max-length", 0, 0, G_OPTION_ARG_INT, &max_length, "the longest mutation, in bytes", "BYTES" },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, "FILE-OR-FOLDER..." },
  G_OPTION_ENTRY_NULL,
};

/* What is being tried, for the signal handler. */
static char current[512];

static void
crash_handler (int number)
{
  gsize length = strlen (current);
  gssize written = write (STDERR_FILENO, current, length);

  (void) written;
  signal (number, SIG_DFL);
  raise (number);
}

static void
run (const guint8 *data, gsize size)
{
  guint8 *copy = g_malloc (size);

  if (size > 0)
    memcpy (copy, data, size);
  LLVMFuzzerTestOneInput (copy, size);
  g_free (copy);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
add_path (GPtrArray *seeds, const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  gsize length;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    g_ptr_array_add (names, g_build_filename (path, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    add_path (seeds, names->pdata[i]);
  if (folder != NULL)
    return;
  if (!g_file_get_contents (path, &text, &length, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (2);
    }
  g_snprintf (current, sizeof current, "fuzz: this was the file %s\n", path);
  run ((const guint8 *) text, length);
  g_ptr_array_add (seeds, g_bytes_new (text, length));
}

/* One small change. */
static void
mutate (GByteArray *input, GPtrArray *seeds, GRand *random)
{
  static const guint8 interesting[] = { 0x00, 0x01, 0x08, 0x0a, 0x12, 0x1b, 0x20, '%',
                                        ':',  '{',  '}',  0x7f, 0x80, 0xc2, 0xff };
  guint at = input->len > 0 ? (guint) g_rand_int_range (random, 0, (gint32) input->len) : 0;
  guint left = input->len - at;
  guint n = left > 0 ? (guint) g_rand_int_range (random, 1, (gint32) MIN (left, 32) + 1) : 0;
  guint8 byte = g_rand_boolean (random) ? interesting[g_rand_int_range (random, 0, sizeof interesting)]
                                        : (guint8) g_rand_int_range (random, 0, 256);
  g_autofree guint8 *piece = n > 0 ? g_memdup2 (input->data + at, n) : NULL;
  GBytes *other;
  gsize other_length;
  const guint8 *other_data;

  switch (input->len > 0 ? g_rand_int_range (random, 0, 7) : 1)
    {
    case 0: /* another byte */
      input->data[at] = byte;
      break;
    case 1: /* one byte more */
      g_byte_array_append (input, &byte, 1);
      memmove (input->data + at + 1, input->data + at, input->len - 1 - at);
      input->data[at] = byte;
      break;
    case 2: /* another bit */
      input->data[at] ^= (guint8) (1u << g_rand_int_range (random, 0, 8));
      break;
    case 3: /* some bytes less */
      g_byte_array_remove_range (input, at, n);
      break;
    case 4: /* some bytes twice */
      g_byte_array_append (input, piece, n);
      break;
    case 5: /* cut off */
      g_byte_array_set_size (input, at);
      break;
    default: /* the end of another seed */
      other = seeds->pdata[g_rand_int_range (random, 0, (gint32) seeds->len)];
      other_data = g_bytes_get_data (other, &other_length);
      g_byte_array_set_size (input, at);
      at = other_length > 0 ? (guint) g_rand_int_range (random, 0, (gint32) other_length) : 0;
      if (other_length > at)
        g_byte_array_append (input, other_data + at, (guint) (other_length - at));
      break;
    }
  if (input->len > (guint) max_length)
    g_byte_array_set_size (input, (guint) max_length);
}

static void
run_mutation (int number, GPtrArray *seeds)
{
  const guint32 start[2] = { (guint32) seed, (guint32) number };
  GRand *random = g_rand_new_with_seed_array (start, 2);
  GBytes *bytes = seeds->pdata[g_rand_int_range (random, 0, (gint32) seeds->len)];
  g_autoptr (GByteArray) input = g_byte_array_new ();
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);
  gint32 changes = g_rand_int_range (random, 1, 9);

  g_snprintf (current, sizeof current, "fuzz: this was --seed=%d --first=%d --runs=1\n", seed, number);
  if (length > 0)
    g_byte_array_append (input, data, (guint) length);
  for (gint32 i = 0; i < changes; i++)
    mutate (input, seeds, random);
  run (input->data, input->len);
  g_rand_free (random);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func ((GDestroyNotify) (void (*) (void)) g_bytes_unref);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  signal (SIGABRT, crash_handler); /* a sanitizer's reports end in it, and so do assertions */
  for (char **path = paths; path != NULL && *path != NULL; path++)
    add_path (seeds, *path);
  if (seeds->len == 0)
    g_ptr_array_add (seeds, g_bytes_new_static ("", 0));
  for (int i = 0; i < runs; i++)
    run_mutation (first + i, seeds);
  g_print ("fuzz: %u seeds, %d mutations\n", seeds->len, runs);
  g_strfreev (paths);
  return 0;
}
