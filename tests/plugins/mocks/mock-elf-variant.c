/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

static GType
get_type (void)
{
  return G_TYPE_INVALID;
}

/* Symbols around ours, so that the hash table has chains. */
#define NEIGHBOUR(n)                                                                                                   \
  MUSTER_PUBLIC int neighbour_##n;                                                                                     \
  int neighbour_##n = n;
NEIGHBOUR (1)
NEIGHBOUR (2)
NEIGHBOUR (3)
NEIGHBOUR (4)
NEIGHBOUR (5)
NEIGHBOUR (6)
NEIGHBOUR (7)

MUSTER_PLUGIN_DEFINE ("variant", "1.2", "To be read, not loaded", "MIT", { MUSTER_PLUGIN_FORMAT, "one", get_type },
                      { MUSTER_PLUGIN_SOURCE, "two", get_type });
