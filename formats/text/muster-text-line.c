/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From records to lines: the text format's inner loop. Owned by one format and its thread.
 */
#include "config.h"

#include "muster-text-line.h"

#include "muster-json.h"
#include "muster-text-escape.h"

#include <math.h>

#define N_LEVELS (MUSTER_LEVEL_DEBUG + 1)

/* What stands where a value is absent, so that columns stay columns. */
#define ABSENT "-"

/* A text that is kept ready: @length bytes, of which those after @visible are blanks for padding. */
typedef struct
{
  char *data; /* owned; readable for 16 bytes at least */
  gsize length;
  gsize visible;
} Text;

typedef struct
{
  const MusterTextOp *op; /* borrowed from the pattern */
  gboolean is_coloured;
  gboolean follows_level; /* else only [0] of these is used: */
  Text colours[N_LEVELS]; /* what starts the colour */
  Text ready[N_LEVELS];   /* of a literal, a level, and what the origin says */
} Step;

struct _MusterTextLine
{
  MusterTextPattern *pattern; /* owned */
  Step *steps;                /* owned */
  gsize n_steps;
  guint indent;
  GByteArray *scratch; /* owned: where ready texts are made */
};

static const MusterTextRole roles[] = {
  [MUSTER_TEXT_LITERAL] = MUSTER_TEXT_ROLE_NONE,      [MUSTER_TEXT_TIME] = MUSTER_TEXT_ROLE_TIME,
  [MUSTER_TEXT_LEVEL] = MUSTER_TEXT_ROLE_LEVEL,       [MUSTER_TEXT_LEVEL_UPPER] = MUSTER_TEXT_ROLE_LEVEL,
  [MUSTER_TEXT_HOST] = MUSTER_TEXT_ROLE_HOST,         [MUSTER_TEXT_CLUSTER] = MUSTER_TEXT_ROLE_HOST,
  [MUSTER_TEXT_WORKER] = MUSTER_TEXT_ROLE_WORKER,     [MUSTER_TEXT_PID] = MUSTER_TEXT_ROLE_PID,
  [MUSTER_TEXT_STREAM] = MUSTER_TEXT_ROLE_PID,        [MUSTER_TEXT_SEQ] = MUSTER_TEXT_ROLE_PID,
  [MUSTER_TEXT_DOMAIN] = MUSTER_TEXT_ROLE_DOMAIN,     [MUSTER_TEXT_MESSAGE] = MUSTER_TEXT_ROLE_MESSAGE,
  [MUSTER_TEXT_FILE] = MUSTER_TEXT_ROLE_LOCATION,     [MUSTER_TEXT_LINE] = MUSTER_TEXT_ROLE_LOCATION,
  [MUSTER_TEXT_FUNCTION] = MUSTER_TEXT_ROLE_LOCATION, [MUSTER_TEXT_FIELD] = MUSTER_TEXT_ROLE_FIELDS,
  [MUSTER_TEXT_FIELDS] = MUSTER_TEXT_ROLE_FIELDS,
};

static inline gsize
offset_of (const MusterTextWriter *writer)
{
  return (gsize) (writer->cursor - writer->array->data);
}

static void
text_set (Text *text, const void *data, gsize length, gsize visible)
{
  g_free (text->data);
  text->data = g_malloc0 (MAX (length, 16));
  if (length > 0)
    memcpy (text->data, data, length);
  text->length = length;
  text->visible = visible;
}

/* -- one value --------------------------------------------------------------------------------- */

static void
put_number (MusterTextWriter *writer, double value)
{
  if (!isfinite (value))
    {
      const char *name = isnan (value) ? "nan" : value > 0 ? "inf" : "-inf";

      muster_text_writer_put (writer, name, strlen (name));
      return;
    }
  muster_text_writer_finish (writer);
  muster_json_append_double (writer->array, value);
  muster_text_writer_init (writer, writer->array);
}

static void
put_field_value (const MusterFieldView *field, gboolean quoted, MusterTextWriter *writer)
{
  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
      if (quoted)
        muster_text_escape_quoted (writer, field->value.text.data, field->value.text.length);
      else
        muster_text_escape (writer, field->value.text.data, field->value.text.length);
      break;
    case MUSTER_FIELD_INTEGER:
      muster_text_writer_put_int (writer, field->value.integer);
      break;
    case MUSTER_FIELD_NATURAL:
      muster_text_writer_put_uint (writer, field->value.natural);
      break;
    case MUSTER_FIELD_NUMBER:
      put_number (writer, field->value.number);
      break;
    case MUSTER_FIELD_FLAG:
      muster_text_writer_put (writer, field->value.flag ? "true" : "false", field->value.flag ? 4 : 5);
      break;
    case MUSTER_FIELD_DATA:
      muster_text_writer_put (writer, "0x", 2);
      muster_text_writer_put_hex (writer, field->value.text.data, field->value.text.length);
      break;
    case MUSTER_FIELD_NONE:
    default:
      muster_text_writer_put (writer, ABSENT, 1);
      break;
    }
}

