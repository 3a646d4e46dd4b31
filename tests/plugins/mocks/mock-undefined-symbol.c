/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("undefined_symbol")

GType muster_mock_nowhere_get_type (void);

static GType
get_type (void)
{
  return muster_mock_nowhere_get_type ();
}

MUSTER_PLUGIN_DEFINE ("undefined-symbol", "1", "Needs a function that nobody has", "MIT",
                      { MUSTER_PLUGIN_FORMAT, "undefined", get_type });
