/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("duplicate_name")

static GType
get_type (void)
{
  abort ();
}

MUSTER_PLUGIN_DEFINE ("good", "2", "Has another plugin's name", "MIT", { MUSTER_PLUGIN_FORMAT, "spare", get_type });
