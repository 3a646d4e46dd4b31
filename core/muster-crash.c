/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last words of a process that crashes. All but the installation is async-signal-safe.
 *
 * Order of events, in the thread that got the signal:
 *
 * - It becomes the one that speaks (`speaker`). Another thread that crashes meanwhile waits: the process ends soon, or
 *   (where a handler of the application's mends things) it is its turn then. A process that was forked says nothing: the
 *   journal is its parent's.
 * - It finds out where it was, and writes that into the journal's header page and as a record into the ring. Each of these
 *   steps may crash itself (a broken stack, a journal that was cut off) or never end (a lock that the unwinder may take,
 *   a journal whose header was overwritten): a second signal in this thread, or a timer's, ends the step, and the next
 *   one begins.
 * - What was there before is put back, and the signal sent once more, with all that the kernel said of it. It is blocked
 *   until the handler returns, so it arrives where the first one did: core dumps and the application's handlers see the
 *   crash, not us.
 */
#include "config.h"

#include "muster-crash-private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "muster-alternate-stack-private.h"
#include "muster-crash-report-private.h"
#include "muster-crash-walk-private.h"
#include "muster-field.h"

#include "muster-encoder-private.h"

#define STEP_SECONDS 2
#define WAIT_MS      10
#define WAIT_TURNS   1000
/* An overflowing stack is hit this near to the stack pointer. */
#define NEAR_BYTES 65536

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

static struct
{
  MusterJournal *journal; /* owned for good */
  pid_t pid;
  struct sigaction previous[G_N_ELEMENTS (signals)];
  _Atomic guint32 speaker; /* a thread; 0: none */

  /* The speaker's own, from here on. */
  sigjmp_buf escape;
  volatile sig_atomic_t may_escape;
  gboolean has_timer;
  int timer;
  MusterJournalCrash report;
  char message[256];
  char backtrace[8192];
  guint8 record[12288];
} crash;

static guint32
this_thread (void)
{
  return (guint32) syscall (SYS_gettid);
}

static struct sigaction *
previous_of (int number)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    if (signals[i] == number)
      return &crash.previous[i];
  return NULL;
}

static gboolean
has_default (int number)
{
  const struct sigaction *previous = previous_of (number);

  return (previous->sa_flags & SA_SIGINFO) == 0 && previous->sa_handler == SIG_DFL;
}

/* -- what is said -------------------------------------------------------------------------------- */

/* A pid from the kernel's own words: another process did it. */
static guint32
sender_of (const siginfo_t *info)
{
  gboolean was_sent = info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE;

  return was_sent && info->si_pid != crash.pid ? (guint32) info->si_pid : 0;
}

static gboolean
has_address (int number, const siginfo_t *info)
{
  gboolean is_fault = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;

  /* SI_KERNEL: a general protection fault, of which the processor does not say where. */
  return is_fault && info->si_code > 0 && info->si_code != SI_KERNEL;
}

static gboolean
is_overflow (const MusterJournalCrash *report, guintptr sp)
{
  return report->signal == SIGSEGV && (report->flags & MUSTER_JOURNAL_CRASH_HAS_ADDRESS) != 0 && sp > NEAR_BYTES
         && report->address > sp - NEAR_BYTES && report->address < sp + NEAR_BYTES;
}

static void
fill_facts (MusterJournalCrash *report, int number, const siginfo_t *info, const ucontext_t *context)
{
  struct timespec now = { 0 };

  memset (report, 0, sizeof *report);
  clock_gettime (CLOCK_REALTIME, &now);
  report->signal = number;
  report->code = info->si_code;
  report->time_ns = (guint64) now.tv_sec * 1000000000u + (guint64) now.tv_nsec;
  report->thread = this_thread ();
  report->sender = sender_of (info);
  prctl (PR_GET_NAME, report->thread_name);
  if (has_address (number, info))
    {
      report->flags |= MUSTER_JOURNAL_CRASH_HAS_ADDRESS;
      report->address = (guint64) (guintptr) info->si_addr;
    }
  if (is_overflow (report, muster_crash_walk_get_sp (context)))
    report->flags |= MUSTER_JOURNAL_CRASH_STACK_OVERFLOW;
  if (!has_default (number))
    report->flags |= MUSTER_JOURNAL_CRASH_CHAINED;
}

