/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"

G_BEGIN_DECLS

/* Properties that people write with a unit: "500ms" "10s" "2h" (microseconds, a gint64), "64KiB" "1GiB" (bytes, a
 * guint64). They behave like gint64 and guint64 properties, and the keyfile reader knows them. */

#define MUSTER_TYPE_PARAM_DURATION (muster_param_duration_get_type ())
#define MUSTER_TYPE_PARAM_SIZE     (muster_param_size_get_type ())

MUSTER_PUBLIC GType muster_param_duration_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC GType muster_param_size_get_type (void) G_GNUC_CONST;
MUSTER_PUBLIC GParamSpec *muster_param_spec_duration (const char *name, const char *nick, const char *blurb,
                                                      gint64 minimum_us, gint64 maximum_us, gint64 default_us,
                                                      GParamFlags flags);
MUSTER_PUBLIC GParamSpec *muster_param_spec_size (const char *name, const char *nick, const char *blurb,
                                                  guint64 minimum, guint64 maximum, guint64 default_bytes,
                                                  GParamFlags flags);
MUSTER_PUBLIC gboolean muster_duration_from_string (const char *text, gint64 *duration_us, GError **error);
MUSTER_PUBLIC char *muster_duration_to_string (gint64 duration_us);
MUSTER_PUBLIC gboolean muster_size_from_string (const char *text, guint64 *bytes, GError **error);
MUSTER_PUBLIC char *muster_size_to_string (guint64 bytes);

G_END_DECLS
