/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"

G_BEGIN_DECLS

/* What a Muster metric becomes; in the order in which they may choose a name. */
typedef enum
{
  MUSTER_PROMETHEUS_COUNTER, /* inc */
  MUSTER_PROMETHEUS_GAUGE,   /* set, a number */
  MUSTER_PROMETHEUS_SUMMARY, /* sample */
  MUSTER_PROMETHEUS_SECONDS, /* timedSample: a summary, too */
  MUSTER_PROMETHEUS_INFO,    /* set, a text */
  MUSTER_PROMETHEUS_N_TYPES,
} MusterPrometheusType;

/* Appends what a metric with this id is called, without what the exposition puts behind it. FALSE: the id cannot be read
 * out of it, so it has to be a label, too. */
gboolean muster_prometheus_append_name (GString *name, const char *prefix, const char *id, MusterPrometheusType type);

/* Whether it may be put before names: empty, or a name itself. */
gboolean muster_prometheus_is_prefix (const char *prefix);

/* Appends `,NAME="VALUE"` (without the comma, if it is the first), escaped; nothing where the value is empty, for to
 * Prometheus that is the same. The value is UTF-8. */
void muster_prometheus_append_label (GString *labels, const char *name, const char *value);

/* The same, for an id that is not its name. */
void muster_prometheus_append_id_label (GString *labels, const char *id);

/* Appends elements with `/` between: no two lists look alike. In an element `/` is `\/`, and `\` is `\\`; an empty one
 * is `\-`. */
void muster_prometheus_append_path (GString *path, const char *const *elements, gsize n);

/* What somebody has sent, as UTF-8, which it may be not. */
char *muster_prometheus_copy_slice (MusterSlice slice);

G_END_DECLS
