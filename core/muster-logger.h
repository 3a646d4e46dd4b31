/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "muster-field.h"

G_BEGIN_DECLS

#define MUSTER_TYPE_LOGGER (muster_logger_get_type ())
MUSTER_PUBLIC
G_DECLARE_FINAL_TYPE (MusterLogger, muster_logger, MUSTER, LOGGER, GObject)

MUSTER_PUBLIC MusterLogger *muster_logger_new_child (MusterLogger *self, const char *domain);
MUSTER_PUBLIC const char *muster_logger_get_domain (MusterLogger *self);
MUSTER_PUBLIC void muster_logger_set_level (MusterLogger *self, MusterLevel level);
MUSTER_PUBLIC MusterLevel muster_logger_get_level (MusterLogger *self);
MUSTER_PUBLIC gboolean muster_logger_is_enabled (MusterLogger *self, MusterLevel level);
MUSTER_PUBLIC void muster_logger_set_default (MusterLogger *self, const char *key, GVariant *value);
MUSTER_PUBLIC void muster_logger_remove_default (MusterLogger *self, const char *key);

MUSTER_PUBLIC void muster_logger_log (MusterLogger *self, MusterLevel level, const char *message, GVariant *fields);
MUSTER_PUBLIC void muster_logger_log_literal (MusterLogger *self, MusterLevel level, const char *file, guint line,
                                              const char *function, const char *message, gssize length);
MUSTER_PUBLIC void muster_logger_log_printf (MusterLogger *self, MusterLevel level, const char *file, guint line,
                                             const char *function, const char *format, ...) G_GNUC_PRINTF (6, 7);
MUSTER_PUBLIC void muster_logger_log_fields (MusterLogger *self, MusterLevel level, const char *file, guint line,
                                             const char *function, const MusterField *fields, gsize n_fields,
                                             const char *format, ...) G_GNUC_PRINTF (8, 9);
MUSTER_PUBLIC void muster_logger_log_payload (MusterLogger *self, MusterLevel level, const char *message,
                                              const char *type_url, GBytes *payload);
MUSTER_PUBLIC void muster_logger_capture_glib (MusterLogger *self);
MUSTER_PUBLIC void muster_logger_release_glib (void);

/**
 * MUSTER_FIELDS: (skip)
 *
 * An array of fields and its length, for the `_with` macros: `MUSTER_FIELDS (MUSTER_TEXT ("user", name), ...)`.
 */
#define MUSTER_FIELDS(...)                                                                                             \
  (const MusterField[]){ __VA_ARGS__ }, sizeof ((const MusterField[]){ __VA_ARGS__ }) / sizeof (MusterField)

/* `muster_info (logger, "format", ...)`: nothing is evaluated where the level is not enabled. */
#define MUSTER_LOG(logger, level, ...)                                                                                 \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (muster_logger_is_enabled ((logger), (level)))                                                                  \
      muster_logger_log_printf ((logger), (level), __FILE__, __LINE__, G_STRFUNC, __VA_ARGS__);                        \
  }                                                                                                                    \
  G_STMT_END
#define muster_emergency(logger, ...) MUSTER_LOG (logger, MUSTER_LEVEL_EMERGENCY, __VA_ARGS__)
#define muster_alert(logger, ...)     MUSTER_LOG (logger, MUSTER_LEVEL_ALERT, __VA_ARGS__)
#define muster_critical(logger, ...)  MUSTER_LOG (logger, MUSTER_LEVEL_CRITICAL, __VA_ARGS__)
#define muster_error(logger, ...)     MUSTER_LOG (logger, MUSTER_LEVEL_ERROR, __VA_ARGS__)
#define muster_warning(logger, ...)   MUSTER_LOG (logger, MUSTER_LEVEL_WARNING, __VA_ARGS__)
#define muster_notice(logger, ...)    MUSTER_LOG (logger, MUSTER_LEVEL_NOTICE, __VA_ARGS__)
#define muster_info(logger, ...)      MUSTER_LOG (logger, MUSTER_LEVEL_INFO, __VA_ARGS__)
#define muster_debug(logger, ...)     MUSTER_LOG (logger, MUSTER_LEVEL_DEBUG, __VA_ARGS__)

/* `muster_log_with (logger, MUSTER_LEVEL_INFO, MUSTER_FIELDS (MUSTER_INTEGER ("status", 200)), "format", ...)` */
#define muster_log_with(logger, level, ...)                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (muster_logger_is_enabled ((logger), (level)))                                                                  \
      muster_logger_log_fields ((logger), (level), __FILE__, __LINE__, G_STRFUNC, __VA_ARGS__);                        \
  }                                                                                                                    \
  G_STMT_END

G_END_DECLS
