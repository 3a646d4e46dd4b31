/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The text format: a line for each record, as a pattern says, safe to print and to be read back. Owned by one transport
 * and used in its thread.
 */
#include "config.h"

#include "muster-format-text.h"

#include "muster-dataset.h"
#include "muster-text-escape.h"
#include "muster-text-line.h"

#define DEFAULT_PATTERN "{time:%Y-%m-%d %H:%M:%S.%f%z} {worker} {level} {domain}: {message} {fields}"
#define INDENT          4

struct _MusterFormatText
{
  MusterFormat parent_instance;

  /* Properties. */
  char *pattern;
  char *theme;
  char *theme_colors; /* nullable */
  MusterTextMultiline multiline;
  gboolean utc;
  guint columns; /* of tables */

  MusterTextLine *line;    /* owned; NULL until started */
  MusterDataset *assembly; /* owned, nullable: the parts of a dataset so far */
};

G_DEFINE_FINAL_TYPE (MusterFormatText, muster_format_text, MUSTER_TYPE_FORMAT)

enum
{
  PROP_0,
  PROP_PATTERN,
  PROP_THEME,
  PROP_THEME_COLORS,
  PROP_MULTILINE,
  PROP_UTC,
  PROP_COLUMNS,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

GType
muster_text_multiline_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_TEXT_MULTILINE_ESCAPE, "MUSTER_TEXT_MULTILINE_ESCAPE", "escape" },
    { MUSTER_TEXT_MULTILINE_INDENT, "MUSTER_TEXT_MULTILINE_INDENT", "indent" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterTextMultiline", values));
  return type;
}

/* -- entries ----------------------------------------------------------------------------------- */

/* A block of lines, each made safe by itself. */
static void
put_block (const char *text, MusterTextWriter *writer)
{
  while (*text != '\0')
    {
      gsize length = strcspn (text, "\n");

      muster_text_escape (writer, text, length);
      muster_text_writer_put_byte (writer, '\n');
      text += length + (text[length] == '\n');
    }
}

static void
put_dataset (MusterFormatText *self, const MusterEntry *entry, MusterTextWriter *writer)
{
  g_autoptr (MusterDataset) dataset = NULL;
  g_autofree char *text = NULL;

  if (!muster_dataset_assemble (&self->assembly, entry, &dataset))
    {
      muster_text_line_put_gap (self->line, entry->sequence, 1, MUSTER_GAP_CORRUPT, writer);
      return;
    }
  if (dataset == NULL)
    return;
  text = muster_dataset_to_text_in_columns (dataset, self->columns);
  put_block (text, writer);
}

static void
put_entry (MusterFormatText *self, const MusterEntry *entry, MusterTextWriter *writer)
{
  MusterRecordView record;
  MusterGapReason reason;
  guint64 count;

  switch (entry->kind)
    {
    case MUSTER_ENTRY_RECORD:
      /* One entry that cannot be read must not take its neighbours with it. */
      if (G_LIKELY (muster_entry_get_record (entry, &record)))
        muster_text_line_put (self->line, &record, entry->sequence, writer);
      else
        muster_text_line_put_gap (self->line, entry->sequence, 1, MUSTER_GAP_CORRUPT, writer);
      break;
    case MUSTER_ENTRY_GAP:
      if (muster_entry_get_gap (entry, &count, &reason) && reason != MUSTER_GAP_FILTERED)
        muster_text_line_put_gap (self->line, entry->sequence, count, reason, writer);
      break;
    case MUSTER_ENTRY_DATASET:
      put_dataset (self, entry, writer);
      break;
    case MUSTER_ENTRY_UNKNOWN:
    case MUSTER_ENTRY_ORIGIN:
    case MUSTER_ENTRY_SNAPSHOT:
    default:
      break;
    }
}

static gboolean
muster_format_text_format_entry (MusterFormat *format, const MusterEntry *entry, GByteArray *out, GError **error)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (format);
  MusterTextWriter writer;

  muster_text_line_set_origin (self->line, entry->origin);
  muster_text_writer_init (&writer, out);
  put_entry (self, entry, &writer);
  muster_text_writer_finish (&writer);
  return TRUE;
}

static gboolean
muster_format_text_format_batch (MusterFormat *format, MusterBatch *batch, GByteArray *out, GError **error)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (format);
  MusterTextWriter writer;
  MusterEntryIter iter;
  MusterEntry entry;
  gsize size;
  gconstpointer data = muster_batch_get_data (batch, &size);

  muster_text_writer_init (&writer, out);
  muster_text_writer_reserve (&writer, 2 * size);
  muster_entry_iter_init (&iter, data, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_ORIGIN)
      muster_text_line_set_origin (self->line, entry.origin);
    else
      put_entry (self, &entry, &writer);
  muster_text_writer_finish (&writer);
  return !muster_entry_iter_get_error (&iter, error);
}

/* -- the object -------------------------------------------------------------------------------- */

