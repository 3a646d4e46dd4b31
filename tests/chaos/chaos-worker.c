/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A real worker for the harness: its threads log numbered records, and count in the harness's page what they began and
 * what returned.
 *
 *   chaos-worker PAGE [--threads=N] [--rate=N] [--late-us=N] [--end=HOW --after=N] [--lines] [--forks=N] [--signals=N]
 *                     [--cgroup=PATH]
 *
 * A record's message is `chaos LIFE LANE NUMBER ....#`, as long as chaos-page.h says.
 */
#include "config.h"

#include "chaos-page.h"
#include "muster.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_MAX 9000
/* A child that has not ended after this long hangs. */
#define CHILD_SECONDS 20

static int option_threads = 1, option_rate, option_late_us = G_MAXINT, option_after = 1000, option_forks,
           option_signals;
static gboolean option_lines;
static char *option_end, *option_cgroup;

static const GOptionEntry options[] = {
  { "threads", 0, 0, G_OPTION_ARG_INT, &option_threads, "threads that log", "N" },
  { "rate", 0, 0, G_OPTION_ARG_INT, &option_rate, "records a second for each thread; 0: as many as can be", "N" },
  { "late-us", 0, 0, G_OPTION_ARG_INT, &option_late_us, "a call that takes longer is counted", "N" },
  { "end", 0, 0, G_OPTION_ARG_STRING, &option_end, "how to end: segv, abort, error, exit, return, kill, eat", "HOW" },
  { "after", 0, 0, G_OPTION_ARG_INT, &option_after, "after so many records of the last thread", "N" },
  { "lines", 0, 0, G_OPTION_ARG_NONE, &option_lines, "print numbered lines, too", NULL },
  { "forks", 0, 0, G_OPTION_ARG_INT, &option_forks, "fork so many children, which log", "N" },
  { "signals", 0, 0, G_OPTION_ARG_INT, &option_signals, "log so many records in signal handlers", "N" },
  { "cgroup", 0, 0, G_OPTION_ARG_FILENAME, &option_cgroup, "a control group to be in", "PATH" },
  { NULL },
};

static ChaosPage *page;
static ChaosLife *life;
static guint life_number;
static MusterLogger *logger;
static _Atomic guint64 signalled;
static __thread int own_lane = -1;

static gint64
monotonic_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static char *
put_number (char *out, guint64 number)
{
  char digits[24];
  char *p = digits + sizeof digits;

  do
    *--p = (char) ('0' + number % 10);
  while ((number /= 10) > 0);
  memcpy (out, p, (gsize) (digits + sizeof digits - p));
  out += digits + sizeof digits - p;
  *out++ = ' ';
  return out;
}

/* By hand, because it is done in signal handlers too. */
static void
write_message (char *out, guint lane, guint64 number)
{
  gsize length = chaos_message_length (number);
  char *p = out;

  memcpy (p, "chaos ", 6);
  p = put_number (p + 6, life_number);
  p = put_number (p, lane);
  p = put_number (p, number);
  memset (p, '.', (gsize) (out + length - 1 - p));
  out[length - 1] = '#';
  out[length] = '\0';
}

static void
log_next (guint lane_number, char *message)
{
  ChaosLane *lane = &life->lanes[lane_number];
  guint64 number = atomic_load_explicit (&lane->begun, memory_order_relaxed) + 1;
  gint64 begun_ns, took_ns;

  write_message (message, lane_number, number);
  atomic_store (&lane->begun, number);
  begun_ns = monotonic_ns ();
  if (chaos_message_is_error (number))
    muster_error (logger, "%s", message);
  else
    muster_info (logger, "%s", message);
  took_ns = monotonic_ns () - begun_ns;
  atomic_store (&lane->returned, number);
  if (took_ns > (gint64) lane->longest_ns)
    atomic_store_explicit (&lane->longest_ns, (guint64) took_ns, memory_order_relaxed);
  if (took_ns > option_late_us * G_GINT64_CONSTANT (1000))
    atomic_fetch_add (&lane->late, 1);
}

static void
pause_us (gint64 us)
{
  struct timespec time = { us / 1000000, us % 1000000 * 1000 };

  nanosleep (&time, NULL);
}

/* -- the end ---------------------------------------------------------------------------------------- */

/* All the memory there is, so that the kernel ends us. */
static void
eat (void)
{
  for (;;)
    memset (g_malloc (1 << 20), 1, 1 << 20);
}

static void
enter_cgroup (void)
{
  g_autofree char *path = g_build_filename (option_cgroup, "cgroup.procs", NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, "0", 1) != 1) /* the process that writes (cgroups(7)) */
    g_error ("%s: %s", path, g_strerror (errno));
  close (fd);
}

__attribute__ ((noinline)) static void
end_badly (const char *how)
{
  const struct rlimit none = { 0, 0 };
  volatile int *nowhere = NULL;

  setrlimit (RLIMIT_CORE, &none);
  fprintf (stderr, "last line of %u\n", life_number);
  if (strcmp (how, "segv") == 0)
    *nowhere = 1;
  else if (strcmp (how, "abort") == 0)
    abort ();
  else if (strcmp (how, "error") == 0)
    g_error ("this ends it");
  else if (strcmp (how, "exit") == 0)
    exit (7);
  else if (strcmp (how, "eat") == 0)
    eat ();
  raise (SIGKILL);
}

