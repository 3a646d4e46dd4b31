/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("duplicate_type")

static GType
get_type (void)
{
  abort ();
}

MUSTER_PLUGIN_DEFINE ("duplicate-type", "1", "Has another plugin's type", "MIT",
                      { MUSTER_PLUGIN_FORMAT, "free", get_type }, { MUSTER_PLUGIN_TRANSPORT, "mock", get_type });
