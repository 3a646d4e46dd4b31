/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-plugin-private.h"

/* Looks at the file at @path without running anything of it; what is wrong is the plugin's problem. */
MusterPlugin *muster_loader_inspect (const char *path);

/* Loads an inspected plugin, once; FALSE if it is broken, or turns out to be. */
gboolean muster_loader_load (MusterPlugin *plugin);

/* The GType of a loaded plugin's type; G_TYPE_INVALID if there is none of that kind and name. */
GType muster_loader_get_type (MusterPlugin *plugin, MusterPluginKind kind, const char *name);

/* "format", "transport", "source"; NULL for another number. */
const char *muster_loader_kind_name (guint kind);
