/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fields to a JSON object, each key once. The arrays are kept from record to record. Owned by one format and its thread.
 */
#include "config.h"

#include "muster-json-fields.h"

#include "muster-json.h"

#include <math.h>
#include <string.h>

/* Up to so many fields each is compared with each; beyond, they are sorted. */
#define FEW 16

struct _MusterJsonFields
{
  GArray *views;       /* of MusterFieldView, owned; a key of NULL: not to be written */
  GArray *order;       /* of guint: places in @views, sorted by key */
  GPtrArray *repaired; /* owned strings: keys that were not UTF-8 */
};

MusterJsonFields *
muster_json_fields_new (void)
{
  MusterJsonFields *fields = g_new0 (MusterJsonFields, 1);

  fields->views = g_array_new (FALSE, FALSE, sizeof (MusterFieldView));
  fields->order = g_array_new (FALSE, FALSE, sizeof (guint));
  fields->repaired = g_ptr_array_new_with_free_func (g_free);
  return fields;
}

void
muster_json_fields_free (MusterJsonFields *fields)
{
  g_array_unref (fields->views);
  g_array_unref (fields->order);
  g_ptr_array_unref (fields->repaired);
  g_free (fields);
}

static gboolean
is_ascii (MusterSlice text)
{
  guint8 all = 0;

  for (gsize i = 0; i < text.length; i++)
    all |= (guint8) text.data[i];
  return all < 0x80;
}

/* Two keys that are not UTF-8 may look the same once they are: so this comes before they are compared. */
static void
repair_key (MusterJsonFields *fields, MusterSlice *key)
{
  char *text;

  if (is_ascii (*key) || g_utf8_validate_len (key->data, key->length, NULL))
    return;
  text = g_utf8_make_valid (key->data, (gssize) key->length);
  g_ptr_array_add (fields->repaired, text);
  *key = (MusterSlice){ text, strlen (text) };
}

static int
compare_keys (const MusterSlice *a, const MusterSlice *b)
{
  int order = memcmp (a->data, b->data, MIN (a->length, b->length));

  return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static int
compare_places (gconstpointer a, gconstpointer b, gpointer data)
{
  const MusterFieldView *views = data;
  guint i = *(const guint *) a;
  guint j = *(const guint *) b;
  int order = compare_keys (&views[i].key, &views[j].key);

  return order != 0 ? order : (i > j) - (i < j);
}

static void
drop_duplicates_of_few (MusterFieldView *views, guint n)
{
  for (guint i = 0; i + 1 < n; i++)
    for (guint j = i + 1; j < n; j++)
      if (views[i].key.length == views[j].key.length
          && memcmp (views[i].key.data, views[j].key.data, views[i].key.length) == 0)
        {
          views[i].key.data = NULL;
          break;
        }
}

static void
drop_duplicates_of_many (MusterJsonFields *fields, MusterFieldView *views, guint n)
{
  const guint *order;
  gboolean is_same;

  g_array_set_size (fields->order, n);
  for (guint i = 0; i < n; i++)
    g_array_index (fields->order, guint, i) = i;
  g_array_sort_with_data (fields->order, compare_places, views);
  order = (const guint *) (gpointer) fields->order->data;
  for (guint i = 0; i + 1 < n; i++)
    {
      is_same = compare_keys (&views[order[i]].key, &views[order[i + 1]].key) == 0;
      if (is_same)
        views[order[i]].key.data = NULL;
    }
}

static void
append_number (double value, GByteArray *out)
{
  if (isfinite (value))
    muster_json_append_double (out, value);
  else
    muster_json_append_raw (out, isnan (value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void
append_value (const MusterFieldView *field, GByteArray *out)
{
  switch (field->type)
    {
    case MUSTER_FIELD_TEXT:
      muster_json_append_string (out, field->value.text.data, (gssize) field->value.text.length);
      break;
    case MUSTER_FIELD_INTEGER:
      muster_json_append_int (out, field->value.integer);
      break;
    case MUSTER_FIELD_NATURAL:
      muster_json_append_uint (out, field->value.natural);
      break;
    case MUSTER_FIELD_NUMBER:
      append_number (field->value.number, out);
      break;
    case MUSTER_FIELD_FLAG:
      muster_json_append_raw (out, field->value.flag ? "true" : "false");
      break;
    case MUSTER_FIELD_DATA:
      muster_json_append_raw (out, "{\"$data\":");
      muster_json_append_base64 (out, field->value.text.data, field->value.text.length);
      muster_json_append_raw (out, "}");
      break;
    case MUSTER_FIELD_NONE:
    default:
      muster_json_append_raw (out, "null");
      break;
    }
}

static void
collect (MusterJsonFields *fields, const MusterRecordView *record)
{
  MusterFieldIter iter;
  MusterFieldView field;

  g_array_set_size (fields->views, 0);
  if (fields->repaired->len > 0)
    g_ptr_array_set_size (fields->repaired, 0);
  muster_field_iter_init (&iter, record);
  while (muster_field_iter_next (&iter, &field))
    {
      repair_key (fields, &field.key);
      g_array_append_val (fields->views, field);
    }
}

void
muster_json_fields_append (MusterJsonFields *fields, const MusterRecordView *record, GByteArray *out)
{
  MusterFieldView *views;
  guint n, start = out->len;

  collect (fields, record);
  views = (MusterFieldView *) (gpointer) fields->views->data;
  n = fields->views->len;
  if (n <= FEW)
    drop_duplicates_of_few (views, n);
  else
    drop_duplicates_of_many (fields, views, n);
  for (guint i = 0; i < n; i++)
    if (views[i].key.data != NULL)
      {
        g_byte_array_append (out, (const guint8 *) (out->len > start ? "," : "{"), 1);
        muster_json_append_string (out, views[i].key.data, (gssize) views[i].key.length);
        g_byte_array_append (out, (const guint8 *) ":", 1);
        append_value (&views[i], out);
      }
  muster_json_append_raw (out, out->len > start ? "}" : "{}");
}
