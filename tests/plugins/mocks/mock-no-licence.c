/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("no_licence")

static GType
get_type (void)
{
  abort ();
}

MUSTER_PLUGIN_DEFINE ("no-licence", "1", "Has no licence", NULL, { MUSTER_PLUGIN_FORMAT, "unlicensed", get_type });
