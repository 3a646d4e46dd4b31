/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-entry.h"
#include "muster-text-time.h"

/* The longest pattern, in bytes, and the widest padding: what one record can become is bounded. */
#define MUSTER_TEXT_PATTERN_MAX 4096
#define MUSTER_TEXT_WIDTH_MAX   999

typedef enum
{
  MUSTER_TEXT_LITERAL,
  MUSTER_TEXT_TIME,
  MUSTER_TEXT_LEVEL,
  MUSTER_TEXT_LEVEL_UPPER,
  MUSTER_TEXT_HOST,
  MUSTER_TEXT_CLUSTER,
  MUSTER_TEXT_WORKER,
  MUSTER_TEXT_PID,
  MUSTER_TEXT_STREAM,
  MUSTER_TEXT_SEQ,
  MUSTER_TEXT_DOMAIN,
  MUSTER_TEXT_MESSAGE,
  MUSTER_TEXT_FILE,
  MUSTER_TEXT_LINE,
  MUSTER_TEXT_FUNCTION,
  MUSTER_TEXT_FIELD,
  MUSTER_TEXT_FIELDS,
} MusterTextOpKind;

/* One step in making a line. */
typedef struct
{
  MusterTextOpKind kind;
  int width;            /* at least so many characters: negative for blanks before, positive for blanks after */
  char *text;           /* owned: a literal, or a field's key; else NULL */
  gsize length;         /* of @text */
  MusterTextTime *time; /* owned: of a time; else NULL */
} MusterTextOp;

/*
 * MusterTextPattern: a pattern, compiled.
 *
 *   {time} {time:STRFTIME}  {level} {LEVEL}  {host} {cluster} {worker} {pid} {stream} {seq}
 *   {domain} {message}  {file} {line} {function}  {field:KEY} {fields}      {{ }} braces
 *   {NAME:<8} {NAME:>8} {field:KEY:<8}  padded to 8 characters, to the left or to the right
 */
typedef struct _MusterTextPattern MusterTextPattern;

MusterTextPattern *muster_text_pattern_new (const char *text, gboolean utc, GError **error);
void muster_text_pattern_free (MusterTextPattern *pattern);
const MusterTextOp *muster_text_pattern_get_ops (const MusterTextPattern *pattern, gsize *n_ops);
gboolean muster_text_pattern_has (const MusterTextPattern *pattern, MusterTextOpKind kind);

/* Whether a {field:KEY} of the pattern shows this field, so that {fields} need not. */
gboolean muster_text_pattern_shows_field (const MusterTextPattern *pattern, MusterSlice key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterTextPattern, muster_text_pattern_free)
