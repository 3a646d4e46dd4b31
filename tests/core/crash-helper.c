/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A process that logs into the journal whose descriptor it inherits, and then crashes.
 *
 *   crash-helper HOW FD
 */
#include "config.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "muster-crash-private.h"
#include "muster-journal-layout-private.h"
#include "muster-logger-private.h"

static MusterJournal *journal;
static MusterLogger *logger;
static volatile int seven = 7, zero;
static volatile int *volatile nowhere;
static const char *volatile bad_text = (const char *) 16;

/* As it stands here: neither inlined nor seen through, nor improved by a sanitizer. */
#define NOT_CHECKED __attribute__ ((noinline, no_sanitize ("undefined"), no_sanitize ("address")))

void crash_here (const char *how);

/* -- ways to crash ------------------------------------------------------------------------------- */

NOT_CHECKED static void
touch_beyond_end (void)
{
  int fd = memfd_create ("empty", MFD_CLOEXEC);
  volatile char *bytes = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  bytes[0] = 1;
}

NOT_CHECKED static void
divide (void)
{
#ifdef __x86_64__
  zero = seven / zero;
#else
  raise (SIGFPE);
#endif
}

NOT_CHECKED static void
do_illegal (void)
{
#ifdef __x86_64__
  __asm__ volatile("ud2");
#else
  raise (SIGILL);
#endif
}

NOT_CHECKED static void
call_forbidden (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    raise (SIGSYS); /* no such thing here */
  syscall (SYS_getppid);
}

NOT_CHECKED static void
call_nowhere (void)
{
  void (*volatile function) (void) = NULL;

  function ();
  __asm__ volatile(""); /* no tail call */
}

NOT_CHECKED static guint
recurse (volatile guint depth)
{
  volatile char room[1024];

  room[depth % sizeof room] = (char) depth;
  return depth == G_MAXUINT ? 0 : recurse (depth + 1) + (guint) room[0];
}

/* The unwinder will crash: the stack is not there. */
NOT_CHECKED static void
lose_stack (void)
{
#ifdef __x86_64__
  __asm__ volatile("mov $0x1000, %rsp\n\tmov $0x1000, %rbp\n\tud2");
#else
  raise (SIGILL);
#endif
}

/* "%5s" is none of the simple formats: vsnprintf() meets the pointer. */
__attribute__ ((noinline)) static void
log_bad (void)
{
  muster_info (logger, "%5s", bad_text);
}

/* -- circumstances ------------------------------------------------------------------------------- */

static gpointer
crash_in_thread (gpointer data)
{
  muster_info (logger, "in a thread");
  pthread_setname_np (pthread_self (), "doomed");
  crash_here (data);
  return NULL;
}

static gpointer
crash_silently (gpointer data)
{
  crash_here (data);
  return NULL;
}

static void
in_thread (GThreadFunc function, const char *how)
{
  g_thread_join (g_thread_new ("doomed", function, (gpointer) how));
}

static pthread_barrier_t gate;

static gpointer
crash_together (gpointer data)
{
  muster_info (logger, "in a thread");
  pthread_barrier_wait (&gate);
  crash_here ("segv");
  return NULL;
}

