/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The console transport: to standard output or error, for eyes and pipes. Its properties are set before the start; all
 * else belongs to the transport's thread.
 *
 * What has gone into a pipe cannot be taken back. So a batch that could be written in part only is kept with the place
 * where it broke off, and goes on there when it is tried again. The descriptor belongs to others, too: whether it blocks
 * is theirs to say, and it is never changed. It is asked by poll() whether it takes something, and given no more than a
 * pipe takes for sure at a time, so that a reader who has gone to sleep does not hold up a stop.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-transport-console.h"

/* How long to wait for a reader before looking whether it is time to stop. */
#define POLL_MS 100

struct _MusterTransportConsole
{
  MusterTransport parent_instance;

  MusterConsoleStream stream;
  MusterConsoleColor color;

  gsize piece_size;   /* at most that much at a time */
  MusterBatch *batch; /* owned; the one that is half written; NULL for none */
  GByteArray *text;   /* owned; what it looks like */
  gsize written;      /* how much of that is out */
};

enum
{
  PROP_STREAM = 1,
  PROP_COLOR,
  PROP_REQUIRED,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (MusterTransportConsole, muster_transport_console, MUSTER_TYPE_TRANSPORT)

GType
muster_console_stream_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_CONSOLE_STDOUT, "MUSTER_CONSOLE_STDOUT", "stdout" },
    { MUSTER_CONSOLE_STDERR, "MUSTER_CONSOLE_STDERR", "stderr" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterConsoleStream", values));
  return type;
}

GType
muster_console_color_get_type (void)
{
  static const GEnumValue values[] = {
    { MUSTER_CONSOLE_COLOR_AUTO, "MUSTER_CONSOLE_COLOR_AUTO", "auto" },
    { MUSTER_CONSOLE_COLOR_ALWAYS, "MUSTER_CONSOLE_COLOR_ALWAYS", "always" },
    { MUSTER_CONSOLE_COLOR_NEVER, "MUSTER_CONSOLE_COLOR_NEVER", "never" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("MusterConsoleColor", values));
  return type;
}

/* -- starting -- */

/* NO_COLOR counts when it is there and not empty: no-color.org. */
static gboolean
wants_color (MusterTransportConsole *self)
{
  const char *no_color = g_getenv ("NO_COLOR");
  const char *term = g_getenv ("TERM");

  if (self->color != MUSTER_CONSOLE_COLOR_AUTO)
    return self->color == MUSTER_CONSOLE_COLOR_ALWAYS;
  return isatty ((int) self->stream) && g_strcmp0 (term, "dumb") != 0 && (no_color == NULL || *no_color == '\0');
}

static gboolean
has_string (MusterFormat *format, const char *name)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (format), name);

  return spec != NULL && G_IS_PARAM_SPEC_STRING (spec);
}

/* A format that knows themes has the property `theme`, and maybe `theme-colors` that change it. A theme that somebody
 * chose stays; without one there is a default, so that a terminal is coloured without a word in the keyfile. */
static void
choose_theme (MusterTransportConsole *self, MusterFormat *format)
{
  g_autofree char *theme = NULL;
  g_autofree char *colors = NULL;

  if (!has_string (format, "theme"))
    return;
  if (has_string (format, "theme-colors"))
    g_object_get (format, "theme-colors", &colors, NULL);
  if (!wants_color (self))
    {
      g_object_set (format, "theme", "none", NULL);
      if (colors != NULL)
        g_object_set (format, "theme-colors", NULL, NULL);
      return;
    }
  g_object_get (format, "theme", &theme, NULL);
  if (colors == NULL && (theme == NULL || g_str_equal (theme, "none")))
    g_object_set (format, "theme", "onedark", NULL);
}

static gboolean
muster_transport_console_start (MusterTransport *transport, GError **error)
{
  MusterTransportConsole *self = MUSTER_TRANSPORT_CONSOLE (transport);
  MusterFormat *format = muster_transport_get_format (transport);
  struct stat status;

  if (format == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "a console needs a format: write format=text");
      return FALSE;
    }
  if (fstat ((int) self->stream, &status) != 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "standard %s is not open: %s",
                   self->stream == MUSTER_CONSOLE_STDOUT ? "output" : "error", g_strerror (errno));
      return FALSE;
    }
  self->piece_size = S_ISREG (status.st_mode) ? G_MAXINT : PIPE_BUF;
  choose_theme (self, format);
  return TRUE;
}

/* -- writing -- */

static gboolean
fail (MusterTransportConsole *self, int code, GError **error)
{
  const char *name = self->stream == MUSTER_CONSOLE_STDOUT ? "output" : "error";

  if (code == EPIPE)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "nobody reads standard %s any more", name);
  else if (code == EAGAIN)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "nobody reads standard %s just now", name);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot write to standard %s: %s", name,
                 g_strerror (code));
  return FALSE;
}

