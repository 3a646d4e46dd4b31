/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("newer_minor")

static const MusterPluginType types[] = { { MUSTER_PLUGIN_FORMAT, "newer", NULL }, { 0 } };

MUSTER_PUBLIC const MusterPluginDescriptor muster_plugin_descriptor;
const MusterPluginDescriptor muster_plugin_descriptor = {
  .abi_major = MUSTER_PLUGIN_ABI_MAJOR,
  .abi_minor = MUSTER_PLUGIN_ABI_MINOR + 1,
  .name = "newer-minor",
  .version = "1",
  .description = "Built for a newer Muster",
  .licence = "MIT",
  .types = types,
};