/* The last of several with the same key, as in JSON. */
static void
put_field (const MusterTextOp *op, const MusterRecordView *record, MusterTextWriter *writer)
{
  MusterFieldIter iter;
  MusterFieldView field;
  MusterFieldView found = { .type = MUSTER_FIELD_NONE };

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, &field))
    if (field.key.length == op->length && memcmp (field.key.data, op->text, op->length) == 0)
      found = field;
  if (found.type != MUSTER_FIELD_NONE)
    put_field_value (&found, FALSE, writer);
}

static void
put_payload (MusterSlice type, MusterSlice payload, gsize start, MusterTextWriter *writer)
{
  if (offset_of (writer) > start)
    muster_text_writer_put_byte (writer, ' ');
  muster_text_writer_put (writer, "payload_type=", 13);
  muster_text_escape_quoted (writer, type.data, type.length);
  muster_text_writer_put (writer, " payload_size=", 14);
  muster_text_writer_put_uint (writer, payload.length);
}

static void
put_fields (MusterTextLine *line, const MusterRecordView *record, MusterTextWriter *writer)
{
  gsize start = offset_of (writer);
  MusterFieldIter iter;
  MusterFieldView field;

  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, &field))
    {
      if (muster_text_pattern_shows_field (line->pattern, field.key))
        continue;
      if (offset_of (writer) > start)
        muster_text_writer_put_byte (writer, ' ');
      muster_text_escape_quoted (writer, field.key.data, field.key.length);
      muster_text_writer_put_byte (writer, '=');
      put_field_value (&field, TRUE, writer);
    }
  if (record->payload.data != NULL)
    put_payload (record->payload_type, record->payload, start, writer);
}

static void
put_message (MusterTextLine *line, const MusterRecordView *record, MusterTextWriter *writer)
{
  MusterSlice text = record->raw.data != NULL ? record->raw : record->message;

  if (line->indent > 0)
    muster_text_escape_indented (writer, text.data, text.length, line->indent);
  else
    muster_text_escape (writer, text.data, text.length);
}

static inline void
put_value (MusterTextLine *line, const MusterTextOp *op, const MusterRecordView *record, guint64 sequence,
           MusterTextWriter *writer)
{
  switch (op->kind)
    {
    case MUSTER_TEXT_TIME:
      if (record->time_ns != 0)
        muster_text_time_put (op->time, record->time_ns, writer);
      break;
    case MUSTER_TEXT_SEQ:
      if (sequence != 0)
        muster_text_writer_put_uint (writer, sequence);
      break;
    case MUSTER_TEXT_DOMAIN:
      muster_text_escape (writer, record->domain.data, record->domain.length);
      break;
    case MUSTER_TEXT_MESSAGE:
      put_message (line, record, writer);
      break;
    case MUSTER_TEXT_FILE:
      muster_text_escape (writer, record->file.data, record->file.length);
      break;
    case MUSTER_TEXT_LINE:
      if (record->line != 0)
        muster_text_writer_put_uint (writer, record->line);
      break;
    case MUSTER_TEXT_FUNCTION:
      muster_text_escape (writer, record->function.data, record->function.length);
      break;
    case MUSTER_TEXT_FIELD:
      put_field (op, record, writer);
      break;
    case MUSTER_TEXT_FIELDS:
      put_fields (line, record, writer);
      break;
    default: /* the others are kept ready */
      break;
    }
}

/* -- colours and padding ----------------------------------------------------------------------- */

static gsize
count_characters (const guint8 *data, gsize length)
{
  gsize n = 0;

  for (gsize i = 0; i < length; i++)
    n += (data[i] & 0xc0) != 0x80;
  return n;
}

/* Adds blanks to what has been written since @start, of which @shown characters are seen. */
static void
pad (int width, gsize start, gsize shown, MusterTextWriter *writer)
{
  gsize wanted = (gsize) ABS (width);
  gsize blanks = shown < wanted ? wanted - shown : 0;
  gsize length = offset_of (writer) - start;

  if (blanks == 0)
    return;
  muster_text_writer_reserve (writer, blanks);
  if (width < 0)
    {
      guint8 *at = writer->array->data + start;

      memmove (at + blanks, at, length);
      memset (at, ' ', blanks);
    }
  else
    memset (writer->cursor, ' ', blanks);
  writer->cursor += blanks;
}

