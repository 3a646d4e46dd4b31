/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Saying things. A log call formats and encodes on its own stack, then appends to the journal: no lock and no allocation,
 * in any thread and in signal handlers. The functions that change a logger (levels, defaults) may be called from any
 * thread too, but not from signal handlers.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "muster-default-fields-private.h"
#include "muster-encoder-private.h"
#include "muster-field-variant-private.h"
#include "muster-logger-private.h"
#include "muster-printf-private.h"
#include "muster-scratch-private.h"

/* What fits here is encoded on the stack; the rest takes a scratch buffer. */
#define SMALL_SIZE 2048
#define DOMAIN_MAX 255

struct _MusterLogger
{
  GObject parent_instance;

  MusterSink *sink; /* owned */
  char *domain;     /* owned */
  gsize domain_length;
  _Atomic int level; /* MUSTER_LEVEL_NONE: the sink's */

  MusterDefaultFields defaults;
};

G_DEFINE_FINAL_TYPE (MusterLogger, muster_logger, G_TYPE_OBJECT)

/* -- the log call --------------------------------------------------------------------------------- */

static inline guint64
realtime_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  return (guint64) now.tv_sec * 1000000000u + (guint64) now.tv_nsec;
}

static inline const char *
relative_file (const char *file)
{
  /* Build systems name sources from their build directory. */
  while (file != NULL && file[0] == '.' && file[1] == '.' && file[2] == '/')
    file += 3;
  return file;
}

/* No memory: the beginning of the message is better than nothing. */
static void
emit_beginning (MusterLogger *self, const MusterRecordParts *parts, guint8 *buffer, gsize capacity)
{
  MusterRecordParts less = *parts;
  gsize length;
  const guint8 *start;

  less.defaults.length = less.n_fields = 0;
  less.payload.data = NULL;
  less.truncated_from = MAX (parts->truncated_from, parts->message.length);
  less.message.length = MIN (parts->message.length, capacity / 16);
  start = muster_encode_record (buffer, capacity, &less, &length);
  if (start != NULL)
    muster_sink_append (self->sink, parts->level, start, length);
}

static void
emit_small (MusterLogger *self, const MusterRecordParts *parts)
{
  guint8 buffer[SMALL_SIZE];
  guint8 *scratch;
  gsize length;
  const guint8 *start = muster_encode_record (buffer, sizeof buffer, parts, &length);

  if (G_LIKELY (start != NULL))
    {
      muster_sink_append (self->sink, parts->level, start, length);
      return;
    }
  scratch = muster_scratch_take ();
  if (scratch == NULL)
    {
      emit_beginning (self, parts, buffer, sizeof buffer);
      return;
    }
  start = muster_encode_record (scratch, MUSTER_ENTRY_MAX, parts, &length);
  if (start != NULL)
    muster_sink_append (self->sink, parts->level, start, length);
  muster_scratch_give (scratch);
}

static __attribute__ ((noinline)) void
emit_with_defaults (MusterLogger *self, MusterRecordParts *parts)
{
  guint64 copy[MUSTER_DEFAULT_FIELDS_MAX / 8];

  parts->defaults.data = (const char *) copy;
  parts->defaults.length = muster_default_fields_encode (&self->defaults, copy);
  emit_small (self, parts);
}

static inline void
emit_parts (MusterLogger *self, MusterRecordParts *parts)
{
  int saved = errno;

  parts->time_ns = realtime_ns ();
  parts->domain = (MusterSlice){ self->domain, self->domain_length };
  parts->file = relative_file (parts->file);
  if (G_UNLIKELY (muster_default_fields_are_set (&self->defaults)))
    emit_with_defaults (self, parts);
  else
    emit_small (self, parts);
  errno = saved;
}

/* @parts->message: what there is to say if this fails. */
static __attribute__ ((noinline, format (printf, 3, 0))) void
format_large (MusterLogger *self, MusterRecordParts *parts, const char *format, va_list arguments)
{
  char *message = (char *) muster_scratch_take ();
  int length = message != NULL ? vsnprintf (message, MUSTER_ENTRY_MAX, format, arguments) : -1;

  if (length >= 0)
    {
      parts->message = (MusterSlice){ message, MIN ((gsize) length, MUSTER_ENTRY_MAX - 1) };
      parts->truncated_from = (gsize) length >= MUSTER_ENTRY_MAX ? (gsize) length : 0;
    }
  emit_parts (self, parts);
  if (message != NULL)
    muster_scratch_give ((guint8 *) message);
}

