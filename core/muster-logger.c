/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Saying things. A log call formats and encodes on its own stack, then appends to the journal: no lock and no allocation,
 * in any thread and in signal handlers. The functions that change a logger (levels, defaults) may be called from any
 * thread too, but not from signal handlers.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "muster-encoder-private.h"
#include "muster-logger-private.h"
#include "muster-plain-text-private.h"
#include "muster-printf-private.h"

/* What fits here is encoded without touching much stack; the rest takes a frame of its own. */
#define SMALL_SIZE   2048
#define DEFAULTS_MAX 4096
#define DOMAIN_MAX   255

struct _MusterSink
{
  gatomicrefcount references;
  MusterJournal *_Atomic journal; /* owned, nullable: then text goes to stderr; set once */
  char *worker;                   /* owned, nullable */
  _Atomic int level;              /* of the loggers that have none of their own */
};

/*
 * The encoded default fields. One writer at a time (under `lock`), any readers, which never wait: the writer fills the
 * half that is not in use. `turn` is odd while it does; (turn >> 1) & 1 is the half in use. A reader's copy is good if
 * the writer has not begun to fill that half again meanwhile.
 */
typedef struct
{
  _Atomic guint32 turn;
  guint32 length[2];
  guint8 bytes[2][DEFAULTS_MAX];
} Defaults;

struct _MusterLogger
{
  GObject parent_instance;

  MusterSink *sink; /* owned */
  char *domain;     /* owned */
  gsize domain_length;
  _Atomic int level; /* MUSTER_LEVEL_NONE: the sink's */

  GMutex lock;
  GPtrArray *default_fields;  /* under lock; of DefaultField */
  Defaults *_Atomic defaults; /* owned; NULL until the first default is set */
};

typedef struct
{
  char *key;
  GVariant *value;
} DefaultField;

G_DEFINE_FINAL_TYPE (MusterLogger, muster_logger, G_TYPE_OBJECT)

/* A forked child has no reader for the journal, which is its parent's: it logs to stderr until it calls exec. */
static _Atomic int in_forked_child;

static void
after_fork_in_child (void)
{
  atomic_store (&in_forked_child, 1);
}

/* -- sinks ---------------------------------------------------------------------------------------- */

MusterSink *
muster_sink_new (MusterJournal *journal, const char *worker)
{
  static gsize registered = 0;
  MusterSink *sink = g_new0 (MusterSink, 1);

  if (g_once_init_enter (&registered))
    {
      pthread_atfork (NULL, NULL, after_fork_in_child);
      g_once_init_leave (&registered, 1);
    }
  g_atomic_ref_count_init (&sink->references);
  if (journal != NULL)
    muster_sink_set_journal (sink, journal);
  sink->worker = g_strdup (worker);
  sink->level = MUSTER_LEVEL_INFO;
  return sink;
}

void
muster_sink_set_journal (MusterSink *sink, MusterJournal *journal)
{
  MusterJournal *none = NULL;

  muster_journal_ref (journal);
  if (!atomic_compare_exchange_strong (&sink->journal, &none, journal))
    muster_journal_unref (journal);
}

MusterSink *
muster_sink_ref (MusterSink *sink)
{
  g_atomic_ref_count_inc (&sink->references);
  return sink;
}

void
muster_sink_unref (MusterSink *sink)
{
  if (!g_atomic_ref_count_dec (&sink->references))
    return;
  if (atomic_load (&sink->journal) != NULL)
    muster_journal_unref (atomic_load (&sink->journal));
  g_free (sink->worker);
  g_free (sink);
}

void
muster_sink_set_level (MusterSink *sink, MusterLevel level)
{
  atomic_store_explicit (&sink->level, (int) level, memory_order_relaxed);
}

static gboolean
write_to_stderr (MusterSink *sink, const guint8 *bytes, gsize length)
{
  int saved = errno;
  char line[SMALL_SIZE * 2];
  gsize size = muster_plain_text_from_entry (bytes, length, sink->worker, line, sizeof line);
  gssize written = size > 0 ? write (STDERR_FILENO, line, size) : -1;

  errno = saved;
  return written >= 0;
}

static inline gboolean
emit (MusterSink *sink, MusterLevel level, const guint8 *bytes, gsize length)
{
  MusterJournalFlags flags =
      level <= MUSTER_LEVEL_ERROR ? MUSTER_JOURNAL_USE_RESERVE | MUSTER_JOURNAL_FLUSH : MUSTER_JOURNAL_PLAIN;

  MusterJournal *journal = atomic_load_explicit (&sink->journal, memory_order_acquire);

  if (G_UNLIKELY (journal == NULL || atomic_load_explicit (&in_forked_child, memory_order_relaxed)))
    return write_to_stderr (sink, bytes, length);
  return muster_journal_append (journal, bytes, length, flags);
}

