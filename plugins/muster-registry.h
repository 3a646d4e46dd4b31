/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"
#include "muster-plugin.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_REGISTRY (muster_registry_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterRegistry, muster_registry, MUSTER, REGISTRY, GObject)

#define MUSTER_TYPE_PLUGIN (muster_plugin_get_type ())

/**
 * MusterPlugin:
 *
 * A module that was found: usable, or broken with its reason. An immutable, reference-counted value.
 */
typedef struct _MusterPlugin MusterPlugin;

MUSTER_PUBLIC GType muster_plugin_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC MusterPlugin *muster_plugin_ref (MusterPlugin *plugin);
MUSTER_PUBLIC void muster_plugin_unref (MusterPlugin *plugin);
MUSTER_PUBLIC const char *muster_plugin_get_name (MusterPlugin *plugin);
MUSTER_PUBLIC const char *muster_plugin_get_path (MusterPlugin *plugin);
MUSTER_PUBLIC const char *muster_plugin_get_problem (MusterPlugin *plugin);
MUSTER_PUBLIC const MusterPluginDescriptor *muster_plugin_get_descriptor (MusterPlugin *plugin);

MUSTER_PUBLIC MusterRegistry *muster_registry_get_default (void);
MUSTER_PUBLIC MusterRegistry *muster_registry_new (const char *const *directories);
MUSTER_PUBLIC GPtrArray *muster_registry_list_plugins (MusterRegistry *self);
MUSTER_PUBLIC GStrv muster_registry_list_types (MusterRegistry *self, MusterPluginKind kind);
MUSTER_PUBLIC GType muster_registry_lookup (MusterRegistry *self, MusterPluginKind kind, const char *name,
                                            GError **error);

MUSTER_PUBLIC const MusterMetricKind *muster_registry_lookup_metric_kind (MusterRegistry *self, const char *name,
                                                                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterPlugin, muster_plugin_unref)

G_END_DECLS