static inline __attribute__ ((format (printf, 3, 0))) void
format_and_emit (MusterLogger *self, MusterRecordParts *parts, const char *format, va_list arguments)
{
  char message[SMALL_SIZE / 2];
  va_list copy;
  gssize length;

  va_copy (copy, arguments);
  length = muster_printf_fast (message, sizeof message, format, copy);
  va_end (copy);
  if (length < 0)
    {
      va_copy (copy, arguments);
      length = vsnprintf (message, sizeof message, format, copy);
      va_end (copy);
    }
  if (G_UNLIKELY (length < 0 || (gsize) length >= sizeof message))
    {
      /* Only a wide string that has no form in this locale fails there too; the format itself is better than nothing. */
      parts->message = muster_slice_from_string (format);
      format_large (self, parts, format, arguments);
      return;
    }
  parts->message = (MusterSlice){ message, (gsize) length };
  emit_parts (self, parts);
}

/**
 * muster_logger_is_enabled:
 * @self: a logger
 * @level: a level
 *
 * Whether a record of @level would be kept. Any thread, signal handlers too.
 *
 * Returns: %TRUE if @level is at least as bad as the logger's level
 * Since: 0.1
 */
gboolean
muster_logger_is_enabled (MusterLogger *self, MusterLevel level)
{
  int threshold = atomic_load_explicit (&self->level, memory_order_relaxed);

  if (threshold == MUSTER_LEVEL_NONE)
    threshold = atomic_load_explicit (&self->sink->level, memory_order_relaxed);
  return (int) level <= threshold;
}

/**
 * muster_logger_log_printf: (skip)
 * @self: a logger
 * @level: how bad it is
 * @file: (nullable): source file
 * @line: its line; 0 for none
 * @function: (nullable): its function
 * @format: a printf(3) format
 * @...: its arguments
 *
 * What the macros muster_info() and the like call. It does not look at the level. When it returns, the record is in the
 * journal and survives the process, unless the journal was full: then the loss is counted and declared. Any thread,
 * signal handlers too; errno is kept.
 *
 * Since: 0.1
 */
void
muster_logger_log_printf (MusterLogger *self, MusterLevel level, const char *file, guint line, const char *function,
                          const char *format, ...)
{
  MusterRecordParts parts = { .level = level, .file = file, .line = line, .function = function };
  va_list arguments;

  va_start (arguments, format);
  format_and_emit (self, &parts, format, arguments);
  va_end (arguments);
}

/**
 * muster_logger_log_fields: (skip)
 * @self: a logger
 * @level: how bad it is
 * @file: (nullable): source file
 * @line: its line; 0 for none
 * @function: (nullable): its function
 * @fields: (array length=n_fields): values beside the message
 * @n_fields: how many
 * @format: a printf(3) format
 * @...: its arguments
 *
 * Like muster_logger_log_printf(), with fields; see the macro muster_log_with().
 *
 * Since: 0.1
 */
void
muster_logger_log_fields (MusterLogger *self, MusterLevel level, const char *file, guint line, const char *function,
                          const MusterField *fields, gsize n_fields, const char *format, ...)
{
  MusterRecordParts parts = { .level = level, .file = file, .line = line, .function = function };
  va_list arguments;

  parts.fields = fields;
  parts.n_fields = n_fields;
  va_start (arguments, format);
  format_and_emit (self, &parts, format, arguments);
  va_end (arguments);
}

/**
 * muster_logger_log_literal:
 * @self: a logger
 * @level: how bad it is
 * @file: (nullable): source file
 * @line: its line; 0 for none
 * @function: (nullable): its function
 * @message: (array length=length) (element-type guint8): the message: any bytes
 * @length: bytes of @message; -1 if it ends with a NUL
 *
 * Like muster_logger_log_printf(), without formatting.
 *
 * Since: 0.1
 */
void
muster_logger_log_literal (MusterLogger *self, MusterLevel level, const char *file, guint line, const char *function,
                           const char *message, gssize length)
{
  MusterRecordParts parts = { .level = level, .file = file, .line = line, .function = function };

  parts.message = (MusterSlice){ message, length < 0 ? strlen (message) : (gsize) length };
  emit_parts (self, &parts);
}

/* At most this many fields of a variant; a dictionary of more is a mistake, and is cut. */
#define VARIANT_FIELDS_MAX 64

/**
 * muster_logger_log:
 * @self: a logger
 * @level: how bad it is
 * @message: the message
 * @fields: (nullable): a dictionary a{sv} of values beside it; if floating, it is consumed. At most 64 are taken
 *
 * One record, for languages without printf; kept only where @level is enabled. Any thread.
 *
 * Since: 0.1
 */