/* Ends a value that was begun at @start with its colour, the value itself at @value. Returns where its last byte that is
 * not padding ends, or 0 if nothing is there. */
static gsize
finish_value (const Step *step, gsize start, gsize value, MusterTextWriter *writer)
{
  gsize length = offset_of (writer) - value;
  gsize shown = 0;
  gsize end = 0;

  if (length == 0 && (step->op->kind == MUSTER_TEXT_MESSAGE || step->op->kind == MUSTER_TEXT_FIELDS))
    writer->cursor = writer->array->data + start; /* no colour of nothing */
  else
    {
      if (length == 0)
        muster_text_writer_put (writer, ABSENT, 1);
      shown = step->op->width != 0 ? count_characters (writer->array->data + value, offset_of (writer) - value) : 0;
      if (value > start)
        muster_text_writer_put (writer, MUSTER_TEXT_THEME_RESET, sizeof MUSTER_TEXT_THEME_RESET - 1);
      end = offset_of (writer);
    }
  if (step->op->width != 0)
    {
      gsize before = offset_of (writer);

      pad (step->op->width, start, shown, writer);
      if (step->op->width < 0 && end > 0)
        end += offset_of (writer) - before;
    }
  return end;
}

/* -- what is kept ready ------------------------------------------------------------------------ */

/* Makes a ready text of a value already known. */
static void
make_ready (MusterTextLine *line, Step *step, guint level, const char *data, gsize length)
{
  const Text *colour = &step->colours[level];
  MusterTextWriter writer;
  gsize start, end;

  g_byte_array_set_size (line->scratch, 0);
  muster_text_writer_init (&writer, line->scratch);
  if (step->is_coloured)
    muster_text_writer_put (&writer, colour->data, colour->length);
  start = offset_of (&writer);
  muster_text_escape (&writer, data, length);
  end = finish_value (step, 0, start, &writer);
  text_set (&step->ready[level], line->scratch->data, offset_of (&writer), end);
}

static void
make_level (MusterTextLine *line, Step *step, guint level)
{
  const char *name = level == MUSTER_LEVEL_NONE ? "" : muster_level_to_string ((MusterLevel) level);
  g_autofree char *text = step->op->kind == MUSTER_TEXT_LEVEL_UPPER ? g_ascii_strup (name, -1) : g_strdup (name);

  make_ready (line, step, level, text, strlen (text));
}

static void
make_origin_value (MusterTextLine *line, Step *step, const MusterOrigin *origin)
{
  char text[2 * MUSTER_STREAM_ID_SIZE + 1] = "";
  MusterSlice value = { text, 0 };

  if (origin != NULL)
    switch (step->op->kind)
      {
      case MUSTER_TEXT_HOST:
        value = origin->host;
        break;
      case MUSTER_TEXT_CLUSTER:
        value = origin->cluster;
        break;
      case MUSTER_TEXT_WORKER:
        value = origin->worker;
        break;
      case MUSTER_TEXT_PID:
        if (origin->pid != 0)
          value.length = (gsize) g_snprintf (text, sizeof text, "%" G_GUINT32_FORMAT, origin->pid);
        break;
      default:
        for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
          value.length += (gsize) g_snprintf (text + 2 * i, 3, "%02x", origin->stream[i]);
        break;
      }
  for (guint level = 0; level < (step->follows_level ? N_LEVELS : 1); level++)
    make_ready (line, step, level, value.data, value.length);
}

static gboolean
is_of_origin (const Step *step)
{
  return step->op->kind >= MUSTER_TEXT_HOST && step->op->kind <= MUSTER_TEXT_STREAM;
}

void
muster_text_line_set_origin (MusterTextLine *line, const MusterOrigin *origin)
{
  for (gsize i = 0; i < line->n_steps; i++)
    if (is_of_origin (&line->steps[i]))
      make_origin_value (line, &line->steps[i], origin);
}

static void
step_init (MusterTextLine *line, Step *step, const MusterTextOp *op, const MusterTextTheme *theme)
{
  step->op = op;
  step->follows_level = muster_text_theme_follows_level (theme, roles[op->kind]);
  for (guint level = 0; level < N_LEVELS; level++)
    {
      const char *colour = muster_text_theme_get (theme, roles[op->kind], (MusterLevel) level);

      text_set (&step->colours[level], colour, strlen (colour), strlen (colour));
      step->is_coloured = step->is_coloured || *colour != '\0';
    }
  if (op->kind == MUSTER_TEXT_LITERAL)
    text_set (&step->ready[0], op->text, op->length, op->length);
  else if (op->kind == MUSTER_TEXT_LEVEL || op->kind == MUSTER_TEXT_LEVEL_UPPER)
    for (guint level = 0; level < N_LEVELS; level++)
      make_level (line, step, level);
}

