/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a file with symbols. The seeds are made by make-symbols-seeds.py, small enough to be changed all over.
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "muster-symbols-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
look_up (int fd, const guint8 *build_id, gsize length)
{
  MusterSymbol symbols[] = {
    { .address = 0 }, { .address = 0x1044 }, { .address = 0x10ff }, { .address = G_MAXUINT64 }
  };
  GError *error = NULL;
  gboolean good = muster_symbols_find (fd, build_id, length, symbols, G_N_ELEMENTS (symbols), &error);

  g_assert (good == (error == NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (symbols); i++)
    {
      g_assert (good || symbols[i].name == NULL);
      g_assert (symbols[i].name == NULL || g_utf8_validate (symbols[i].name, -1, NULL));
      g_free (symbols[i].name);
    }
  g_clear_error (&error);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const guint8 build_id[20] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 };
  static int fd = -1;

  if (fd < 0)
    fd = memfd_create ("symbols", MFD_CLOEXEC);
  g_assert (ftruncate (fd, 0) == 0 && pwrite (fd, data, size, 0) == (gssize) size);
  look_up (fd, NULL, 0);
  look_up (fd, build_id, sizeof build_id);
  return 0;
}
