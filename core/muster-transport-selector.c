/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which entries a transport wants. Whole batches are decided by what a batch knows of itself, where that suffices; only
 * a mixed one is walked. Owned by the transport's thread.
 */
#include "config.h"

#include "muster-transport-selector-private.h"

#include "muster-batch-private.h"

#define ONLY_RECORDS (1u << MUSTER_ENTRY_ORIGIN | 1u << MUSTER_ENTRY_RECORD)

struct _MusterTransportSelector
{
  MusterBatchFilter *filter; /* owned */
  GPtrArray *patterns;       /* owned; of GPatternSpec; NULL where every worker is wanted */
};

/* While one batch is walked: the last worker that was looked at, since a pattern is dearer than a comparison. */
typedef struct
{
  MusterTransportSelector *selector;
  MusterLevel level;
  const char *worker;
  gboolean wanted;
} Walk;

static GPtrArray *
parse_patterns (const char *workers, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (workers, ";", -1);
  g_autoptr (GPtrArray) patterns = g_ptr_array_new_with_free_func ((GDestroyNotify) g_pattern_spec_free);

  for (guint i = 0; parts[i] != NULL; i++)
    if (*g_strstrip (parts[i]) != '\0')
      g_ptr_array_add (patterns, g_pattern_spec_new (parts[i]));
  if (patterns->len == 0)
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                   "workers='%s' names no worker: give patterns like 'web-*;master', or leave it out for all", workers);
      return NULL;
    }
  return g_steal_pointer (&patterns);
}

MusterTransportSelector *
muster_transport_selector_new (const char *workers, gboolean keeps_gaps, GError **error)
{
  g_autoptr (MusterTransportSelector) selector = g_new0 (MusterTransportSelector, 1);

  selector->filter = muster_batch_filter_new (keeps_gaps);
  if (workers == NULL || g_str_equal (workers, "*"))
    return g_steal_pointer (&selector);
  selector->patterns = parse_patterns (workers, error);
  return selector->patterns != NULL ? g_steal_pointer (&selector) : NULL;
}

void
muster_transport_selector_free (MusterTransportSelector *selector)
{
  g_clear_pointer (&selector->patterns, g_ptr_array_unref);
  muster_batch_filter_free (selector->filter);
  g_free (selector);
}

MusterBatchFilter *
muster_transport_selector_get_filter (MusterTransportSelector *selector)
{
  return selector->filter;
}

static gboolean
wants_worker (MusterTransportSelector *selector, MusterSlice worker)
{
  g_autofree char *copy = NULL;
  g_autofree char *valid = NULL;

  if (selector->patterns == NULL)
    return TRUE;
  copy = g_strndup (worker.data != NULL ? worker.data : "", worker.length);
  valid = g_utf8_make_valid (copy, -1); /* a label from the network may be anything */
  for (guint i = 0; i < selector->patterns->len; i++)
    if (g_pattern_spec_match_string (g_ptr_array_index (selector->patterns, i), valid))
      return TRUE;
  return FALSE;
}

static gboolean
passes (const MusterEntry *entry, gpointer user_data)
{
  Walk *walk = user_data;

  if (entry->kind == MUSTER_ENTRY_RECORD
      && (walk->level == MUSTER_LEVEL_NONE || muster_entry_peek_level (entry) > walk->level))
    return FALSE;
  if (walk->selector->patterns == NULL)
    return TRUE;
  if (walk->worker == NULL || walk->worker != entry->origin->worker.data)
    {
      walk->worker = entry->origin->worker.data;
      walk->wanted = wants_worker (walk->selector, entry->origin->worker);
    }
  return walk->wanted;
}

MusterBatch *
muster_transport_selector_apply (MusterTransportSelector *selector, MusterBatch *batch, MusterLevel level,
                                 guint64 *n_filtered)
{
  Walk walk = { .selector = selector, .level = level };
  gboolean has_records = muster_batch_get_n_records (batch) > 0;
  gboolean one_worker = selector->patterns == NULL || muster_batch_get_n_origins (batch) == 1;
  gboolean wanted = one_worker && wants_worker (selector, muster_batch_get_origin (batch)->worker);
  gboolean all_too_low = has_records && (level == MUSTER_LEVEL_NONE || muster_batch_get_min_level (batch) > level);

  if ((one_worker && !wanted) || (all_too_low && (batch->kinds & ~ONLY_RECORDS) == 0))
    {
      *n_filtered += muster_batch_get_count (batch);
      muster_batch_filter_skip (selector->filter, batch, MUSTER_GAP_FILTERED);
      return NULL;
    }
  if (wanted && (!has_records || (level != MUSTER_LEVEL_NONE && muster_batch_get_max_level (batch) <= level)))
    return muster_batch_filter_apply (selector->filter, batch, NULL, NULL, n_filtered);
  return muster_batch_filter_apply (selector->filter, batch, passes, &walk, n_filtered);
}