static void
print_address (guint64 value, char out[19])
{
  char digits[16];
  gsize n = 0;

  do
    digits[n++] = "0123456789abcdef"[value & 15];
  while ((value >>= 4) != 0);
  *out++ = '0';
  *out++ = 'x';
  while (n > 0)
    *out++ = digits[--n];
  *out = '\0';
}

#define MAX_FIELDS 9

static gsize
fill_fields (const MusterJournalCrash *report, char address[19], MusterField fields[MAX_FIELDS])
{
  const char *code = muster_crash_code_name (report->signal, report->code);
  gsize n = 0;

  fields[n++] = MUSTER_TEXT ("event", "crash");
  fields[n++] = MUSTER_INTEGER ("signal", report->signal);
  fields[n++] = MUSTER_TEXT ("signal-name", muster_crash_signal_name (report->signal));
  if (code != NULL)
    fields[n++] = MUSTER_TEXT ("code", code);
  else
    fields[n++] = MUSTER_INTEGER ("code", report->code);
  if ((report->flags & MUSTER_JOURNAL_CRASH_HAS_ADDRESS) != 0)
    {
      print_address (report->address, address);
      fields[n++] = MUSTER_TEXT ("address", address);
    }
  if (report->sender != 0)
    fields[n++] = MUSTER_NATURAL ("sender", report->sender);
  fields[n++] = MUSTER_TEXT ("thread", report->thread_name);
  fields[n++] = MUSTER_NATURAL ("tid", report->thread);
  fields[n++] = MUSTER_TEXT ("backtrace", crash.backtrace);
  return n;
}

static void
write_record (void)
{
  const MusterJournalCrash *report = &crash.report;
  MusterField fields[MAX_FIELDS];
  char address[19];
  gsize length;
  const guint8 *start;
  MusterRecordParts parts = { .level = MUSTER_LEVEL_CRITICAL, .time_ns = report->time_ns, .fields = fields };

  muster_crash_report_print_raw (report, crash.backtrace, sizeof crash.backtrace);
  parts.n_fields = fill_fields (report, address, fields);
  parts.domain = muster_slice_from_string ("muster");
  parts.message =
      (MusterSlice){ crash.message, muster_crash_report_print_message (report, crash.message, sizeof crash.message) };
  start = muster_encode_record (crash.record, sizeof crash.record, &parts, &length);
  if (start != NULL)
    muster_journal_append (crash.journal, start, length,
                           MUSTER_JOURNAL_USE_RESERVE | MUSTER_JOURNAL_NO_WAIT | MUSTER_JOURNAL_FLUSH);
}

/* -- steps that may fail ------------------------------------------------------------------------- */

/* A signal to this thread every STEP_SECONDS, for a step that hangs. By system calls, for the library's functions may
 * allocate. */
static void
start_timer (int number)
{
  struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number };
  const long interval[4] = { STEP_SECONDS, 0, STEP_SECONDS, 0 }; /* what the kernel calls __kernel_old_itimerspec */

  event._sigev_un._tid = (pid_t) this_thread ();
  event.sigev_value.sival_ptr = &crash;
  crash.has_timer = syscall (SYS_timer_create, CLOCK_MONOTONIC, &event, &crash.timer) == 0;
  if (crash.has_timer)
    syscall (SYS_timer_settime, crash.timer, 0, interval, NULL);
}