/* -- default fields ------------------------------------------------------------------------------- */

static void
default_field_free (gpointer data)
{
  DefaultField *field = data;

  g_free (field->key);
  g_variant_unref (field->value);
  g_free (field);
}

/* The variant's value as a field; @scratch keeps what the field borrows and must be freed after use. */
static MusterField
field_from_variant (const char *key, GVariant *value, char **scratch)
{
  MusterField field = { .key = muster_slice_from_string (key) };
  gsize size;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      field.type = MUSTER_FIELD_TEXT;
      field.value.text.data = g_variant_get_string (value, &field.value.text.length);
      return field;
    case G_VARIANT_CLASS_BOOLEAN:
      field.type = MUSTER_FIELD_FLAG;
      field.value.flag = g_variant_get_boolean (value);
      return field;
    case G_VARIANT_CLASS_INT16:
      field.type = MUSTER_FIELD_INTEGER;
      field.value.integer = g_variant_get_int16 (value);
      return field;
    case G_VARIANT_CLASS_INT32:
      field.type = MUSTER_FIELD_INTEGER;
      field.value.integer = g_variant_get_int32 (value);
      return field;
    case G_VARIANT_CLASS_INT64:
      field.type = MUSTER_FIELD_INTEGER;
      field.value.integer = g_variant_get_int64 (value);
      return field;
    case G_VARIANT_CLASS_BYTE:
      field.type = MUSTER_FIELD_NATURAL;
      field.value.natural = g_variant_get_byte (value);
      return field;
    case G_VARIANT_CLASS_UINT16:
      field.type = MUSTER_FIELD_NATURAL;
      field.value.natural = g_variant_get_uint16 (value);
      return field;
    case G_VARIANT_CLASS_UINT32:
      field.type = MUSTER_FIELD_NATURAL;
      field.value.natural = g_variant_get_uint32 (value);
      return field;
    case G_VARIANT_CLASS_UINT64:
      field.type = MUSTER_FIELD_NATURAL;
      field.value.natural = g_variant_get_uint64 (value);
      return field;
    case G_VARIANT_CLASS_DOUBLE:
      field.type = MUSTER_FIELD_NUMBER;
      field.value.number = g_variant_get_double (value);
      return field;
    default:
      break;
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    {
      field.type = MUSTER_FIELD_DATA;
      field.value.text.data = g_variant_get_fixed_array (value, &size, 1);
      field.value.text.length = size;
      return field;
    }
  *scratch = g_variant_print (value, FALSE);
  field.type = MUSTER_FIELD_TEXT;
  field.value.text = muster_slice_from_string (*scratch);
  return field;
}

/* Under lock. Encodes all default fields into the half that is not in use; FALSE if they do not fit (then nothing has
 * changed). */
static gboolean
publish_defaults (MusterLogger *self)
{
  Defaults *defaults = atomic_load (&self->defaults);
  guint32 turn;
  guint8 *out, *end;

  if (defaults == NULL)
    {
      defaults = g_new0 (Defaults, 1);
      atomic_store (&self->defaults, defaults);
    }
  turn = atomic_load (&defaults->turn);
  atomic_store (&defaults->turn, turn + 1);
  atomic_thread_fence (memory_order_seq_cst);
  out = defaults->bytes[((turn >> 1) + 1) & 1];
  end = out + DEFAULTS_MAX;
  for (guint i = 0; i < self->default_fields->len && out != NULL; i++)
    {
      const DefaultField *field = self->default_fields->pdata[i];
      g_autofree char *scratch = NULL;
      MusterField view = field_from_variant (field->key, field->value, &scratch);

      out = muster_encode_field (out, end, &view);
    }
  if (out == NULL)
    {
      atomic_store (&defaults->turn, turn);
      return FALSE;
    }
  defaults->length[((turn >> 1) + 1) & 1] = (guint32) (out - defaults->bytes[((turn >> 1) + 1) & 1]);
  atomic_store (&defaults->turn, turn + 2);
  return TRUE;
}

/* TSan cannot know that a copy which the writer disturbed is thrown away. */
__attribute__ ((no_sanitize ("thread"))) static gsize
copy_defaults (Defaults *defaults, guint8 *out)
{
  for (;;)
    {
      guint32 turn = atomic_load_explicit (&defaults->turn, memory_order_acquire);
      guint32 half = (turn >> 1) & 1;
      gsize length = MIN (defaults->length[half], (guint32) DEFAULTS_MAX);

      for (gsize i = 0; i < length; i++)
        out[i] = ((volatile guint8 *) defaults->bytes[half])[i];
      atomic_thread_fence (memory_order_acquire);
      if (atomic_load_explicit (&defaults->turn, memory_order_relaxed) < (turn & ~1u) + 3)
        return length;
    }
}

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

