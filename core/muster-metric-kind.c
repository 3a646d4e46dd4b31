/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kinds of metrics that somebody has registered: a list that only grows, and that is read without a lock. Any thread.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "muster-metric-kind-private.h"

/* Written under `lock`, a new one at the head, before which all of it is there; never freed. */
typedef struct Node Node;
struct Node
{
  const MusterMetricKind *kind;
  Node *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic (Node *) kinds;

G_STATIC_ASSERT (MUSTER_METRIC_STATE_SIZE_MAX == MUSTER_METRIC_STATE_MAX);

/**
 * muster_metric_kind_find: (skip)
 * @name: a name
 *
 * Finds a kind that has been registered. Any thread.
 *
 * Returns: (transfer none) (nullable): the kind
 * Since: 0.1
 */
const MusterMetricKind *
muster_metric_kind_find (const char *name)
{
  g_return_val_if_fail (name != NULL, NULL);
  for (const Node *node = atomic_load_explicit (&kinds, memory_order_acquire); node != NULL; node = node->next)
    if (strcmp (node->kind->name, name) == 0)
      return node->kind;
  return NULL;
}

static gboolean
is_builtin (const char *name)
{
  for (guint i = MUSTER_METRIC_SET; i <= MUSTER_METRIC_TIMED_SAMPLE; i++)
    if (strcmp (name, muster_metric_type_names[i]) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
check (const MusterMetricKind *kind, GError **error)
{
  if (kind->name == NULL || *kind->name == '\0' || strlen (kind->name) > MUSTER_METRIC_KIND_NAME_MAX
      || !g_utf8_validate (kind->name, -1, NULL))
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                 "a kind of metric has no name of 1 to %u bytes of UTF-8: give it one", MUSTER_METRIC_KIND_NAME_MAX);
  else if (kind->state_size == 0 || kind->state_size > MUSTER_METRIC_STATE_MAX)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID,
                 "the kind of metric '%s' has a state of %" G_GSIZE_FORMAT " bytes; expected 1 to %u", kind->name,
                 kind->state_size, MUSTER_METRIC_STATE_MAX);
  else if (kind->update == NULL || kind->merge == NULL)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "the kind of metric '%s' has no function to %s", kind->name,
                 kind->update == NULL ? "update" : "merge");
  else
    return TRUE;
  return FALSE;
}

/**
 * muster_metric_kind_register: (skip)
 * @kind: a kind; it is not copied, and stays as it is for as long as the process lives
 * @error: where to say what is wrong
 *
 * Makes a kind of metrics known in this process: where it is measured (muster_metrics_update()), and in the primary, or it
 * cannot merge and report it. For a primary that runs a keyfile, and for workers that should not be linked with it, a kind
 * may be a plugin. Registering the same one again does nothing. Any thread.
 *
 * Returns: %TRUE; %FALSE with %MUSTER_ERROR_INVALID if @kind is not complete, %MUSTER_ERROR_EXISTS if its name is taken
 * Since: 0.1
 */
gboolean
muster_metric_kind_register (const MusterMetricKind *kind, GError **error)
{
  const MusterMetricKind *other;
  gboolean done = FALSE;

  g_return_val_if_fail (kind != NULL, FALSE);
  if (!check (kind, error))
    return FALSE;
  pthread_mutex_lock (&lock);
  other = muster_metric_kind_find (kind->name);
  if (other == kind)
    done = TRUE;
  else if (other != NULL || is_builtin (kind->name))
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS, "there is a kind of metric '%s' already", kind->name);
  else
    {
      Node *node = g_new (Node, 1);

      *node = (Node){ kind, atomic_load (&kinds) };
      atomic_store_explicit (&kinds, node, memory_order_release);
      done = TRUE;
    }
  pthread_mutex_unlock (&lock);
  return done;
}

/* -- states ------------------------------------------------------------------------------------- */

void
muster_metric_kind_reset (const MusterMetricKind *kind, gpointer state)
{
  memset (state, 0, kind->state_size);
  if (kind->reset != NULL)
    kind->reset (state);
}

gboolean
muster_metric_kind_is_valid (const MusterMetricKind *kind, const ProtobufCBinaryData *state)
{
  g_autofree guint64 *copy = NULL;

  if (state->len != kind->state_size)
    return FALSE;
  if (kind->validate == NULL)
    return TRUE;
  copy = g_malloc (state->len); /* decoded bytes are not aligned */
  memcpy (copy, state->data, state->len);
  return kind->validate (copy);
}

void
muster_metric_kind_merge (const MusterMetricKind *kind, ProtobufCBinaryData *into, const ProtobufCBinaryData *from,
                          MusterArena *arena)
{
  guint8 *merged = muster_arena_alloc (arena, kind->state_size);
  guint8 *other = muster_arena_alloc (arena, kind->state_size);

  memcpy (merged, into->data, kind->state_size);
  memcpy (other, from->data, kind->state_size);
  kind->merge (merged, other);
  into->data = merged;
}

void
muster_metric_kind_report (const MusterMetricKind *kind, const ProtobufCBinaryData *state, MusterMetricReportFunc func,
                           gpointer user_data)
{
  g_autofree guint64 *copy = NULL;

  if (kind->report == NULL)
    return;
  copy = g_malloc (kind->state_size);
  memcpy (copy, state->data, kind->state_size);
  kind->report (copy, func, user_data);
}
