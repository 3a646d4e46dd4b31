/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Patterns: parsed once, when the format starts, into steps. Immutable afterwards, but for the cached times inside.
 */
#include "config.h"

#include "muster-text-pattern.h"

#include "muster-error.h"
#include "muster-text-nearest.h"

struct _MusterTextPattern
{
  GArray *ops; /* of MusterTextOp, owned */
  guint kinds; /* bit 1 << MusterTextOpKind */
};

/* In the order of MusterTextOpKind, without the literal. */
static const char *const names[] = {
  "time",   "level",   "LEVEL", "host", "cluster",  "worker", "pid",    "stream", "seq",
  "domain", "message", "file",  "line", "function", "field",  "fields", NULL,
};
G_STATIC_ASSERT (G_N_ELEMENTS (names) == MUSTER_TEXT_FIELDS + 1);

/* A pattern while it is read. */
typedef struct
{
  const char *text;
  gsize position;
  MusterTextPattern *pattern;
  GString *literal;
  gboolean utc;
  GError **error;
} Parser;

static void
op_clear (gpointer data)
{
  MusterTextOp *op = data;

  g_free (op->text);
  g_clear_pointer (&op->time, muster_text_time_free);
}

static void
add_op (Parser *parser, const MusterTextOp *op)
{
  g_array_append_val (parser->pattern->ops, *op);
  parser->pattern->kinds |= 1u << op->kind;
}

static void
end_literal (Parser *parser)
{
  MusterTextOp op = { .kind = MUSTER_TEXT_LITERAL, .length = parser->literal->len };

  if (op.length == 0)
    return;
  op.text = g_strdup (parser->literal->str);
  add_op (parser, &op);
  g_string_truncate (parser->literal, 0);
}

/* Sets the error, prefixed with the column (in characters, from 1) of the byte at @offset; returns FALSE. */
static gboolean G_GNUC_PRINTF (3, 4) fail_at (Parser *parser, gsize offset, const char *format, ...)
{
  glong column = g_utf8_pointer_to_offset (parser->text, parser->text + offset) + 1;
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (parser->error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "pattern, column %ld: %s", column, message);
  return FALSE;
}

/* "<8" or ">8" at @offset, to the end. */
static gboolean
parse_width (Parser *parser, gsize offset, gsize length, int *width)
{
  const char *in = parser->text + offset;
  int value = 0;
  gsize n = 1;

  for (; n < length && g_ascii_isdigit (in[n]) && value <= MUSTER_TEXT_WIDTH_MAX; n++)
    value = 10 * value + in[n] - '0';
  if (length < 2 || (in[0] != '<' && in[0] != '>') || n < length || value < 1 || value > MUSTER_TEXT_WIDTH_MAX)
    return fail_at (parser, offset, "“%.*s” is no width; write <8 or >8, from 1 to %d", (int) length, in,
                    MUSTER_TEXT_WIDTH_MAX);
  *width = in[0] == '<' ? value : -value;
  return TRUE;
}

static gboolean
parse_time (Parser *parser, gsize offset, gsize length, MusterTextOp *op)
{
  static const char standard[] = "%Y-%m-%dT%H:%M:%S.%f%z";
  g_autoptr (GError) problem = NULL;
  gsize fault = 0;

  if (length == 0)
    op->time = muster_text_time_new (standard, sizeof standard - 1, parser->utc, &fault, &problem);
  else
    op->time = muster_text_time_new (parser->text + offset, length, parser->utc, &fault, &problem);
  return op->time != NULL || fail_at (parser, offset + fault, "%s", problem->message);
}

/* "KEY" or "KEY:<8". The width is the last part, and only if it looks like one: keys may have colons. */
static gboolean
parse_field (Parser *parser, gsize offset, gsize length, MusterTextOp *op)
{
  const char *in = parser->text + offset;
  const char *colon = length > 0 ? memrchr (in, ':', length) : NULL;

  if (colon != NULL && (colon[1] == '<' || colon[1] == '>'))
    {
      gsize key_length = (gsize) (colon - in);

      if (!parse_width (parser, offset + key_length + 1, length - key_length - 1, &op->width))
        return FALSE;
      length = key_length;
    }
  if (length == 0)
    return fail_at (parser, offset, "which field? Write {field:KEY}, or {fields} for all of them");
  op->text = g_strndup (in, length);
  op->length = length;
  return TRUE;
}

