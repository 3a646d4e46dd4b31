/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdlib.h>

#include "muster-plugin.h"

/* Leaves a mark when the module's code runs: MUSTER_MOCK_RAN_NAME in the environment. */
#define MOCK_MARK(name)                                                                                                \
  __attribute__ ((constructor)) static void mock_mark (void)                                                           \
  {                                                                                                                    \
    setenv ("MUSTER_MOCK_RAN_" name, "1", 1);                                                                          \
  }
