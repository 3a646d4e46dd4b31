/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-error.h"

/*
 * MusterObjectConfig: the properties for objects of one type, checked as they are set from a keyfile's text, so that
 * objects (also with construct-only properties, also several alike) can be made of it later.
 */
typedef struct _MusterObjectConfig MusterObjectConfig;

MusterObjectConfig *muster_object_config_new (GType type);
MusterObjectConfig *muster_object_config_ref (MusterObjectConfig *config);
void muster_object_config_unref (MusterObjectConfig *config);

/* FALSE: MUSTER_ERROR_NOT_FOUND if a keyfile cannot set @key (the nearest that it can, or of @more_keys, is named),
 * MUSTER_ERROR_INVALID for a wrong value. @list is @text cut into a list. */
gboolean muster_object_config_set (MusterObjectConfig *config, const char *key, const char *text,
                                   const char *const *list, const char *const *more_keys, GError **error);

/* The same without a keyfile: FALSE if the type has no such text or list property. */
gboolean muster_object_config_set_text (MusterObjectConfig *config, const char *property, const char *text);
gboolean muster_object_config_set_list (MusterObjectConfig *config, const char *property, const char *const *list);

gboolean muster_object_config_has (MusterObjectConfig *config, const char *property);
GType muster_object_config_get_object_type (MusterObjectConfig *config);

GObject *muster_object_config_create (MusterObjectConfig *config);

/* The properties of a class that a keyfile can set, its own before its parents': NULL-terminated, borrowed specs. "name"
 * is not among them unless @with_name: it is the group's. */
GPtrArray *muster_object_config_list_specs (GObjectClass *class, gboolean with_name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterObjectConfig, muster_object_config_unref)