static __attribute__ ((noinline)) void
emit_large (MusterLogger *self, const MusterRecordParts *parts)
{
  guint8 buffer[MUSTER_ENTRY_MAX];
  gsize length;
  const guint8 *start = muster_encode_record (buffer, sizeof buffer, parts, &length);

  if (start != NULL)
    emit (self->sink, parts->level, start, length);
}

static void
emit_small (MusterLogger *self, const MusterRecordParts *parts)
{
  guint8 buffer[SMALL_SIZE];
  gsize length;
  const guint8 *start = muster_encode_record (buffer, sizeof buffer, parts, &length);

  if (G_LIKELY (start != NULL))
    emit (self->sink, parts->level, start, length);
  else
    emit_large (self, parts);
}

static __attribute__ ((noinline)) void
emit_with_defaults (MusterLogger *self, MusterRecordParts *parts, Defaults *defaults)
{
  guint8 copy[DEFAULTS_MAX];

  parts->defaults.data = (const char *) copy;
  parts->defaults.length = copy_defaults (defaults, copy);
  emit_small (self, parts);
}

static inline void
emit_parts (MusterLogger *self, MusterRecordParts *parts)
{
  Defaults *defaults = atomic_load_explicit (&self->defaults, memory_order_acquire);
  int saved = errno;

  parts->time_ns = realtime_ns ();
  parts->domain = (MusterSlice){ self->domain, self->domain_length };
  parts->file = relative_file (parts->file);
  if (G_UNLIKELY (defaults != NULL))
    emit_with_defaults (self, parts, defaults);
  else
    emit_small (self, parts);
  errno = saved;
}

static __attribute__ ((noinline, format (printf, 3, 0))) void
format_large (MusterLogger *self, MusterRecordParts *parts, const char *format, va_list arguments)
{
  char message[MUSTER_ENTRY_MAX];
  int length = vsnprintf (message, sizeof message, format, arguments);

  if (length < 0)
    {
      /* Only a wide string that has no form in this locale does that; the format itself is better than nothing. */
      parts->message = muster_slice_from_string (format);
    }
  else
    {
      parts->message = (MusterSlice){ message, MIN ((gsize) length, sizeof message - 1) };
      parts->truncated_from = (gsize) length >= sizeof message ? (gsize) length : 0;
    }
  emit_parts (self, parts);
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
          views[parts.n_fields] = field_from_variant (key, values[parts.n_fields], &scratch[parts.n_fields]);
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
  g_return_if_fail (type_url != NULL && payload != NULL);

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
  journal = atomic_load (&self->sink->journal);
  if (journal == NULL)
    return write_to_stderr (self->sink, start, size);
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

  g_ptr_array_unref (self->default_fields);
  g_free (atomic_load (&self->defaults));
  g_free (self->domain);
  muster_sink_unref (self->sink);
  g_mutex_clear (&self->lock);
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
  g_mutex_init (&self->lock);
  self->default_fields = g_ptr_array_new_with_free_func (default_field_free);
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
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->default_fields->len; i++)
    {
      const DefaultField *field = self->default_fields->pdata[i];

      muster_logger_set_default (child, field->key, field->value);
    }
  g_mutex_unlock (&self->lock);
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

static gboolean
remove_field (MusterLogger *self, const char *key)
{
  for (guint i = 0; i < self->default_fields->len; i++)
    if (g_str_equal (((DefaultField *) self->default_fields->pdata[i])->key, key))
      {
        g_ptr_array_remove_index (self->default_fields, i);
        return TRUE;
      }
  return FALSE;
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
  DefaultField *field;
  gboolean fits;

  g_return_if_fail (MUSTER_IS_LOGGER (self));
  g_return_if_fail (key != NULL && g_utf8_validate (key, -1, NULL));
  g_return_if_fail (value != NULL);

  field = g_new (DefaultField, 1);
  field->key = g_strdup (key);
  field->value = g_variant_ref_sink (value);
  g_mutex_lock (&self->lock);
  remove_field (self, key);
  g_ptr_array_add (self->default_fields, field);
  fits = publish_defaults (self);
  if (!fits)
    {
      g_ptr_array_remove_index (self->default_fields, self->default_fields->len - 1);
      publish_defaults (self);
    }
  g_mutex_unlock (&self->lock);
  if (!fits)
    muster_warning (self, "the default field \"%s\" is not set: all default fields together may take %d bytes", key,
                    DEFAULTS_MAX);
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

  g_mutex_lock (&self->lock);
  if (remove_field (self, key))
    publish_defaults (self);
  g_mutex_unlock (&self->lock);
}