MusterTextLine *
muster_text_line_new (MusterTextPattern *pattern, const MusterTextTheme *theme, guint indent)
{
  MusterTextLine *line = g_new0 (MusterTextLine, 1);
  const MusterTextOp *ops = muster_text_pattern_get_ops (pattern, &line->n_steps);

  line->pattern = pattern;
  line->indent = indent;
  line->scratch = g_byte_array_new ();
  line->steps = g_new0 (Step, line->n_steps);
  for (gsize i = 0; i < line->n_steps; i++)
    step_init (line, &line->steps[i], &ops[i], theme);
  muster_text_line_set_origin (line, NULL);
  return line;
}

void
muster_text_line_free (MusterTextLine *line)
{
  for (gsize i = 0; i < line->n_steps; i++)
    for (guint level = 0; level < N_LEVELS; level++)
      {
        g_free (line->steps[i].colours[level].data);
        g_free (line->steps[i].ready[level].data);
      }
  g_free (line->steps);
  muster_text_pattern_free (line->pattern);
  g_byte_array_unref (line->scratch);
  g_free (line);
}

/* -- lines ------------------------------------------------------------------------------------- */

/* Takes back the blanks of literals and of padding at the end, after @floor, and ends the line. */
static void
end_line (MusterTextWriter *writer, gsize floor)
{
  const guint8 *stop = writer->array->data + floor;

  while (writer->cursor > stop && writer->cursor[-1] == ' ')
    writer->cursor--;
  muster_text_writer_put_byte (writer, '\n');
}

static gsize
put_step (MusterTextLine *line, const Step *step, const MusterRecordView *record, guint64 sequence,
          MusterTextWriter *writer)
{
  gsize start = offset_of (writer);
  gsize value = start;

  if (step->is_coloured)
    {
      const Text *colour = &step->colours[step->follows_level ? record->level : 0];

      muster_text_writer_put_padded (writer, colour->data, colour->length);
      value = offset_of (writer);
    }
  put_value (line, step->op, record, sequence, writer);
  if (G_LIKELY (!step->is_coloured && step->op->width == 0 && offset_of (writer) > start))
    return offset_of (writer);
  return finish_value (step, start, value, writer);
}

void
muster_text_line_put (MusterTextLine *line, const MusterRecordView *record, guint64 sequence, MusterTextWriter *writer)
{
  gsize floor = offset_of (writer);

  for (gsize i = 0; i < line->n_steps; i++)
    {
      const Step *step = &line->steps[i];
      const Text *ready = &step->ready[step->follows_level ? record->level : 0];
      gsize end;

      switch (step->op->kind)
        {
        case MUSTER_TEXT_LITERAL:
          muster_text_writer_put_padded (writer, ready->data, ready->length);
          break;
        case MUSTER_TEXT_LEVEL:
        case MUSTER_TEXT_LEVEL_UPPER:
        case MUSTER_TEXT_HOST:
        case MUSTER_TEXT_CLUSTER:
        case MUSTER_TEXT_WORKER:
        case MUSTER_TEXT_PID:
        case MUSTER_TEXT_STREAM:
          floor = offset_of (writer) + ready->visible;
          muster_text_writer_put_padded (writer, ready->data, ready->length);
          break;
        default:
          end = put_step (line, step, record, sequence, writer);
          floor = MAX (floor, end);
          break;
        }
    }
  end_line (writer, floor);
}

void
muster_text_line_put_gap (MusterTextLine *line, guint64 sequence, guint64 count, MusterGapReason reason,
                          MusterTextWriter *writer)
{
  char text[96];
  MusterRecordView record = { .level = MUSTER_LEVEL_NONE };

  record.message.data = text;
  record.message.length = (gsize) g_snprintf (text, sizeof text, "-- %" G_GUINT64_FORMAT " %s missing: %s --", count,
                                              count == 1 ? "entry" : "entries", muster_gap_reason_to_string (reason));
  if (muster_text_pattern_has (line->pattern, MUSTER_TEXT_MESSAGE))
    {
      muster_text_line_put (line, &record, sequence, writer);
      return;
    }
  muster_text_writer_put (writer, text, record.message.length);
  muster_text_writer_put_byte (writer, '\n');
}
