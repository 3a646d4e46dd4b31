/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A worker's metrics after a death at every single instruction: a child counts, and takes snapshots into a journal, step
 * by step (ptrace); whenever it has changed something, all is put together that would arrive if it died right then.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "metrics-area-helpers.h"
#include "muster-journal-layout-private.h"

#define MAX_METRICS 16u
#define LONG_TEXTS  5
#define TEXT_LENGTH 13200 /* so that they are more than a part holds */
#define CALLS       3
#define PRIMED      254 /* samples before: two more, and the counter needs a second byte */

/* What the child says of itself, in memory of both. */
typedef struct
{
  guint incs_begun, incs_made;
  guint samples_begun, samples_made;
  guint refused_begun, refused_made;
  guint texts_made; /* of the long ones */
} Page;

typedef struct
{
  Page *page;
  int fd;
  MusterJournal *journal;
  MusterMetrics *metrics;
  GMainContext *context;
} Child;

static void
append_cb (MusterMetrics *metrics, GPtrArray *entries, gpointer user_data)
{
  Child *child = user_data;

  for (guint i = 0; i < entries->len; i++)
    {
      gsize size;
      const guint8 *data = g_bytes_get_data (entries->pdata[i], &size);

      if (!muster_journal_append_marked (child->journal, data, size, MUSTER_JOURNAL_NO_WAIT,
                                         muster_metrics_get_mark (metrics)))
        _exit (3);
    }
}

static void
count (Child *child)
{
  Page *page = child->page;

  for (guint i = 0; i < CALLS; i++)
    {
      page->incs_begun++;
      muster_metrics_inc (child->metrics, MUSTER_PATH ("http"), "requests", 1);
      page->incs_made++;
      page->samples_begun++;
      muster_metrics_sample (child->metrics, MUSTER_PATH ("http"), "size", 3);
      page->samples_made++;
    }
  page->refused_begun++;
  muster_metrics_sample (child->metrics, MUSTER_PATH ("http"), "requests", 3);
  page->refused_made++;
}

static void
prime (Child *child)
{
  for (guint i = 0; i < PRIMED; i++)
    muster_metrics_sample (child->metrics, MUSTER_PATH ("http"), "size", 3);
  child->page->samples_begun = child->page->samples_made = PRIMED;
}

/* So that the sketch grows in all ways: upwards, downwards, in another sign, and until what is lowest is given up. */
static void
sample_widely (Child *child)
{
  static const double samples[] = { 1, 1e-9, 1e-9, -5, 0, 1e12, -5e-20, 1e30 };

  for (guint i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      child->page->samples_begun++;
      muster_metrics_sample (child->metrics, NULL, "wide", samples[i]);
      child->page->samples_made++;
    }
}

static void
set_texts (Child *child)
{
  g_autofree char *text = g_strnfill (TEXT_LENGTH, 'x');

  for (guint i = 0; i < LONG_TEXTS; i++)
    {
      char id[8];

      g_snprintf (id, sizeof id, "%u", i);
      muster_metrics_set_text (child->metrics, NULL, id, text);
      child->page->texts_made++;
    }
}

static G_GNUC_NORETURN void
run_child (Page *page, int fd, gboolean long_texts)
{
  MusterMetricsOptions options = { .max_metrics = MAX_METRICS, .interval_us = 20000 };
  Child child = { .page = page, .fd = fd, .context = g_main_context_new () };
  MusterTimeBase base;

  child.journal = muster_journal_open (fd, NULL);
  child.metrics = muster_metrics_new_in_area (&options, muster_metrics_area_open (fd, &options, NULL));
  muster_time_base_now (&base);
  muster_metrics_inc (child.metrics, MUSTER_PATH ("http"), "before", 0);
  muster_metrics_attach (child.metrics, child.context, NULL, &base, append_cb, &child, NULL);
  prime (&child);
  if (long_texts)
    set_texts (&child);
  else
    {
      ptrace (PTRACE_TRACEME, 0, NULL, NULL);
      raise (SIGSTOP);
    }
  count (&child);
  g_usleep (21000);
  if (long_texts)
    {
      ptrace (PTRACE_TRACEME, 0, NULL, NULL);
      raise (SIGSTOP);
    }
  if (!long_texts)
    sample_widely (&child);
  g_main_context_iteration (child.context, FALSE); /* the boundary has passed: a snapshot */
  count (&child);
  muster_metrics_detach (child.metrics); /* and another one */
  _exit (0);
}

static void
check (const Page *page, int fd)
{
  g_auto (Total) total = { 0 };

  total_all (&total, fd, MAX_METRICS, G_MAXINT64);
  g_assert_cmpfloat (total.incs, >=, page->incs_made);
  g_assert_cmpfloat (total.incs, <=, page->incs_begun);
  g_assert_cmpuint (total.samples, >=, page->samples_made);
  g_assert_cmpuint (total.samples, <=, page->samples_begun);
  g_assert_cmpuint (total.overflow, >=, page->refused_made);
  g_assert_cmpuint (total.overflow, <=, page->refused_begun);
  g_assert_cmpuint (total.n_snapshots, >=, 1);
}