/* A name that is not built in is that of a [theme NAME] group, whose pairs are in theme-colors. */
static MusterTextTheme *
make_theme (MusterFormatText *self, GError **error)
{
  gboolean is_custom = self->theme_colors != NULL && !muster_text_theme_is_built_in (self->theme);
  g_autoptr (MusterTextTheme) theme = muster_text_theme_new (is_custom ? "none" : self->theme, error);

  if (theme == NULL)
    return NULL;
  if (self->theme_colors != NULL && !muster_text_theme_set_all (theme, self->theme_colors, error))
    return NULL;
  return g_steal_pointer (&theme);
}

static gboolean
muster_format_text_start (MusterFormat *format, GError **error)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (format);
  g_autoptr (MusterTextTheme) theme = make_theme (self, error);
  MusterTextPattern *pattern;

  if (theme == NULL)
    return FALSE;
  pattern = muster_text_pattern_new (self->pattern, self->utc, error);
  if (pattern == NULL)
    return FALSE;
  g_clear_pointer (&self->line, muster_text_line_free);
  self->line = muster_text_line_new (pattern, theme, self->multiline == MUSTER_TEXT_MULTILINE_INDENT ? INDENT : 0);
  return TRUE;
}

static void
muster_format_text_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (object);

  switch (id)
    {
    case PROP_PATTERN:
      g_value_set_string (value, self->pattern);
      break;
    case PROP_THEME:
      g_value_set_string (value, self->theme);
      break;
    case PROP_THEME_COLORS:
      g_value_set_string (value, self->theme_colors);
      break;
    case PROP_MULTILINE:
      g_value_set_enum (value, self->multiline);
      break;
    case PROP_UTC:
      g_value_set_boolean (value, self->utc);
      break;
    case PROP_COLUMNS:
      g_value_set_uint (value, self->columns);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
take_string (char **member, const GValue *value, const char *fallback)
{
  const char *text = g_value_get_string (value);

  g_free (*member);
  *member = g_strdup (text != NULL ? text : fallback);
}

static void
muster_format_text_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (object);

  switch (id)
    {
    case PROP_PATTERN:
      take_string (&self->pattern, value, DEFAULT_PATTERN);
      break;
    case PROP_THEME:
      take_string (&self->theme, value, "none");
      break;
    case PROP_THEME_COLORS:
      take_string (&self->theme_colors, value, NULL);
      break;
    case PROP_MULTILINE:
      self->multiline = (MusterTextMultiline) g_value_get_enum (value);
      break;
    case PROP_UTC:
      self->utc = g_value_get_boolean (value);
      break;
    case PROP_COLUMNS:
      self->columns = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_format_text_finalize (GObject *object)
{
  MusterFormatText *self = MUSTER_FORMAT_TEXT (object);

  g_free (self->pattern);
  g_free (self->theme);
  g_free (self->theme_colors);
  g_clear_pointer (&self->line, muster_text_line_free);
  g_clear_pointer (&self->assembly, muster_dataset_unref);
  G_OBJECT_CLASS (muster_format_text_parent_class)->finalize (object);
}

static void
muster_format_text_class_init (MusterFormatTextClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterFormatClass *format_class = MUSTER_FORMAT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->get_property = muster_format_text_get_property;
  object_class->set_property = muster_format_text_set_property;
  object_class->finalize = muster_format_text_finalize;
  format_class->start = muster_format_text_start;
  format_class->format_entry = muster_format_text_format_entry;
  format_class->format_batch = muster_format_text_format_batch;
  format_class->extension = "log";
  format_class->content_type = "text/plain; charset=utf-8";

  properties[PROP_PATTERN] =
      g_param_spec_string ("pattern", NULL,
                           "What a line looks like: text, and values in braces: {time:STRFTIME} {level} {LEVEL} {host} "
                           "{cluster} {worker} {pid} {stream} {seq} {domain} {message} {file} {line} {function} "
                           "{field:KEY} {fields}; {level:<8} pads",
                           DEFAULT_PATTERN, flags);
  properties[PROP_THEME] = g_param_spec_string (
      "theme", NULL, "Colours: none, onedark, afterglow, bricks, terminal, or a [theme NAME] group", "none", flags);
  properties[PROP_THEME_COLORS] = g_param_spec_string (
      "theme-colors", NULL, "Colours of a theme of one's own, or changes to a built-in one: time=dim;error=bold red",
      NULL, flags);
  properties[PROP_MULTILINE] = g_param_spec_enum (
      "multiline", NULL, "Line feeds in messages: escape them, or indent what follows (cannot be read back)",
      MUSTER_TYPE_TEXT_MULTILINE, MUSTER_TEXT_MULTILINE_ESCAPE, flags);
  properties[PROP_UTC] = g_param_spec_boolean ("utc", NULL, "Times in UTC instead of local time", FALSE, flags);
  properties[PROP_COLUMNS] =
      g_param_spec_uint ("columns", NULL, "How wide the tables of deliveries may be; 0: no limit", 0, 10000, 80, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_format_text_init (MusterFormatText *self)
{
}