/* Waits until the descriptor takes something. A reader that is slow is waited for; at a stop, no longer. */
static gboolean
wait_for_room (MusterTransportConsole *self, GError **error)
{
  struct pollfd fd = { .fd = (int) self->stream, .events = POLLOUT };

  for (;;)
    {
      int n = poll (&fd, 1, POLL_MS);

      if (n > 0) /* room, or an error that write() tells */
        return TRUE;
      if (n < 0 && errno != EINTR)
        return fail (self, errno, error);
      if (muster_transport_is_stopping (MUSTER_TRANSPORT (self)))
        return fail (self, EAGAIN, error);
    }
}

static gboolean
write_rest (MusterTransportConsole *self, GError **error)
{
  while (self->written < self->text->len)
    {
      gssize n;

      if (!wait_for_room (self, error))
        return FALSE;
      n = write ((int) self->stream, self->text->data + self->written,
                 MIN (self->text->len - self->written, self->piece_size));
      if (n >= 0)
        {
          self->written += (gsize) n;
          muster_transport_add_bytes (MUSTER_TRANSPORT (self), (gsize) n);
        }
      else if (errno != EINTR && errno != EAGAIN)
        return fail (self, errno, error);
    }
  return TRUE;
}

static MusterWriteResult
muster_transport_console_write (MusterTransport *transport, MusterBatch *batch, GError **error)
{
  MusterTransportConsole *self = MUSTER_TRANSPORT_CONSOLE (transport);

  if (self->batch != batch)
    {
      g_clear_pointer (&self->batch, muster_batch_unref);
      g_byte_array_set_size (self->text, 0);
      self->written = 0;
      if (!muster_format_format_batch (muster_transport_get_format (transport), batch, self->text, error))
        return MUSTER_WRITE_FAILED;
      self->batch = muster_batch_ref (batch);
    }
  if (!write_rest (self, error))
    return MUSTER_WRITE_RETRY;
  g_clear_pointer (&self->batch, muster_batch_unref);
  return MUSTER_WRITE_DONE;
}

/* -- the object -- */

static void
muster_transport_console_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  MusterTransportConsole *self = MUSTER_TRANSPORT_CONSOLE (object);

  switch (id)
    {
    case PROP_STREAM:
      self->stream = (MusterConsoleStream) g_value_get_enum (value);
      break;
    case PROP_COLOR:
      self->color = (MusterConsoleColor) g_value_get_enum (value);
      break;
    case PROP_REQUIRED:
      muster_transport_set_required (MUSTER_TRANSPORT (self), g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_console_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  MusterTransportConsole *self = MUSTER_TRANSPORT_CONSOLE (object);

  switch (id)
    {
    case PROP_STREAM:
      g_value_set_enum (value, (int) self->stream);
      break;
    case PROP_COLOR:
      g_value_set_enum (value, (int) self->color);
      break;
    case PROP_REQUIRED:
      g_value_set_boolean (value, muster_transport_get_required (MUSTER_TRANSPORT (self)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
muster_transport_console_finalize (GObject *object)
{
  MusterTransportConsole *self = MUSTER_TRANSPORT_CONSOLE (object);

  g_clear_pointer (&self->batch, muster_batch_unref);
  g_byte_array_unref (self->text);
  G_OBJECT_CLASS (muster_transport_console_parent_class)->finalize (object);
}

static void
muster_transport_console_class_init (MusterTransportConsoleClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  MusterTransportClass *transport_class = MUSTER_TRANSPORT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = muster_transport_console_set_property;
  object_class->get_property = muster_transport_console_get_property;
  object_class->finalize = muster_transport_console_finalize;
  transport_class->start = muster_transport_console_start;
  transport_class->write = muster_transport_console_write;

  properties[PROP_STREAM] = g_param_spec_enum ("stream", NULL, "Where to write: stdout or stderr",
                                               MUSTER_TYPE_CONSOLE_STREAM, MUSTER_CONSOLE_STDOUT, flags);
  properties[PROP_COLOR] =
      g_param_spec_enum ("color", NULL, "Whether a format with a theme may colour: auto (on a terminal), always, never",
                         MUSTER_TYPE_CONSOLE_COLOR, MUSTER_CONSOLE_COLOR_AUTO, flags);
  /* the base class's own, with another default */
  properties[PROP_REQUIRED] = g_param_spec_boolean (
      "required", NULL, "Nothing is acknowledged before it is here; otherwise drops when its queue is full", FALSE,
      flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
muster_transport_console_init (MusterTransportConsole *self)
{
  self->text = g_byte_array_new ();
}