/* What a change must be seen in: the journal's header, the head of the slot that was reserved last, and the area but for
 * its staging and most of its sketches. */
typedef struct
{
  const guint8 *map;
  guint8 journal[MUSTER_JOURNAL_HEADER_SIZE];
  guint64 reserved;
  gsize slot_at;
  guint8 slot[sizeof (MusterJournalSlot)];
  guint8 area[MUSTER_METRICS_AREA_HEADER_SIZE];
  guint8 metrics[MAX_METRICS * sizeof (MusterMetricSlot)];
  guint8 sketches[2048]; /* the first blocks */
} Look;

static gboolean
take (guint8 *seen, const guint8 *now, gsize size)
{
  if (memcmp (seen, now, size) == 0)
    return FALSE;
  memcpy (seen, now, size);
  return TRUE;
}

static gboolean
has_changed (Look *look)
{
  const guint8 *area = look->map + MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE;
  guint64 reserved = atomic_load (&((const MusterJournalHeader *) look->map)->reserved);
  gboolean changed = take (look->journal, look->map, sizeof look->journal);

  if (reserved != look->reserved)
    look->slot_at = (gsize) (guint32) look->reserved * 8;
  look->reserved = reserved;
  changed |= take (look->slot, look->map + MUSTER_JOURNAL_HEADER_SIZE + look->slot_at, sizeof look->slot);
  changed |= take (look->area, area, sizeof look->area);
  changed |= take (look->metrics, area + MUSTER_METRICS_AREA_METRICS, sizeof look->metrics);
  changed |= take (look->sketches, area + ((const MusterMetricsAreaHeader *) area)->sketches, sizeof look->sketches);
  return changed;
}

/* Steps until the child ends, or @most; returns how many looks that took. */
static guint
step_through (pid_t pid, const Page *page, int fd, guint64 *steps)
{
  gsize size = MUSTER_JOURNAL_HEADER_SIZE + RING_SIZE + muster_metrics_area_get_size (MAX_METRICS);
  Look *look = g_new0 (Look, 1);
  guint looks = 0;
  int status = 0;

  look->map = mmap (NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  g_assert_true (look->map != MAP_FAILED);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  while (WIFSTOPPED (status))
    {
      if (has_changed (look))
        {
          check (page, fd);
          looks++;
        }
      (*steps)++;
      g_assert_no_errno ((int) ptrace (PTRACE_SINGLESTEP, pid, NULL, NULL));
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    }
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  check (page, fd);
  munmap ((gpointer) look->map, size);
  g_free (look);
  return looks;
}

static gboolean
may_trace (void)
{
  pid_t pid = fork ();
  int status = 0;

  if (pid == 0)
    {
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit (1);
      raise (SIGSTOP);
      _exit (0);
    }
  waitpid (pid, &status, 0);
  if (!WIFSTOPPED (status))
    return FALSE;
  kill (pid, SIGKILL);
  waitpid (pid, &status, 0);
  return TRUE;
}

static void
test_every_instruction (gconstpointer long_texts)
{
  g_auto (Total) total = { 0 };
  guint64 steps = 0;
  Page *page;
  guint looks;
  pid_t pid;
  int fd;

  if (!may_trace ())
    {
      g_test_skip ("ptrace is forbidden here");
      return;
    }
  fd = make_journal (MAX_METRICS);
  page = mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (page != MAP_FAILED);
  pid = fork ();
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      run_child (page, fd, long_texts != NULL);
    }
  looks = step_through (pid, page, fd, &steps);
  g_test_message ("%" G_GUINT64_FORMAT " instructions, %u states", steps, looks);
  g_assert_cmpuint (looks, >, 100);
  g_assert_cmpuint (page->incs_made, ==, 2 * CALLS);
  /* In the end all is in the journal, each once. */
  total_all (&total, fd, MAX_METRICS, G_MAXINT64);
  g_assert_cmpuint (total.n_snapshots, ==, 2);
  g_assert_cmpuint (total.overflow, ==, 2);
  g_assert_cmpuint (total.texts->len, ==, page->texts_made * (TEXT_LENGTH + 1));
  munmap (page, sizeof *page);
  close (fd);
}

/* A string instruction that copies byte by byte is as many steps: let memcpy() do without, which it decides at exec. */
static void
copy_in_large_steps (char **argv)
{
  if (g_getenv ("GLIBC_TUNABLES") != NULL)
    return;
  g_setenv ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1000000000", TRUE);
  execv ("/proc/self/exe", argv); /* and if that fails, it takes longer */
}

int
main (int argc, char **argv)
{
  copy_in_large_steps (argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/metrics-death/every-instruction", NULL, test_every_instruction);
  g_test_add_data_func ("/metrics-death/every-instruction/parts", "long texts", test_every_instruction);
  return g_test_run ();
}
