/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Points at which a process kills itself; compiled only with -Dfault-injection=true. Any thread: what is
 * wanted is read once (twice does no harm), and a counter is taken down by whoever passes.
 */
#include "muster-fault-private.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic (const char *) wanted; /* the variable's text; "" for none; NULL before it was looked at */
static atomic_long left;              /* passings up to the one that kills */

static const char *
get_wanted (void)
{
  const char *text = atomic_load_explicit (&wanted, memory_order_acquire);
  const char *colon;

  if (text != NULL)
    return text;
  text = getenv ("MUSTER_FAULT");
  if (text == NULL)
    text = "";
  colon = strchr (text, ':');
  atomic_store_explicit (&left, colon != NULL ? strtol (colon + 1, NULL, 10) : 1, memory_order_relaxed);
  atomic_store_explicit (&wanted, text, memory_order_release);
  return text;
}

void
muster_fault_pass (const char *name)
{
  const char *text = get_wanted ();
  size_t length = strcspn (text, ":");

  if (length == 0 || strncmp (text, name, length) != 0 || name[length] != '\0')
    return;
  if (atomic_fetch_sub_explicit (&left, 1, memory_order_relaxed) != 1)
    return;
  kill (getpid (), SIGKILL);
  for (;;)
    pause (); /* another thread's turn to die may come first */
}
