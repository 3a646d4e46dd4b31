/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any GVariant as JSON. How deep it may nest is bounded by GLib (g_variant_is_normal_form()). Any thread.
 */
#include "config.h"

#include "muster-variant-json-private.h"

#include "muster-json.h"

static void
append_key (GVariant *key, GByteArray *out)
{
  g_autofree char *text = g_variant_is_of_type (key, G_VARIANT_TYPE_STRING) ? NULL : g_variant_print (key, FALSE);

  muster_json_append_string (out, text != NULL ? text : g_variant_get_string (key, NULL), -1);
  muster_json_append_raw (out, ":");
}

static void
append_members (GVariant *value, gboolean is_object, GByteArray *out)
{
  muster_json_append_raw (out, is_object ? "{" : "[");
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      g_autoptr (GVariant) key = is_object ? g_variant_get_child_value (child, 0) : NULL;
      g_autoptr (GVariant) member = is_object ? g_variant_get_child_value (child, 1) : g_variant_ref (child);

      muster_json_append_raw (out, i > 0 ? "," : "");
      if (is_object)
        append_key (key, out);
      muster_variant_append_json (member, out);
    }
  muster_json_append_raw (out, is_object ? "}" : "]");
}

/* GVariant prints bytes and handles so that they can be read back. */
static void
append_integer (GVariant *value, GByteArray *out)
{
  g_autofree char *text = g_variant_print (value, FALSE);

  muster_json_append_int (out, g_ascii_strtoll (text, NULL, 0));
}

void
muster_variant_append_json (GVariant *value, GByteArray *out)
{
  g_autoptr (GVariant) child = NULL;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      muster_json_append_raw (out, g_variant_get_boolean (value) ? "true" : "false");
      break;
    case G_VARIANT_CLASS_DOUBLE:
      muster_json_append_double (out, g_variant_get_double (value));
      break;
    case G_VARIANT_CLASS_UINT64:
      muster_json_append_uint (out, g_variant_get_uint64 (value));
      break;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      muster_json_append_string (out, g_variant_get_string (value, NULL), -1);
      break;
    case G_VARIANT_CLASS_VARIANT:
      child = g_variant_get_variant (value);
      muster_variant_append_json (child, out);
      break;
    case G_VARIANT_CLASS_MAYBE:
      child = g_variant_get_maybe (value);
      if (child != NULL)
        muster_variant_append_json (child, out);
      else
        muster_json_append_raw (out, "null");
      break;
    case G_VARIANT_CLASS_ARRAY:
      append_members (value, g_variant_type_is_subtype_of (g_variant_get_type (value), G_VARIANT_TYPE_DICTIONARY), out);
      break;
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
      append_members (value, FALSE, out);
      break;
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_UINT32:
    case G_VARIANT_CLASS_INT64:
    case G_VARIANT_CLASS_HANDLE:
    default:
      append_integer (value, out);
    }
}
