/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Not the same line again and again.
 */
#include "config.h"

#include "muster-network-limiter.h"

struct _MusterNetworkLimiter
{
  gint64 interval_us;
  guint most;
  GHashTable *said; /* owned; text to when, in an owned gint64 */
  guint64 n_kept;
};

MusterNetworkLimiter *
muster_network_limiter_new (gint64 interval_us, guint most)
{
  MusterNetworkLimiter *limiter = g_new0 (MusterNetworkLimiter, 1);

  limiter->interval_us = interval_us;
  limiter->most = most;
  limiter->said = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return limiter;
}

void
muster_network_limiter_free (MusterNetworkLimiter *limiter)
{
  g_hash_table_unref (limiter->said);
  g_free (limiter);
}

static gboolean
is_old (gpointer key, gpointer value, gpointer user_data)
{
  return *(gint64 *) value <= *(gint64 *) user_data;
}

gboolean
muster_network_limiter_allow (MusterNetworkLimiter *limiter, const char *what, gint64 now_us, guint64 *n_before)
{
  gint64 limit_us = now_us - limiter->interval_us;

  g_hash_table_foreach_remove (limiter->said, is_old, &limit_us);
  if (g_hash_table_contains (limiter->said, what) || g_hash_table_size (limiter->said) >= limiter->most)
    {
      limiter->n_kept++;
      return FALSE;
    }
  g_hash_table_insert (limiter->said, g_strdup (what), g_memdup2 (&now_us, sizeof now_us));
  *n_before = limiter->n_kept;
  limiter->n_kept = 0;
  return TRUE;
}
