/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* G_DEFINE_BOXED_TYPE for reference-counted values, without the union conversion in GLib's macro, which -Wpedantic does
 * not like. */
#define MUSTER_DEFINE_BOXED_TYPE(TypeName, type_name)                                                                  \
  GType type_name##_get_type (void)                                                                                    \
  {                                                                                                                    \
    static gsize type = 0;                                                                                             \
                                                                                                                       \
    if (g_once_init_enter (&type))                                                                                     \
      g_once_init_leave (&type, g_boxed_type_register_static (g_intern_static_string (#TypeName),                      \
                                                              (GBoxedCopyFunc) (void (*) (void)) type_name##_ref,      \
                                                              (GBoxedFreeFunc) (void (*) (void)) type_name##_unref));  \
    return type;                                                                                                       \
  }