/* -- threads ---------------------------------------------------------------------------------------- */

static gboolean
may_log (guint64 begun)
{
  guint32 go = atomic_load_explicit (&page->go, memory_order_relaxed);

  return atomic_load_explicit (&page->quiet, memory_order_relaxed) == 0 && (go == 0 || begun < go);
}

static gpointer
lane_thread (gpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  ChaosLane *lane = &life->lanes[number];
  gboolean ends = option_end != NULL && number + 1 == (guint) option_threads;
  char message[LENGTH_MAX + 1];
  gint64 start_ns = monotonic_ns ();
  guint64 paced = 0;

  own_lane = (int) number;
  for (;;)
    {
      guint64 begun = atomic_load_explicit (&lane->begun, memory_order_relaxed);

      if (ends && begun >= (guint64) option_after)
        end_badly (option_end);
      if (!may_log (begun))
        {
          pause_us (1000);
          start_ns = monotonic_ns ();
          paced = 0;
          continue;
        }
      log_next (number, message);
      if (option_rate > 0 && ++paced % 16 == 0)
        {
          gint64 due_ns = start_ns + (gint64) (paced * 1000000000u / (guint64) option_rate);
          gint64 ahead_us = (due_ns - monotonic_ns ()) / 1000;

          if (ahead_us > 0)
            pause_us (ahead_us);
        }
    }
  return NULL;
}

/* The lanes of handlers are behind those of threads: a handler interrupts its own thread's call. */
static void
signal_cb (int number)
{
  char message[LENGTH_MAX + 1];
  int saved = errno;

  if (own_lane < 0)
    return;
  log_next ((guint) (option_threads + own_lane), message);
  atomic_fetch_add (&signalled, 1);
  errno = saved;
}

static void
send_signals (pthread_t *threads)
{
  struct sigaction action = { .sa_handler = signal_cb, .sa_flags = SA_RESTART };

  sigaction (SIGUSR1, &action, NULL);
  for (guint i = 0; atomic_load (&signalled) < (guint64) option_signals; i++)
    {
      guint64 before = atomic_load (&signalled);

      pthread_kill (threads[i % (guint) option_threads], SIGUSR1);
      for (guint turn = 0; turn < 1000 && atomic_load_explicit (&signalled, memory_order_relaxed) == before; turn++)
        if (turn % 100 == 99)
          g_thread_yield ();
    }
}

/* -- children --------------------------------------------------------------------------------------- */

static void
run_child (guint number)
{
  alarm (CHILD_SECONDS);
  for (guint i = 1; i <= 100; i++)
    muster_info (logger, "child %u of %u says %u", number, life_number, i);
  _exit (0);
}

static void
fork_children (void)
{
  for (guint i = 0; i < (guint) option_forks; i++)
    {
      pid_t pid = fork ();
      int status = 0;

      if (pid == 0)
        run_child (i);
      while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
      atomic_fetch_add (WIFEXITED (status) ? &life->forked : &life->hung, 1);
    }
}

static void
print_lines (void)
{
  char line[64];

  for (;;)
    {
      guint32 number = atomic_load (&life->printed) + 1;
      int length = g_snprintf (line, sizeof line, "line %u %u #\n", life_number, number);

      if (atomic_load (&page->quiet) == 0)
        {
          if (write (STDOUT_FILENO, line, (gsize) length) != length)
            return;
          atomic_store (&life->printed, number);
        }
      pause_us (1000);
    }
}

/* -- together --------------------------------------------------------------------------------------- */

static void
open_page (const char *path)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);

  page = fd >= 0 ? mmap (NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (page == MAP_FAILED || memcmp (page->magic, CHAOS_MAGIC, sizeof page->magic) != 0)
    g_error ("%s is no page of the harness: %s", path, g_strerror (errno));
  close (fd);
  life_number = atomic_fetch_add (&page->n_lives, 1);
  if (life_number >= CHAOS_LIVES)
    g_error ("the page is full");
  life = &page->lives[life_number];
  life->n_lanes = (guint32) (option_threads * (option_signals > 0 ? 2 : 1));
  atomic_store (&life->pid, (guint32) getpid ());
  if (life->fault[0] != '\0')
    g_setenv ("MUSTER_FAULT", life->fault, TRUE);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("PAGE");
  g_autoptr (GError) error = NULL;
  MusterWorker *worker;
  pthread_t threads[CHAOS_LANES];

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2 || option_threads < 1
      || option_threads * (option_signals > 0 ? 2 : 1) > CHAOS_LANES)
    g_error ("usage: chaos-worker PAGE [OPTIONS]");
  if (option_cgroup != NULL)
    enter_cgroup ();
  open_page (argv[1]);
  worker = muster_worker_new ();
  if (!muster_worker_connect (worker, &error))
    g_error ("%s", error->message);
  logger = muster_worker_get_logger (worker);
  atomic_store (&life->ready, 1);
  for (guint i = 0; i < (guint) option_threads; i++)
    pthread_create (&threads[i], NULL, lane_thread, GUINT_TO_POINTER (i));
  if (option_signals > 0)
    send_signals (threads);
  if (option_forks > 0)
    fork_children ();
  if (option_lines)
    print_lines ();
  for (;;)
    pause ();
}
