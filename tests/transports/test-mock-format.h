/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Formats for tests: a line for each record (its message), the batches' own bytes, or numbers with gaps.
 */
#pragma once

#include "muster-format.h"

G_DECLARE_FINAL_TYPE (LineFormat, line_format, LINE, FORMAT, MusterFormat)

struct _LineFormat
{
  MusterFormat parent_instance;

  char *theme;
  char *theme_colors;
  char *started_with; /* the theme when the format was started */
};

G_DEFINE_FINAL_TYPE (LineFormat, line_format, MUSTER_TYPE_FORMAT)

/* A message "corrupt" cannot be formatted. */
static gboolean
line_format_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  MusterRecordView record;

  if (!muster_entry_get_record (entry, &record))
    return TRUE;
  if (record.message.length == 7 && memcmp (record.message.data, "corrupt", 7) == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "what a mess");
      return FALSE;
    }
  g_byte_array_append (out, (const guint8 *) record.message.data, (guint) record.message.length);
  g_byte_array_append (out, (const guint8 *) "\n", 1);
  return TRUE;
}

static gboolean
line_format_start (MusterFormat *format, GError **error)
{
  LineFormat *self = LINE_FORMAT (format);

  g_free (self->started_with);
  self->started_with = g_strdup (self->theme);
  return TRUE;
}

static void
line_format_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  LineFormat *self = LINE_FORMAT (object);
  char **member = id == 1 ? &self->theme : &self->theme_colors;

  g_free (*member);
  *member = g_value_dup_string (value);
}

static void
line_format_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_set_string (value, id == 1 ? LINE_FORMAT (object)->theme : LINE_FORMAT (object)->theme_colors);
}

static void
line_format_finalize (GObject *object)
{
  g_free (LINE_FORMAT (object)->theme);
  g_free (LINE_FORMAT (object)->theme_colors);
  g_free (LINE_FORMAT (object)->started_with);
  G_OBJECT_CLASS (line_format_parent_class)->finalize (object);
}

static void
line_format_class_init (LineFormatClass *class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = line_format_set_property;
  object_class->get_property = line_format_get_property;
  object_class->finalize = line_format_finalize;
  MUSTER_FORMAT_CLASS (class)->start = line_format_start;
  MUSTER_FORMAT_CLASS (class)->format_entry = line_format_format_entry;
  MUSTER_FORMAT_CLASS (class)->content_type = "text/plain; charset=utf-8";
  g_object_class_install_property (object_class, 1, g_param_spec_string ("theme", NULL, NULL, "none", flags));
  g_object_class_install_property (object_class, 2, g_param_spec_string ("theme-colors", NULL, NULL, NULL, flags));
}

static void
line_format_init (LineFormat *self)
{
}

G_DECLARE_FINAL_TYPE (LogFormat, log_format, LOG, FORMAT, MusterFormat)

struct _LogFormat
{
  MusterFormat parent_instance;
};

G_DEFINE_FINAL_TYPE (LogFormat, log_format, MUSTER_TYPE_FORMAT)

/* The file transport is to write the batches' own bytes without asking. */
static gboolean
log_format_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  g_assert_not_reached ();
}

static void
log_format_class_init (LogFormatClass *class)
{
  MUSTER_FORMAT_CLASS (class)->format_entry = log_format_format_entry;
  MUSTER_FORMAT_CLASS (class)->content_type = "application/x-protobuf";
  MUSTER_FORMAT_CLASS (class)->keeps_gaps = TRUE;
}

static void
log_format_init (LogFormat *self)
{
}

G_DECLARE_FINAL_TYPE (GapFormat, gap_format, GAP, FORMAT, MusterFormat)

struct _GapFormat
{
  MusterFormat parent_instance;
};

G_DEFINE_FINAL_TYPE (GapFormat, gap_format, MUSTER_TYPE_FORMAT)

/* "4\n", "5+2filtered\n"; a message "corrupt" cannot be formatted. */
static gboolean
gap_format_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  g_autofree char *line = NULL;
  MusterRecordView record;
  MusterGapReason reason;
  guint64 count;

  if (entry->kind == MUSTER_ENTRY_ORIGIN)
    return TRUE;
  if (muster_entry_get_record (entry, &record) && record.message.length == 7
      && memcmp (record.message.data, "corrupt", 7) == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "what a mess");
      return FALSE;
    }
  if (muster_entry_get_gap (entry, &count, &reason))
    line = g_strdup_printf ("%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT "%s\n", entry->sequence, count,
                            muster_gap_reason_to_string (reason));
  else
    line = g_strdup_printf ("%" G_GUINT64_FORMAT "\n", entry->sequence);
  g_byte_array_append (out, (const guint8 *) line, (guint) strlen (line));
  return TRUE;
}

static void
gap_format_class_init (GapFormatClass *class)
{
  MUSTER_FORMAT_CLASS (class)->format_entry = gap_format_format_entry;
  MUSTER_FORMAT_CLASS (class)->content_type = "text/x-numbers";
  MUSTER_FORMAT_CLASS (class)->keeps_gaps = TRUE;
}

static void
gap_format_init (GapFormat *self)
{
}
