/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fields from GVariants, for languages whose values come so.
 */
#include "config.h"

#include "muster-field-variant-private.h"

MusterField
muster_field_from_variant (const char *key, GVariant *value, char **scratch)
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