void
muster_logger_log (MusterLogger *self, MusterLevel level, const char *message, GVariant *fields)
{
  g_autoptr (GVariant) sunk = fields != NULL ? g_variant_ref_sink (fields) : NULL;
  MusterRecordParts parts = { .level = level, .message = muster_slice_from_string (message) };
  MusterField views[VARIANT_FIELDS_MAX];
  GVariant *values[VARIANT_FIELDS_MAX];
  char *scratch[VARIANT_FIELDS_MAX] = { NULL };
  GVariantIter iter;
  const char *key;

  g_return_if_fail (MUSTER_IS_LOGGER (self));
  g_return_if_fail (message != NULL);
  g_return_if_fail (fields == NULL || g_variant_is_of_type (fields, G_VARIANT_TYPE_VARDICT));

  if (!muster_logger_is_enabled (self, level))
    return;
  parts.fields = views;
  if (sunk != NULL)
    {
      g_variant_iter_init (&iter, sunk);
      while (parts.n_fields < VARIANT_FIELDS_MAX && g_variant_iter_next (&iter, "{&sv}", &key, &values[parts.n_fields]))
        {
          views[parts.n_fields] = muster_field_from_variant (key, values[parts.n_fields], &scratch[parts.n_fields]);
          parts.n_fields++;
        }
    }
  emit_parts (self, &parts);
  for (gsize i = 0; i < parts.n_fields; i++)
    {
      g_variant_unref (values[i]);
      g_free (scratch[i]);
    }
}

/**
 * muster_logger_log_payload:
 * @self: a logger
 * @level: how bad it is
 * @message: (nullable): text beside the payload
 * @type_url: the protobuf type of @payload, as google.protobuf.Any names types
 * @payload: the user's own message, encoded; it is never cut: one that does not fit into an entry (64 KiB) is left out,
 *   and the field `fields_dropped` says so
 *
 * One record that carries the user's own protobuf message. Any thread.
 *
 * Since: 0.1
 */
void
muster_logger_log_payload (MusterLogger *self, MusterLevel level, const char *message, const char *type_url,
                           GBytes *payload)
{
  MusterRecordParts parts = { .level = level, .message = muster_slice_from_string (message) };

  g_return_if_fail (MUSTER_IS_LOGGER (self));
  g_return_if_fail (type_url != NULL && g_utf8_validate (type_url, -1, NULL) && payload != NULL);

  if (!muster_logger_is_enabled (self, level))
    return;
  parts.payload_type = muster_slice_from_string (type_url);
  parts.payload.data = g_bytes_get_data (payload, &parts.payload.length);
  if (parts.payload.data == NULL)
    parts.payload.data = "";
  emit_parts (self, &parts);
}

gboolean
muster_logger_log_captured (MusterLogger *self, MusterLevel level, const char *worker, guint pid, const char *domain,
                            const char *line, gsize length)
{
  guint8 buffer[MUSTER_ENCODER_ORIGIN_MAX + MUSTER_ENTRY_MAX];
  MusterOrigin origin = { .first_seq = 1, .pid = pid };
  MusterRecordParts parts = { .level = level, .time_ns = realtime_ns () };
  MusterJournal *journal;
  guint8 *behind;
  const guint8 *start;
  gsize size;

  origin.worker = muster_slice_from_string (worker);
  parts.domain = muster_slice_from_string (domain);
  parts.message = (MusterSlice){ line, length };
  behind = muster_encode_origin_at (buffer, &origin);
  start = muster_encode_record (buffer + MUSTER_ENCODER_ORIGIN_MAX, MUSTER_ENTRY_MAX, &parts, &size);
  journal = muster_sink_get_journal (self->sink);
  if (journal == NULL)
    return muster_sink_print (self->sink, start, size);
  memmove (behind, start, size);
  return muster_journal_append (journal, buffer, (gsize) (behind - buffer) + size,
                                MUSTER_JOURNAL_NO_WAIT
                                    | (level <= MUSTER_LEVEL_ERROR ? MUSTER_JOURNAL_USE_RESERVE : 0));
}

/* -- the object ----------------------------------------------------------------------------------- */

static void
muster_logger_finalize (GObject *object)
{
  MusterLogger *self = MUSTER_LOGGER (object);

  muster_default_fields_clear (&self->defaults);
  g_free (self->domain);
  muster_sink_unref (self->sink);
  G_OBJECT_CLASS (muster_logger_parent_class)->finalize (object);
}

static void
muster_logger_class_init (MusterLoggerClass *class)
{
  G_OBJECT_CLASS (class)->finalize = muster_logger_finalize;
}

static void
muster_logger_init (MusterLogger *self)
{
  muster_default_fields_init (&self->defaults);
}

