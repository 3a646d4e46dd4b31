/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a file to a usable plugin, in two steps: what the file says of itself is judged without running any of its code
 * (see muster-elf.c); only what passed is loaded: bound locally and eagerly, so that a missing symbol is an error here
 * and not a crash later, and resident, because its GTypes cannot be taken back. The thread that owns the registry.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gmodule.h>
#include <sys/stat.h>
#include <glib/gstdio.h>

#include "muster-format.h"
#include "muster-loader-private.h"
#include "muster-source.h"
#include "muster-transport.h"

const char *
muster_loader_kind_name (guint kind)
{
  static const char *const names[] = { NULL, "format", "transport", "source", "metric" };

  return kind < G_N_ELEMENTS (names) ? names[kind] : NULL;
}

static GType
base_type (MusterPluginKind kind)
{
  switch (kind)
    {
    case MUSTER_PLUGIN_FORMAT:
      return MUSTER_TYPE_FORMAT;
    case MUSTER_PLUGIN_TRANSPORT:
      return MUSTER_TYPE_TRANSPORT;
    case MUSTER_PLUGIN_SOURCE:
      return MUSTER_TYPE_SOURCE;
    default:
      return G_TYPE_INVALID;
    }
}

/* Opens without blocking, whatever lies there. */
static GMappedFile *
map_file (const char *path, GError **error)
{
  GMappedFile *file = NULL;
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0 || fstat (fd, &status) != 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "it cannot be opened: %s", g_strerror (errno));
  else if (!S_ISREG (status.st_mode))
    g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "it is not a regular file");
  else
    file = g_mapped_file_new_from_fd (fd, FALSE, error);
  if (fd >= 0)
    g_close (fd, NULL);
  return file;
}

static gboolean
is_blank (const char *text)
{
  return text == NULL || *text == '\0';
}

static gboolean
check_types (const MusterElfDescriptor *promise, GError **error)
{
  if (promise->types == NULL || promise->types->len == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "its descriptor lists no types");
      return FALSE;
    }
  for (guint i = 0; i < promise->types->len; i++)
    {
      const MusterElfType *type = &g_array_index (promise->types, MusterElfType, i);

      if (*type->name == '\0' || muster_loader_kind_name (type->kind) == NULL)
        {
          g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                       "type %u of its descriptor has %s; expected a format, transport, source or metric with a name",
                       i + 1, *type->name == '\0' ? "no name" : "an unknown kind");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_promise (const MusterElfDescriptor *promise, GError **error)
{
  const char *missing = NULL;

  if (promise->abi_major != MUSTER_PLUGIN_ABI_MAJOR || promise->abi_minor > MUSTER_PLUGIN_ABI_MINOR)
    {
      g_set_error (
          error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE,
          "it was built for plugin ABI %u.%u; expected %u.%u or an older minor: build it again for this Muster",
          promise->abi_major, promise->abi_minor, MUSTER_PLUGIN_ABI_MAJOR, MUSTER_PLUGIN_ABI_MINOR);
      return FALSE;
    }
  if (is_blank (promise->name))
    missing = "name";
  else if (is_blank (promise->version))
    missing = "version";
  else if (is_blank (promise->description))
    missing = "description";
  else if (is_blank (promise->licence))
    missing = "licence";
  if (missing != NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "its descriptor has no %s", missing);
      return FALSE;
    }
  return check_types (promise, error);
}

MusterPlugin *
muster_loader_inspect (const char *path)
{
  g_autoptr (GMappedFile) file = NULL;
  MusterElfDescriptor promise = { 0 };
  GError *error = NULL;

  file = map_file (path, &error);
  if (file != NULL
      && muster_elf_read_descriptor (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), &promise,
                                     &error))
    check_promise (&promise, &error);
  return muster_plugin_new (path, &promise, error);
}