#define STEP(call)                                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    if (sigsetjmp (crash.escape, 0) == 0)                                                                              \
      {                                                                                                                \
        crash.may_escape = 1;                                                                                          \
        call;                                                                                                          \
      }                                                                                                                \
    crash.may_escape = 0;                                                                                              \
  }                                                                                                                    \
  G_STMT_END

static void
speak (int number, siginfo_t *info, ucontext_t *context)
{
  start_timer (number);
  fill_facts (&crash.report, number, info, context);
  STEP (muster_crash_walk_stack (context, &crash.report));
  muster_crash_walk_cancel ();
  STEP (muster_crash_walk_modules (&crash.report));
  STEP (muster_journal_write_crash (crash.journal, &crash.report));
  STEP (write_record ());
  if (crash.has_timer)
    syscall (SYS_timer_delete, crash.timer);
}

/* -- signals ------------------------------------------------------------------------------------- */

static gboolean
begin_to_speak (guint32 self)
{
  for (guint i = 0; i < WAIT_TURNS; i++)
    {
      guint32 nobody = 0;

      if (atomic_compare_exchange_strong (&crash.speaker, &nobody, self))
        return TRUE;
      poll (NULL, 0, WAIT_MS);
    }
  return FALSE;
}

/* What was there before gets the signal, once the handler has returned. */
static void
pass_on (int number, siginfo_t *info, const struct sigaction *action)
{
  sigset_t set;

  sigaction (number, action, NULL);
  sigemptyset (&set);
  sigaddset (&set, number);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  if (syscall (SYS_rt_tgsigqueueinfo, getpid (), this_thread (), number, info) != 0)
    syscall (SYS_tgkill, getpid (), this_thread (), number);
}

/* A signal while this thread speaks: the step's end. One that somebody else sends can wait for ever: we die already. */
static void
second_signal (int number, siginfo_t *info)
{
  const struct sigaction deadly = { .sa_handler = SIG_DFL };
  gboolean is_own_timer = info->si_code == SI_TIMER && info->si_value.sival_ptr == &crash;
  gboolean is_own = info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == crash.pid) || is_own_timer;

  if (!is_own)
    return;
  if (crash.may_escape)
    {
      crash.may_escape = 0;
      siglongjmp (crash.escape, 1);
    }
  if (!is_own_timer)
    pass_on (number, info, &deadly);
}

static void
crash_handler (int number, siginfo_t *info, void *context)
{
  const int saved = errno;
  const guint32 self = this_thread ();
  int cancel_state;

  if (getpid () != crash.pid)
    {
      pass_on (number, info, previous_of (number));
      errno = saved;
      return;
    }
  if (atomic_load (&crash.speaker) == self)
    {
      second_signal (number, info);
      errno = saved;
      return;
    }
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &cancel_state); /* what we call could act on a request */
  if (begin_to_speak (self))
    speak (number, info, context);
  pass_on (number, info, previous_of (number));
  /* Where nothing else can become of it, those who wait shall go on waiting. */
  if (!has_default (number) && atomic_load (&crash.speaker) == self)
    atomic_store (&crash.speaker, 0);
  pthread_setcancelstate (cancel_state, NULL);
  errno = saved;
}

static void
install (gsize index)
{
  struct sigaction action = { .sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

  if (sigaction (signals[index], NULL, &crash.previous[index]) != 0
      || ((crash.previous[index].sa_flags & SA_SIGINFO) == 0 && crash.previous[index].sa_handler == SIG_IGN))
    return;
  sigfillset (&action.sa_mask);
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    sigdelset (&action.sa_mask, signals[i]);
  sigaction (signals[index], &action, NULL);
}

void
muster_crash_install (MusterJournal *journal)
{
  static _Atomic int installed;

  if (atomic_exchange (&installed, 1) != 0)
    return;
  crash.journal = muster_journal_ref (journal);
  crash.pid = getpid ();
  muster_crash_walk_warm_up ();
  muster_alternate_stack_enable ();
  muster_alternate_stack_ensure ();
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    install (i);
}