static void
set_domain (MusterLogger *self, const char *domain)
{
  self->domain = g_utf8_make_valid (domain != NULL ? domain : "", -1);
  self->domain_length = strlen (self->domain);
  if (self->domain_length > DOMAIN_MAX)
    self->domain_length = (gsize) (g_utf8_find_prev_char (self->domain, self->domain + DOMAIN_MAX) - self->domain);
}

MusterLogger *
muster_logger_new (MusterSink *sink, const char *domain, MusterLevel level)
{
  MusterLogger *self = g_object_new (MUSTER_TYPE_LOGGER, NULL);

  self->sink = muster_sink_ref (sink);
  set_domain (self, domain);
  muster_sink_set_level (sink, level);
  return self;
}

/**
 * muster_logger_new_child:
 * @self: a logger
 * @domain: the child's domain; within a domain "http" a child "tls" has the domain "http.tls"
 *
 * Makes a logger that writes to the same place. It begins with its parent's defaults, and follows its level until it has
 * one of its own.
 *
 * Returns: (transfer full): the child
 * Since: 0.1
 */
MusterLogger *
muster_logger_new_child (MusterLogger *self, const char *domain)
{
  MusterLogger *child;
  g_autofree char *whole = NULL;

  g_return_val_if_fail (MUSTER_IS_LOGGER (self), NULL);
  g_return_val_if_fail (domain != NULL, NULL);

  child = g_object_new (MUSTER_TYPE_LOGGER, NULL);
  child->sink = muster_sink_ref (self->sink);
  whole = self->domain_length > 0 ? g_strconcat (self->domain, ".", domain, NULL) : g_strdup (domain);
  set_domain (child, whole);
  atomic_store (&child->level, atomic_load (&self->level));
  muster_default_fields_copy_to (&self->defaults, &child->defaults);
  return child;
}

/**
 * muster_logger_get_domain:
 * @self: a logger
 *
 * Returns: its domain; empty where it has none
 * Since: 0.1
 */
const char *
muster_logger_get_domain (MusterLogger *self)
{
  g_return_val_if_fail (MUSTER_IS_LOGGER (self), NULL);
  return self->domain;
}

/**
 * muster_logger_set_level:
 * @self: a logger
 * @level: the most harmless level that is kept; %MUSTER_LEVEL_NONE to follow what the primary says
 *
 * Gives this logger a level of its own. Children that exist already keep theirs. Any thread.
 *
 * Since: 0.1
 */
void
muster_logger_set_level (MusterLogger *self, MusterLevel level)
{
  g_return_if_fail (MUSTER_IS_LOGGER (self));
  atomic_store_explicit (&self->level, (int) level, memory_order_relaxed);
}

/**
 * muster_logger_get_level:
 * @self: a logger
 *
 * Returns: the level in force
 * Since: 0.1
 */
MusterLevel
muster_logger_get_level (MusterLogger *self)
{
  int level;

  g_return_val_if_fail (MUSTER_IS_LOGGER (self), MUSTER_LEVEL_NONE);
  level = atomic_load_explicit (&self->level, memory_order_relaxed);
  return (MusterLevel) (level != MUSTER_LEVEL_NONE ? level : atomic_load (&self->sink->level));
}

/**
 * muster_logger_set_default:
 * @self: a logger
 * @key: a field's name, in UTF-8
 * @value: its value; if floating, it is consumed
 *
 * From now on every record of this logger, and of the children made later, has this field. All defaults together may
 * take 4 KiB encoded; one that does not fit is not set, and a warning record says so. Any thread.
 *
 * Since: 0.1
 */
void
muster_logger_set_default (MusterLogger *self, const char *key, GVariant *value)
{
  g_return_if_fail (MUSTER_IS_LOGGER (self));
  g_return_if_fail (key != NULL && g_utf8_validate (key, -1, NULL));
  g_return_if_fail (value != NULL);

  if (!muster_default_fields_set (&self->defaults, key, value))
    muster_warning (self, "the default field \"%s\" is not set: all default fields together may take %d bytes", key,
                    MUSTER_DEFAULT_FIELDS_MAX);
}

/**
 * muster_logger_remove_default:
 * @self: a logger
 * @key: a field's name
 *
 * Ends what muster_logger_set_default() began. Any thread.
 *
 * Since: 0.1
 */
void
muster_logger_remove_default (MusterLogger *self, const char *key)
{
  g_return_if_fail (MUSTER_IS_LOGGER (self));
  g_return_if_fail (key != NULL);

  muster_default_fields_remove (&self->defaults, key);
}
