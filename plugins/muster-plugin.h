/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-macros.h"
#include "muster-metric-kind.h"

G_BEGIN_DECLS

/**
 * MUSTER_PLUGIN_ABI_MAJOR: (skip)
 *
 * Plugins of another major are refused.
 */
#define MUSTER_PLUGIN_ABI_MAJOR 1

/**
 * MUSTER_PLUGIN_ABI_MINOR: (skip)
 *
 * Plugins of a newer minor are refused; older ones work.
 */
#define MUSTER_PLUGIN_ABI_MINOR 0

/**
 * MusterPluginKind: (skip)
 *
 * What a type of a plugin is: a subclass of #MusterFormat, #MusterTransport or #MusterSource; or a
 * #MusterMetricKind.
 */
typedef enum
{
  MUSTER_PLUGIN_FORMAT = 1,
  MUSTER_PLUGIN_TRANSPORT = 2,
  MUSTER_PLUGIN_SOURCE = 3,
  MUSTER_PLUGIN_METRIC = 4,
} MusterPluginKind;

/**
 * MusterPluginType: (skip)
 * @kind: what it is
 * @name: what a keyfile's `type=` calls it
 * @get_type: its GType getter; not called before the descriptor has been accepted. Of a kind of metric it is not that: see
 *   MUSTER_PLUGIN_METRIC_KIND()
 */
typedef struct
{
  MusterPluginKind kind;
  const char *name;
  GType (*get_type) (void);
} MusterPluginType;

/**
 * MUSTER_PLUGIN_METRIC_KIND: (skip)
 * @name: the kind's name
 * @get_kind: a function without arguments that returns it: a constant #MusterMetricKind
 *
 * The initialiser of a #MusterPluginType for a kind of metric.
 */
#define MUSTER_PLUGIN_METRIC_KIND(name, get_kind)                                                                      \
  {                                                                                                                    \
    MUSTER_PLUGIN_METRIC, name, (GType (*) (void)) (void (*) (void)) (get_kind)                                        \
  }

/**
 * MusterPluginDescriptor: (skip)
 *
 * The one thing that a plugin module exports, as the constant `muster_plugin_descriptor`. It is read before any code of
 * the plugin runs; @types ends with a type whose name is %NULL.
 */
typedef struct
{
  guint32 abi_major;
  guint32 abi_minor;
  const char *name;
  const char *version;
  const char *description;
  const char *licence;
  const MusterPluginType *types;
  gpointer padding[4];
} MusterPluginDescriptor;

/**
 * MUSTER_PLUGIN_DEFINE: (skip)
 *
 * Defines the descriptor: name, version, description, licence, then the types as initialisers.
 * `MUSTER_PLUGIN_DEFINE ("file", "0.1", "Files", "LGPL-2.1-or-later", { MUSTER_PLUGIN_TRANSPORT, "file", get_type })`
 */
#define MUSTER_PLUGIN_DEFINE(plugin_name, plugin_version, plugin_description, plugin_licence, ...)                     \
  static const MusterPluginType muster_plugin_types[] = { __VA_ARGS__, { (MusterPluginKind) 0, NULL, NULL } };         \
  MUSTER_PUBLIC const MusterPluginDescriptor muster_plugin_descriptor;                                                 \
  const MusterPluginDescriptor muster_plugin_descriptor = {                                                            \
    .abi_major = MUSTER_PLUGIN_ABI_MAJOR,                                                                              \
    .abi_minor = MUSTER_PLUGIN_ABI_MINOR,                                                                              \
    .name = plugin_name,                                                                                               \
    .version = plugin_version,                                                                                         \
    .description = plugin_description,                                                                                 \
    .licence = plugin_licence,                                                                                         \
    .types = muster_plugin_types,                                                                                      \
  }

G_END_DECLS
