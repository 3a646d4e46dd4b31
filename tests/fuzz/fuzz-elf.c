/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a plugin module. The seeds are made by make-elf-seeds.py, small enough to be changed all over.
 */
#include "config.h"

#include "muster-elf-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_auto (MusterElfDescriptor) descriptor = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean good = muster_elf_read_descriptor (data, size, &descriptor, &error);

  g_assert (good == (error == NULL));
  for (guint i = 0; descriptor.types != NULL && i < descriptor.types->len; i++)
    g_assert (g_utf8_validate (g_array_index (descriptor.types, MusterElfType, i).name, -1, NULL));
  return 0;
}
