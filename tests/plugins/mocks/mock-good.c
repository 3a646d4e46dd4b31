/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin that works, and does nothing: a format, a transport and a source. What they are told is left in the
 * environment, as MUSTER_MOCK_..., for the test that loaded them.
 */
#include "mock.h"

#include <string.h>

#include "muster-source.h"
#include "muster-transport.h"

#include "mock-format.h"

MOCK_MARK ("good")

/* -- format ---------------------------------------------------------------------------------------- */

typedef struct
{
  MusterFormat parent_instance;

  char *pattern;      /* owned */
  char *theme;        /* owned */
  char *theme_colors; /* owned */
  gboolean started;
} MockFormat;

typedef MusterFormatClass MockFormatClass;

GType mock_format_get_type (void);
G_DEFINE_TYPE (MockFormat, mock_format, MUSTER_TYPE_FORMAT)

enum
{
  PROP_PATTERN = 1,
  PROP_THEME,
  PROP_THEME_COLORS,
};

static char **
text_property (GObject *object, guint id)
{
  MockFormat *self = (MockFormat *) object;

  return id == PROP_PATTERN ? &self->pattern : id == PROP_THEME ? &self->theme : &self->theme_colors;
}

static void
mock_format_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  char **text = text_property (object, id);

  g_free (*text);
  *text = g_value_dup_string (value);
  if (id == PROP_THEME_COLORS)
    g_setenv ("MUSTER_MOCK_COLORS", *text, TRUE);
}

static void
mock_format_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_set_string (value, *text_property (object, id));
}

static void
mock_format_finalize (GObject *object)
{
  for (guint id = PROP_PATTERN; id <= PROP_THEME_COLORS; id++)
    g_free (*text_property (object, id));
  G_OBJECT_CLASS (mock_format_parent_class)->finalize (object);
}

static gboolean
mock_format_start (MusterFormat *format, GError **error)
{
  MockFormat *self = (MockFormat *) format;

  g_assert (!self->started);
  self->started = TRUE;
  if (self->theme_colors != NULL && strstr (self->theme_colors, "=bad;") != NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "theme: no such colour");
      return FALSE;
    }
  if (g_strcmp0 (self->pattern, "bad") != 0)
    return TRUE;
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "pattern: 'bad' is bad; expected a good one");
  return FALSE;
}

static void
mock_format_class_init (MockFormatClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = mock_format_set_property;
  object_class->get_property = mock_format_get_property;
  object_class->finalize = mock_format_finalize;
  class->start = mock_format_start;
  class->format_entry = mock_format_entry;
  g_object_class_install_property (object_class, PROP_PATTERN,
                                   g_param_spec_string ("pattern", NULL, "What a line looks like", "{message}", flags));
  g_object_class_install_property (object_class, PROP_THEME,
                                   g_param_spec_string ("theme", NULL, "Colours", "none", flags));
  g_object_class_install_property (object_class, PROP_THEME_COLORS,
                                   g_param_spec_string ("theme-colors", NULL, "Colours, one by one", NULL, flags));
}

static void
mock_format_init (MockFormat *self)
{
}

/* -- transport ------------------------------------------------------------------------------------- */

typedef struct
{
  MusterTransport parent_instance;
  guint depth;
} MockTransport;

typedef MusterTransportClass MockTransportClass;

GType mock_transport_get_type (void);
G_DEFINE_TYPE (MockTransport, mock_transport, MUSTER_TYPE_TRANSPORT)

static MusterWriteResult
mock_transport_write (MusterTransport *self, MusterBatch *batch, GError **error)
{
  return MUSTER_WRITE_DONE;
}

static void
mock_transport_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  ((MockTransport *) object)->depth = g_value_get_uint (value);
  setenv ("MUSTER_MOCK_DEPTH", (const char[]){ (char) ('0' + g_value_get_uint (value)), '\0' }, 1);
}

static void
mock_transport_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_set_uint (value, ((MockTransport *) object)->depth);
}

static void
mock_transport_class_init (MockTransportClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = mock_transport_set_property;
  object_class->get_property = mock_transport_get_property;
  class->write = mock_transport_write;
  g_object_class_install_property (
      object_class, 1,
      g_param_spec_uint ("depth", NULL, "How deep", 1, 9, 3, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

static void
format_cb (GObject *object, GParamSpec *spec, gpointer user_data)
{
  MockFormat *format = (MockFormat *) muster_transport_get_format (MUSTER_TRANSPORT (object));

  setenv ("MUSTER_MOCK_PATTERN", format->pattern != NULL ? format->pattern : "(none)", 1);
}

static void
mock_transport_init (MockTransport *self)
{
  g_signal_connect (self, "notify::format", G_CALLBACK (format_cb), NULL);
}

/* -- source ---------------------------------------------------------------------------------------- */

typedef struct
{
  MusterSource parent_instance;
  guint64 journal_size;
} MockSource;

typedef MusterSourceClass MockSourceClass;

GType mock_source_get_type (void);
G_DEFINE_TYPE (MockSource, mock_source, MUSTER_TYPE_SOURCE)

static gboolean
mock_source_start (MusterSource *self, GError **error)
{
  return TRUE;
}

static guint64
mock_source_get_journal_size (MusterSource *self)
{
  return ((MockSource *) self)->journal_size;
}

static void
mock_source_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  ((MockSource *) object)->journal_size = g_value_get_uint64 (value);
}

static void
mock_source_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_set_uint64 (value, ((MockSource *) object)->journal_size);
}

static void
mock_source_class_init (MockSourceClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = mock_source_set_property;
  object_class->get_property = mock_source_get_property;
  class->start = mock_source_start;
  class->get_journal_size = mock_source_get_journal_size;
  g_object_class_install_property (object_class, 1,
                                   g_param_spec_uint64 ("journal-size", NULL, "Its journal", 0, G_MAXUINT64, 0,
                                                        G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

static void
mock_source_init (MockSource *self)
{
}

MUSTER_PLUGIN_DEFINE ("good", "1.0", "Does nothing, well", "MIT",
                      { MUSTER_PLUGIN_FORMAT, "plain", mock_format_get_type },
                      { MUSTER_PLUGIN_TRANSPORT, "mock", mock_transport_get_type },
                      { MUSTER_PLUGIN_SOURCE, "mock", mock_source_get_type });