/* Whether what is in memory is what the file promised. */
static gboolean
check_kept (const MusterPlugin *plugin, const MusterPluginDescriptor *descriptor)
{
  const MusterElfDescriptor *promise = &plugin->promise;
  guint i;

  if (descriptor->abi_major != promise->abi_major || descriptor->abi_minor != promise->abi_minor
      || g_strcmp0 (descriptor->name, promise->name) != 0 || is_blank (descriptor->version)
      || is_blank (descriptor->description) || is_blank (descriptor->licence) || descriptor->types == NULL)
    return FALSE;
  for (i = 0; i < promise->types->len; i++)
    {
      const MusterElfType *type = &g_array_index (promise->types, MusterElfType, i);

      if (g_strcmp0 (descriptor->types[i].name, type->name) != 0 || (guint32) descriptor->types[i].kind != type->kind)
        return FALSE;
    }
  return descriptor->types[i].name == NULL;
}

static gboolean
check_gtype (const MusterPluginType *type, GError **error)
{
  GType gtype = type->get_type != NULL ? type->get_type () : G_TYPE_INVALID;

  if (gtype != G_TYPE_INVALID && g_type_is_a (gtype, base_type (type->kind)) && !G_TYPE_IS_ABSTRACT (gtype))
    return TRUE;
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "its %s '%s' is of the GType %s; expected a subclass of %s",
               muster_loader_kind_name (type->kind), type->name,
               gtype != G_TYPE_INVALID ? g_type_name (gtype) : "(none)", g_type_name (base_type (type->kind)));
  return FALSE;
}

/* Registered, so that whatever is decoded from now on is known. */
static gboolean
check_metric_kind (const MusterPluginType *type, GError **error)
{
  const MusterMetricKind *(*get_kind) (void) = (const MusterMetricKind *(*) (void) ) (void (*) (void)) type->get_type;
  const MusterMetricKind *kind = get_kind != NULL ? get_kind () : NULL;

  if (kind != NULL && g_strcmp0 (kind->name, type->name) == 0)
    return muster_metric_kind_register (kind, error);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
               "its metric '%s' gives %s%s; expected a MusterMetricKind of that name", type->name,
               kind != NULL ? "one named " : "none", kind != NULL && kind->name != NULL ? kind->name : "");
  return FALSE;
}

static gboolean
check_type (const MusterPluginType *type, GError **error)
{
  return type->kind == MUSTER_PLUGIN_METRIC ? check_metric_kind (type, error) : check_gtype (type, error);
}

static const MusterPluginDescriptor *
open_module (MusterPlugin *plugin, GError **error)
{
  gpointer symbol = NULL;
  g_autoptr (GError) reason = NULL;
  GModule *module = g_module_open_full (plugin->path, G_MODULE_BIND_LOCAL, &reason);

  if (module == NULL)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "it cannot be loaded: %s", reason->message);
      return NULL;
    }
  g_module_make_resident (module);
  if (!g_module_symbol (module, "muster_plugin_descriptor", &symbol) || symbol == NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND,
                           "it exports no symbol muster_plugin_descriptor");
      return NULL;
    }
  return symbol;
}

gboolean
muster_loader_load (MusterPlugin *plugin)
{
  const MusterPluginDescriptor *descriptor;
  GError *error = NULL;

  if (plugin->error != NULL || plugin->descriptor != NULL)
    return plugin->error == NULL;
  descriptor = open_module (plugin, &error);
  if (descriptor != NULL && !check_kept (plugin, descriptor))
    g_set_error_literal (&error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT,
                         "its descriptor in memory is not what its file says; was the file replaced?");
  else if (descriptor != NULL)
    for (const MusterPluginType *type = descriptor->types; type->name != NULL && error == NULL; type++)
      check_type (type, &error);
  if (error != NULL)
    muster_plugin_break (plugin, error);
  else
    plugin->descriptor = descriptor;
  return plugin->error == NULL;
}

GType
muster_loader_get_type (MusterPlugin *plugin, MusterPluginKind kind, const char *name)
{
  for (const MusterPluginType *type = plugin->descriptor->types; type->name != NULL; type++)
    if (type->kind == kind && g_strcmp0 (type->name, name) == 0)
      return type->get_type ();
  return G_TYPE_INVALID;
}