static void
two_at_once (void)
{
  GThread *threads[2];

  pthread_barrier_init (&gate, NULL, G_N_ELEMENTS (threads));
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("doomed", crash_together, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
fill (MusterJournalFlags flags)
{
  guint8 bytes[1024];

  memset (bytes, 'x', sizeof bytes);
  muster_journal_set_block_timeout (journal, 0);
  for (gsize size = sizeof bytes; size > 0; size /= 2)
    while (muster_journal_append (journal, bytes, size, flags))
      ;
}

/* Header words that a stray pointer has hit: to reserve would look for room for ever. */
static void
break_header (void)
{
  char *link = g_strdup_printf ("/proc/self/fd/%d", muster_journal_get_fd (journal));
  FILE *file = fopen (link, "r+");
  const guint64 far = G_MAXUINT32 / 2;

  fseek (file, G_STRUCT_OFFSET (MusterJournalHeader, reserved), SEEK_SET);
  fwrite (&far, sizeof far, 1, file);
  fclose (file);
  g_free (link);
}

static gpointer
log_once (gpointer data)
{
  muster_info (logger, "in a thread");
  return NULL;
}

static guint
count_mappings (void)
{
  char *text;
  guint n = 0;

  if (!g_file_get_contents ("/proc/self/maps", &text, NULL, NULL))
    return 0;
  for (const char *c = text; *c != '\0'; c++)
    n += *c == '\n';
  g_free (text);
  return n;
}

/* Threads come and go; their alternate stacks must not add up. */
static int
churn (void)
{
  guint before;

  for (guint i = 0; i < 50; i++)
    in_thread (log_once, NULL);
  before = count_mappings ();
  for (guint i = 0; i < 1000; i++)
    in_thread (log_once, NULL);
  return count_mappings () > before + 20;
}

static int
fork_and_crash (void)
{
  int status = 0;
  pid_t pid = fork ();

  if (pid == 0)
    crash_here ("segv");
  waitpid (pid, &status, 0);
  muster_info (logger, "the child ended by %d", WTERMSIG (status));
  return 0;
}

/* -- the application's own handlers -------------------------------------------------------------- */

static sigjmp_buf saved;

static void
own_handler (int number, siginfo_t *info, void *context)
{
  muster_info (logger, "own handler: %d %d %lu", number, info->si_code, (unsigned long) (guintptr) info->si_addr);
  _exit (42);
}

static void
mending_handler (int number)
{
  siglongjmp (saved, 1);
}

static void
install_own (int number, void (*handler) (int, siginfo_t *, void *), void (*simple) (int))
{
  struct sigaction action = { 0 };

  if (handler != NULL)
    action.sa_sigaction = handler;
  else
    action.sa_handler = simple;
  action.sa_flags = handler != NULL ? SA_SIGINFO : 0;
  sigaction (number, &action, NULL);
}

/* -- main ---------------------------------------------------------------------------------------- */

NOT_CHECKED void
crash_here (const char *how)
{
  if (strcmp (how, "segv") == 0)
    *nowhere = 1;
  else if (strcmp (how, "bus") == 0)
    touch_beyond_end ();
  else if (strcmp (how, "ill") == 0)
    do_illegal ();
  else if (strcmp (how, "fpe") == 0)
    divide ();
  else if (strcmp (how, "abort") == 0)
    abort ();
  else if (strcmp (how, "trap") == 0)
    G_BREAKPOINT ();
  else if (strcmp (how, "g-error") == 0)
    g_error ("this cannot be");
  else if (strcmp (how, "sys") == 0)
    call_forbidden ();
  else if (strcmp (how, "call") == 0)
    call_nowhere ();
  else if (strcmp (how, "overflow") == 0)
    zero = (int) recurse (0);
  else if (strcmp (how, "lose-stack") == 0)
    lose_stack ();
  else if (strcmp (how, "format") == 0)
    log_bad ();
  else if (strcmp (how, "ignored") == 0)
    raise (SIGTRAP);
  __asm__ volatile(""); /* no tail call */
}

/* Those that need some preparation; the others just crash. */
static int
act (const char *how)
{
  if (strcmp (how, "thread") == 0)
    in_thread (crash_in_thread, "segv");
  else if (strcmp (how, "thread-overflow") == 0)
    in_thread (crash_in_thread, "overflow");
  else if (strcmp (how, "silent-overflow") == 0)
    in_thread (crash_silently, "overflow");
  else if (strcmp (how, "two") == 0)
    two_at_once ();
  else if (strcmp (how, "full") == 0)
    {
      fill (MUSTER_JOURNAL_NO_WAIT);
      crash_here ("segv");
    }
  else if (strcmp (how, "very-full") == 0)
    {
      fill (MUSTER_JOURNAL_NO_WAIT | MUSTER_JOURNAL_USE_RESERVE);
      crash_here ("segv");
    }
  else if (strcmp (how, "truncated") == 0)
    return ftruncate (muster_journal_get_fd (journal), 0) == 0 ? (crash_here ("fpe"), 1) : 1;
  else if (strcmp (how, "broken-header") == 0)
    {
      break_header ();
      crash_here ("abort");
    }
  else if (strcmp (how, "chained") == 0)
    crash_here ("segv");
  else if (strcmp (how, "mended") == 0)
    {
      if (sigsetjmp (saved, 1) == 0)
        crash_here ("segv");
      crash_here ("abort");
    }
  else if (strcmp (how, "churn") == 0)
    return churn ();
  else if (strcmp (how, "fork") == 0)
    return fork_and_crash ();
  else if (strcmp (how, "wait") == 0)
    pause ();
  else
    crash_here (how);
  return 0;
}

int
main (int argc, char **argv)
{
  const struct rlimit none = { 0, 0 };
  GError *error = NULL;
  MusterSink *sink;

  if (argc != 3)
    return 2;
  setrlimit (RLIMIT_CORE, &none);
  prctl (PR_SET_PDEATHSIG, SIGKILL); /* should it hang, the test's end is its end */
  journal = muster_journal_open (atoi (argv[2]), &error);
  if (journal == NULL)
    g_error ("%s", error->message);
  if (strcmp (argv[1], "chained") == 0)
    install_own (SIGSEGV, own_handler, NULL);
  if (strcmp (argv[1], "mended") == 0)
    install_own (SIGSEGV, NULL, mending_handler);
  if (strcmp (argv[1], "ignored") == 0)
    signal (SIGTRAP, SIG_IGN);
  sink = muster_sink_new (journal, "helper");
  logger = muster_logger_new (sink, "", MUSTER_LEVEL_INFO);
  muster_crash_install (journal);
  muster_info (logger, "last words");
  return act (argv[1]);
}
