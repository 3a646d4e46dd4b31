/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mock.h"

MOCK_MARK ("wrong_major")

/* Another major may look quite different behind its first two numbers. */
typedef struct
{
  guint32 abi_major;
  guint32 abi_minor;
  guint64 something[2];
} OtherDescriptor;

MUSTER_PUBLIC const OtherDescriptor muster_plugin_descriptor;
const OtherDescriptor muster_plugin_descriptor = { MUSTER_PLUGIN_ABI_MAJOR + 1, 0, { 77, 78 } };
