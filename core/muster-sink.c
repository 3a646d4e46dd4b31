/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where loggers write. Appending takes no lock and allocates nothing, in any thread and in signal handlers.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "muster-alternate-stack-private.h"
#include "muster-plain-text-private.h"
#include "muster-sink-private.h"

/* A line at stderr; what is longer is cut. */
#define LINE_SIZE 4096

/* How often this process was forked off since it was executed. A forked child has no reader for the journal of its parent:
 * what wrote there writes to stderr in the child, and to a journal only if it is given one there. */
static _Atomic int forks;

static void
after_fork_in_child (void)
{
  atomic_fetch_add (&forks, 1);
}

MusterSink *
muster_sink_new (MusterJournal *journal, const char *worker)
{
  static gsize registered = 0;
  MusterSink *sink = g_new0 (MusterSink, 1);

  if (g_once_init_enter (&registered))
    {
      pthread_atfork (NULL, NULL, after_fork_in_child);
      g_once_init_leave (&registered, 1);
    }
  g_atomic_ref_count_init (&sink->references);
  if (journal != NULL)
    muster_sink_set_journal (sink, journal);
  sink->worker = g_strdup (worker);
  sink->level = MUSTER_LEVEL_INFO;
  return sink;
}

void
muster_sink_set_journal (MusterSink *sink, MusterJournal *journal)
{
  MusterJournal *none = NULL;

  muster_journal_ref (journal);
  if (atomic_load (&sink->journal) == NULL)
    atomic_store (&sink->forks, atomic_load (&forks));
  if (!atomic_compare_exchange_strong (&sink->journal, &none, journal))
    muster_journal_unref (journal);
}

MusterSink *
muster_sink_ref (MusterSink *sink)
{
  g_atomic_ref_count_inc (&sink->references);
  return sink;
}

void
muster_sink_unref (MusterSink *sink)
{
  if (!g_atomic_ref_count_dec (&sink->references))
    return;
  if (atomic_load (&sink->journal) != NULL)
    muster_journal_unref (atomic_load (&sink->journal));
  g_free (sink->worker);
  g_free (sink);
}

void
muster_sink_set_level (MusterSink *sink, MusterLevel level)
{
  atomic_store_explicit (&sink->level, (int) level, memory_order_relaxed);
}

gboolean
muster_sink_print (MusterSink *sink, const guint8 *bytes, gsize length)
{
  int saved = errno;
  char line[LINE_SIZE];
  gsize size = muster_plain_text_from_entry (bytes, length, sink->worker, line, sizeof line);
  gssize written = size > 0 ? write (STDERR_FILENO, line, size) : -1;

  errno = saved;
  return written >= 0;
}

MusterJournal *
muster_sink_get_journal (MusterSink *sink)
{
  MusterJournal *journal = atomic_load_explicit (&sink->journal, memory_order_acquire);

  if (G_UNLIKELY (atomic_load_explicit (&forks, memory_order_relaxed)
                  != atomic_load_explicit (&sink->forks, memory_order_relaxed)))
    return NULL;
  return journal;
}

gboolean
muster_sink_append (MusterSink *sink, MusterLevel level, const guint8 *bytes, gsize length)
{
  MusterJournalFlags flags =
      level <= MUSTER_LEVEL_ERROR ? MUSTER_JOURNAL_USE_RESERVE | MUSTER_JOURNAL_FLUSH : MUSTER_JOURNAL_PLAIN;
  MusterJournal *journal = muster_sink_get_journal (sink);

  if (G_UNLIKELY (journal == NULL))
    return muster_sink_print (sink, bytes, length);
  muster_alternate_stack_ensure ();
  return muster_journal_append (journal, bytes, length, flags);
}
