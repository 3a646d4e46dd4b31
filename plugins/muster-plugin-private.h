/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-elf-private.h"
#include "muster-registry.h"

/* Whoever hands a plugin out has settled first whether it is usable; from then on it does not change. */
struct _MusterPlugin
{
  gatomicrefcount references;
  char *name;                               /* owned: the descriptor's; the file's without .so where that is unknown */
  char *path;                               /* owned */
  GError *error;                            /* owned, nullable: why it is broken */
  MusterElfDescriptor promise;              /* what the file says that it is, before it is loaded */
  const MusterPluginDescriptor *descriptor; /* borrowed from the resident module; NULL while not loaded */
};

/* Takes @error, the reason, if there is one. */
MusterPlugin *muster_plugin_new (const char *path, const MusterElfDescriptor *promise, GError *error);
void muster_plugin_break (MusterPlugin *plugin, GError *error);
