/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A log call must not wait, in a signal handler least of all, while another thread sets a default. So the encoded fields
 * are kept twice: one half is in use, and the writer (one at a time, under `lock`) fills the other.
 */
#include "config.h"

#include <string.h>

#include "muster-default-fields-private.h"
#include "muster-encoder-private.h"
#include "muster-field-variant-private.h"

#define N_WORDS (MUSTER_DEFAULT_FIELDS_MAX / 8)

/*
 * `turn` is odd while the writer fills a half; (turn >> 1) & 1 is the half in use. The words themselves are relaxed
 * atomics. A reader's copy is good if the writer has not begun to fill that half again meanwhile: then it sees a turn
 * below the one at which that happens, for the writer's fence stands between that turn and the first word it changes,
 * and the reader's between the last word it took and the turn.
 */
struct _MusterPublishedFields
{
  _Atomic guint32 turn;
  _Atomic guint32 length[2];
  _Atomic guint64 words[2][N_WORDS];
};

typedef struct
{
  char *key;       /* owned */
  GVariant *value; /* owned */
} DefaultField;

static void
default_field_free (gpointer data)
{
  DefaultField *field = data;

  g_free (field->key);
  g_variant_unref (field->value);
  g_free (field);
}

void
muster_default_fields_init (MusterDefaultFields *self)
{
  g_mutex_init (&self->lock);
  self->fields = g_ptr_array_new_with_free_func (default_field_free);
}

void
muster_default_fields_clear (MusterDefaultFields *self)
{
  g_ptr_array_unref (self->fields);
  g_free (atomic_load (&self->published));
  g_mutex_clear (&self->lock);
}

/* Under lock. FALSE if they do not fit. */
static gboolean
encode (MusterDefaultFields *self, guint64 words[N_WORDS], gsize *length)
{
  guint8 *start = (guint8 *) words;
  guint8 *out = start;

  for (guint i = 0; i < self->fields->len; i++)
    {
      const DefaultField *field = self->fields->pdata[i];
      g_autofree char *scratch = NULL;
      MusterField view = muster_field_from_variant (field->key, field->value, &scratch);

      out = muster_encode_field (out, start + MUSTER_DEFAULT_FIELDS_MAX, &view);
      if (out == NULL)
        return FALSE;
    }
  *length = (gsize) (out - start);
  return TRUE;
}

/* Under lock. FALSE if they do not fit; then nothing has changed for the readers. */
static gboolean
publish (MusterDefaultFields *self)
{
  MusterPublishedFields *published = atomic_load (&self->published);
  guint64 words[N_WORDS] = { 0 };
  gsize length;
  guint32 turn, half;

  if (!encode (self, words, &length))
    return FALSE;
  if (published == NULL)
    {
      published = g_new0 (MusterPublishedFields, 1);
      atomic_store (&self->published, published);
    }
  turn = atomic_load (&published->turn);
  half = ((turn >> 1) + 1) & 1;
  atomic_store (&published->turn, turn + 1);
  atomic_thread_fence (memory_order_seq_cst);
  for (gsize i = 0; i < (length + 7) / 8; i++)
    atomic_store_explicit (&published->words[half][i], words[i], memory_order_relaxed);
  atomic_store_explicit (&published->length[half], (guint32) length, memory_order_relaxed);
  atomic_store (&published->turn, turn + 2);
  return TRUE;
}

gsize
muster_default_fields_encode (MusterDefaultFields *self, guint64 out[N_WORDS])
{
  MusterPublishedFields *published = atomic_load_explicit (&self->published, memory_order_acquire);

  for (;;)
    {
      guint32 turn = atomic_load_explicit (&published->turn, memory_order_acquire);
      guint32 half = (turn >> 1) & 1;
      gsize length = atomic_load_explicit (&published->length[half], memory_order_relaxed);

      for (gsize i = 0; i < (length + 7) / 8; i++)
        out[i] = atomic_load_explicit (&published->words[half][i], memory_order_relaxed);
      atomic_thread_fence (memory_order_acquire);
      if (atomic_load_explicit (&published->turn, memory_order_relaxed) - (turn & ~1u) < 3)
        return length;
    }
}

/* Under lock. */
static gboolean
remove_field (MusterDefaultFields *self, const char *key)
{
  for (guint i = 0; i < self->fields->len; i++)
    if (g_str_equal (((DefaultField *) self->fields->pdata[i])->key, key))
      {
        g_ptr_array_remove_index (self->fields, i);
        return TRUE;
      }
  return FALSE;
}

gboolean
muster_default_fields_set (MusterDefaultFields *self, const char *key, GVariant *value)
{
  DefaultField *field = g_new (DefaultField, 1);
  gboolean fits;

  field->key = g_strdup (key);
  field->value = g_variant_ref_sink (value);
  g_mutex_lock (&self->lock);
  remove_field (self, key);
  g_ptr_array_add (self->fields, field);
  fits = publish (self);
  if (!fits)
    {
      g_ptr_array_remove_index (self->fields, self->fields->len - 1);
      publish (self);
    }
  g_mutex_unlock (&self->lock);
  return fits;
}

void
muster_default_fields_remove (MusterDefaultFields *self, const char *key)
{
  g_mutex_lock (&self->lock);
  if (remove_field (self, key))
    publish (self);
  g_mutex_unlock (&self->lock);
}

void
muster_default_fields_copy_to (MusterDefaultFields *self, MusterDefaultFields *to)
{
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->fields->len; i++)
    {
      const DefaultField *field = self->fields->pdata[i];

      muster_default_fields_set (to, field->key, field->value);
    }
  g_mutex_unlock (&self->lock);
}
