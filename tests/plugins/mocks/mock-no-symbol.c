/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("no_symbol")

MUSTER_PUBLIC int muster_plugin_descriptors;
int muster_plugin_descriptors = 1; /* a neighbour's name does not do */
