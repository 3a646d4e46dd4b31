/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Large buffers from the kernel, of which a few are kept. A buffer belongs to whoever has exchanged it out of the array;
 * a signal handler that interrupts him finds the next one.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "muster-entry.h"
#include "muster-scratch-private.h"

/* Two for each of two calls at once. */
#define N_SPARE 4

static guint8 *_Atomic spare[N_SPARE];

guint8 *
muster_scratch_take (void)
{
  int saved = errno;
  void *made;

  for (guint i = 0; i < N_SPARE; i++)
    {
      guint8 *scratch = atomic_exchange_explicit (&spare[i], NULL, memory_order_acquire);

      if (scratch != NULL)
        return scratch;
    }
  made = mmap (NULL, MUSTER_ENTRY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = saved;
  return made != MAP_FAILED ? made : NULL;
}

void
muster_scratch_give (guint8 *scratch)
{
  for (guint i = 0; i < N_SPARE; i++)
    {
      guint8 *none = NULL;

      if (atomic_compare_exchange_strong_explicit (&spare[i], &none, scratch, memory_order_release,
                                                   memory_order_relaxed))
        return;
    }
  munmap (scratch, MUSTER_ENTRY_MAX);
}
