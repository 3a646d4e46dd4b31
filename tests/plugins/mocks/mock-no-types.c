/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("no_types")

MUSTER_PLUGIN_DEFINE ("no-types", "1", "Has no types", "MIT", { (MusterPluginKind) 0, NULL, NULL });
