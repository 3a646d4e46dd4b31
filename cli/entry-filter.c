/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `muster cat` shows and what it leaves out. Without conditions nothing is decoded; a level is peeked at.
 */
#include "config.h"

#include <string.h>

#include "entry-filter.h"
#include "muster-wire-private.h"

struct _MusterEntryFilter
{
  MusterLevel level;  /* NONE: all */
  GPtrArray *workers; /* owned; of GPatternSpec; empty: all */
  GPtrArray *domains;
  guint64 since_ns;
  guint64 until_ns;
  GRegex *grep;     /* owned, nullable */
  GRegex *grep_raw; /* owned, nullable: the same for bytes that are not UTF-8 */

  const MusterKnownOrigin *origin; /* borrowed: whose worker was looked at last */
  gboolean worker_passes;
};

MusterEntryFilter *
muster_entry_filter_new (void)
{
  MusterEntryFilter *self = g_new0 (MusterEntryFilter, 1);

  self->workers = g_ptr_array_new_with_free_func ((GDestroyNotify) g_pattern_spec_free);
  self->domains = g_ptr_array_new_with_free_func ((GDestroyNotify) g_pattern_spec_free);
  self->until_ns = G_MAXUINT64;
  return self;
}

void
muster_entry_filter_free (MusterEntryFilter *self)
{
  g_ptr_array_unref (self->workers);
  g_ptr_array_unref (self->domains);
  g_clear_pointer (&self->grep, g_regex_unref);
  g_clear_pointer (&self->grep_raw, g_regex_unref);
  g_free (self);
}

void
muster_entry_filter_set_level (MusterEntryFilter *self, MusterLevel level)
{
  self->level = level;
}

void
muster_entry_filter_add_worker (MusterEntryFilter *self, const char *glob)
{
  g_ptr_array_add (self->workers, g_pattern_spec_new (glob));
}

void
muster_entry_filter_add_domain (MusterEntryFilter *self, const char *glob)
{
  g_ptr_array_add (self->domains, g_pattern_spec_new (glob));
}

void
muster_entry_filter_set_since (MusterEntryFilter *self, guint64 time_ns)
{
  self->since_ns = time_ns;
}

void
muster_entry_filter_set_until (MusterEntryFilter *self, guint64 time_ns)
{
  self->until_ns = time_ns;
}

gboolean
muster_entry_filter_set_grep (MusterEntryFilter *self, const char *regex, GError **error)
{
  g_clear_pointer (&self->grep, g_regex_unref);
  g_clear_pointer (&self->grep_raw, g_regex_unref);
  self->grep = g_regex_new (regex, G_REGEX_OPTIMIZE, 0, error);
  if (self->grep != NULL)
    self->grep_raw = g_regex_new (regex, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, error);
  return self->grep_raw != NULL;
}

gboolean
muster_entry_filter_needs_time (MusterEntryFilter *self)
{
  return self->since_ns > 0 || self->until_ns < G_MAXUINT64;
}

/* Patterns want valid text with a NUL behind it; no pattern, no condition. */
static gboolean
matches_any (GPtrArray *patterns, MusterSlice text)
{
  g_autofree char *valid = NULL;

  if (patterns->len == 0)
    return TRUE;
  valid = g_utf8_make_valid (text.data != NULL ? text.data : "", (gssize) text.length);
  for (guint i = 0; i < patterns->len; i++)
    if (g_pattern_spec_match_string (g_ptr_array_index (patterns, i), valid))
      return TRUE;
  return FALSE;
}

static gboolean
passes_worker (MusterEntryFilter *self, const MusterKnownOrigin *origin)
{
  if (self->origin != origin)
    {
      self->origin = origin;
      self->worker_passes = matches_any (self->workers, origin->labels.worker);
    }
  return self->worker_passes;
}

static gboolean
matches_grep (MusterEntryFilter *self, MusterSlice message)
{
  const char *text = message.data != NULL ? message.data : "";
  GRegex *regex = g_utf8_validate_len (text, message.length, NULL) ? self->grep : self->grep_raw;

  return g_regex_match_full (regex, text, (gssize) message.length, 0, 0, NULL, NULL);
}

static gboolean
passes_content (MusterEntryFilter *self, const MusterEntry *entry)
{
  MusterRecordView record;

  if (entry->kind == MUSTER_ENTRY_GAP || (self->domains->len == 0 && self->grep == NULL))
    return TRUE;
  if (!muster_entry_get_record (entry, &record))
    return FALSE;
  return matches_any (self->domains, record.domain) && (self->grep == NULL || matches_grep (self, record.message));
}

static gboolean
passes_level (MusterEntryFilter *self, const MusterEntry *entry)
{
  MusterLevel level;

  if (self->level == MUSTER_LEVEL_NONE || entry->kind != MUSTER_ENTRY_RECORD)
    return TRUE;
  level = muster_entry_peek_level (entry);
  return level != MUSTER_LEVEL_NONE && level <= self->level;
}

gboolean
muster_entry_filter_passes (MusterEntryFilter *self, const MusterKnownOrigin *origin, const MusterEntry *entry,
                            guint64 time_ns)
{
  return passes_worker (self, origin) && passes_level (self, entry) && time_ns >= self->since_ns
         && time_ns <= self->until_ns && passes_content (self, entry);
}

/* A fixed64 member of a message. */
static guint64
find_fixed64 (const MusterEntry *entry, guint number)
{
  const guint8 *in = entry->body;
  const guint8 *end = in + entry->body_length;
  MusterWireField field;

  while (in != NULL && in < end)
    {
      in = muster_wire_get_field (in, end, &field);
      if (in != NULL && field.number == number && field.type == MUSTER_WIRE_FIXED64)
        return field.value;
    }
  return 0;
}

guint64
muster_entry_get_time (const MusterEntry *entry)
{
  switch (entry->kind)
    {
    case MUSTER_ENTRY_RECORD:
      return find_fixed64 (entry, 2);
    case MUSTER_ENTRY_SNAPSHOT:
      return find_fixed64 (entry, 3);
    case MUSTER_ENTRY_DATASET:
      return find_fixed64 (entry, 4);
    case MUSTER_ENTRY_UNKNOWN:
    case MUSTER_ENTRY_ORIGIN:
    case MUSTER_ENTRY_GAP:
    default:
      return 0;
    }
}