static gboolean
find_name (Parser *parser, gsize offset, gsize length, MusterTextOpKind *kind)
{
  const char *nearest;

  for (gsize i = 0; names[i] != NULL; i++)
    if (strlen (names[i]) == length && memcmp (names[i], parser->text + offset, length) == 0)
      {
        *kind = (MusterTextOpKind) (i + 1);
        return TRUE;
      }
  nearest = muster_text_nearest (parser->text + offset, length, names);
  if (length == 0)
    return fail_at (parser, offset, "a name is missing here; “{{” is a brace");
  if (nearest != NULL)
    return fail_at (parser, offset, "nothing is called “%.*s”; did you mean “%s”?", (int) length, parser->text + offset,
                    nearest);
  return fail_at (parser, offset,
                  "nothing is called “%.*s”; there are time, level, LEVEL, host, cluster, worker, pid, stream, seq, "
                  "domain, message, file, line, function, field:KEY and fields",
                  (int) length, parser->text + offset);
}

/* What is between two braces. */
static gboolean
parse_value (Parser *parser, gsize offset, gsize length)
{
  const char *in = parser->text + offset;
  const char *colon = length > 0 ? memchr (in, ':', length) : NULL;
  gsize name_length = colon != NULL ? (gsize) (colon - in) : length;
  gsize rest = name_length < length ? name_length + 1 : length;
  MusterTextOp op = { 0 };
  gboolean is_good;

  if (!find_name (parser, offset, name_length, &op.kind))
    return FALSE;
  offset += rest;
  length -= rest;
  if (op.kind == MUSTER_TEXT_TIME)
    is_good = parse_time (parser, offset, length, &op);
  else if (op.kind == MUSTER_TEXT_FIELD)
    is_good = parse_field (parser, offset, length, &op);
  else
    is_good = colon == NULL || parse_width (parser, offset, length, &op.width);
  if (!is_good)
    return FALSE;
  end_literal (parser);
  add_op (parser, &op);
  return TRUE;
}

static gboolean
parse_next (Parser *parser)
{
  const char *in = parser->text + parser->position;
  const char *close;

  if ((*in != '{' && *in != '}') || in[1] == *in)
    {
      g_string_append_c (parser->literal, *in);
      parser->position += *in == '{' || *in == '}' ? 2 : 1;
      return TRUE;
    }
  if (*in == '}')
    return fail_at (parser, parser->position, "“}” without “{”; “}}” is a brace");
  close = strchr (in, '}');
  if (close == NULL)
    return fail_at (parser, parser->position, "“{” without “}”; “{{” is a brace");
  if (!parse_value (parser, parser->position + 1, (gsize) (close - in) - 1))
    return FALSE;
  parser->position += (gsize) (close - in) + 1;
  return TRUE;
}

MusterTextPattern *
muster_text_pattern_new (const char *text, gboolean utc, GError **error)
{
  g_autoptr (MusterTextPattern) pattern = g_new0 (MusterTextPattern, 1);
  g_autoptr (GString) literal = g_string_new (NULL);
  Parser parser = { .text = text, .pattern = pattern, .literal = literal, .utc = utc, .error = error };

  pattern->ops = g_array_new (FALSE, FALSE, sizeof (MusterTextOp));
  g_array_set_clear_func (pattern->ops, op_clear);
  if (!g_utf8_validate (text, -1, NULL) || strlen (text) > MUSTER_TEXT_PATTERN_MAX)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "pattern: it must be UTF-8 of at most %d bytes",
                   MUSTER_TEXT_PATTERN_MAX);
      return NULL;
    }
  while (text[parser.position] != '\0')
    if (!parse_next (&parser))
      return NULL;
  end_literal (&parser);
  return g_steal_pointer (&pattern);
}

void
muster_text_pattern_free (MusterTextPattern *pattern)
{
  g_array_unref (pattern->ops);
  g_free (pattern);
}

const MusterTextOp *
muster_text_pattern_get_ops (const MusterTextPattern *pattern, gsize *n_ops)
{
  *n_ops = pattern->ops->len;
  return (const MusterTextOp *) (gpointer) pattern->ops->data;
}

gboolean
muster_text_pattern_has (const MusterTextPattern *pattern, MusterTextOpKind kind)
{
  return (pattern->kinds & (1u << kind)) != 0;
}

gboolean
muster_text_pattern_shows_field (const MusterTextPattern *pattern, MusterSlice key)
{
  if (!muster_text_pattern_has (pattern, MUSTER_TEXT_FIELD))
    return FALSE;
  for (guint i = 0; i < pattern->ops->len; i++)
    {
      const MusterTextOp *op = &g_array_index (pattern->ops, MusterTextOp, i);

      if (op->kind == MUSTER_TEXT_FIELD && op->length == key.length && memcmp (op->text, key.data, key.length) == 0)
        return TRUE;
    }
  return FALSE;
}
