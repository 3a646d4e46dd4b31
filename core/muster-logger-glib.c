/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Taking over g_log() and g_log_structured(): what libraries say becomes records like any other. Any thread.
 */
#include "config.h"

#include <stdlib.h>

#include "muster-logger-private.h"

#define GLIB_FIELDS_MAX 32

static MusterLogger *capturing; /* owned; atomic */
static GPrivate inside;         /* not NULL while this thread is in the writer: a log call that logs goes to stderr */

static MusterLevel
level_from_glib (GLogLevelFlags flags)
{
  /* G_LOG_LEVEL_ERROR ends the process; G_LOG_LEVEL_CRITICAL is a programmer's mistake that may not. */
  if (flags & G_LOG_LEVEL_ERROR)
    return MUSTER_LEVEL_CRITICAL;
  if (flags & G_LOG_LEVEL_CRITICAL)
    return MUSTER_LEVEL_ERROR;
  if (flags & G_LOG_LEVEL_WARNING)
    return MUSTER_LEVEL_WARNING;
  if (flags & G_LOG_LEVEL_MESSAGE)
    return MUSTER_LEVEL_NOTICE;
  if (flags & G_LOG_LEVEL_INFO)
    return MUSTER_LEVEL_INFO;
  return MUSTER_LEVEL_DEBUG;
}

static MusterSlice
slice_from_log_field (const GLogField *field)
{
  if (field->value == NULL)
    return (MusterSlice){ "", 0 };
  return (MusterSlice){ field->value, field->length < 0 ? strlen (field->value) : (gsize) field->length };
}

static void
write_record (MusterLogger *logger, MusterLevel level, const GLogField *fields, gsize n_fields)
{
  MusterField views[GLIB_FIELDS_MAX];
  gsize n_views = 0;
  MusterSlice message = { "", 0 };
  const char *file = NULL, *function = NULL;
  guint line = 0;

  for (gsize i = 0; i < n_fields; i++)
    {
      const GLogField *field = &fields[i];

      if (g_str_equal (field->key, "MESSAGE"))
        message = slice_from_log_field (field);
      else if (g_str_equal (field->key, "CODE_FILE") && field->length < 0)
        file = field->value;
      else if (g_str_equal (field->key, "CODE_FUNC") && field->length < 0)
        function = field->value;
      else if (g_str_equal (field->key, "CODE_LINE") && field->length < 0)
        line = (guint) strtoul (field->value, NULL, 10);
      else if (!g_str_equal (field->key, "PRIORITY") && n_views < GLIB_FIELDS_MAX)
        views[n_views++] = (MusterField){ .key = muster_slice_from_string (field->key),
                                          .type = field->length < 0 ? MUSTER_FIELD_TEXT : MUSTER_FIELD_DATA,
                                          .value.text = slice_from_log_field (field) };
    }
  muster_logger_log_fields (logger, level, file, line, function, views, n_views, "%.*s",
                            (int) MIN (message.length, MUSTER_ENTRY_MAX), message.data);
}

static GLogWriterOutput
writer (GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  MusterLogger *logger = g_atomic_pointer_get (&capturing);
  MusterLevel level = level_from_glib (flags);

  if (logger == NULL || g_private_get (&inside) != NULL)
    return g_log_writer_default (flags, fields, n_fields, NULL);
  if (!muster_logger_is_enabled (logger, level))
    return G_LOG_WRITER_HANDLED;
  g_private_set (&inside, logger);
  write_record (logger, level, fields, n_fields);
  g_private_set (&inside, NULL);
  return G_LOG_WRITER_HANDLED;
}

/**
 * muster_logger_capture_glib:
 * @self: a logger
 *
 * From now on everything that goes through g_log() and g_log_structured() in this process becomes a record of @self:
 * message, code location, and the other fields (GLIB_DOMAIN among them) as fields. Fatal messages are records before they
 * end the process. g_print() and g_printerr() stay as they are. Calling it again changes the logger.
 *
 * It uses g_log_set_writer_func(), which a process may call only once: a program that has a writer of its own must not
 * call this.
 *
 * Since: 0.1
 */
void
muster_logger_capture_glib (MusterLogger *self)
{
  static gsize installed = 0;
  MusterLogger *previous;

  g_return_if_fail (MUSTER_IS_LOGGER (self));

  previous = g_atomic_pointer_exchange (&capturing, g_object_ref (self));
  if (g_once_init_enter (&installed))
    {
      g_log_set_writer_func (writer, NULL, NULL);
      g_once_init_leave (&installed, 1);
    }
  g_clear_object (&previous);
}

/**
 * muster_logger_release_glib:
 *
 * Ends what muster_logger_capture_glib() began: g_log() goes where GLib sends it by default. No other thread may be
 * logging through GLib at that moment.
 *
 * Since: 0.1
 */
void
muster_logger_release_glib (void)
{
  MusterLogger *previous = g_atomic_pointer_exchange (&capturing, NULL);

  g_clear_object (&previous);
}
