/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stack for signal handlers, in each thread that logs. Any thread; async-signal-safe, for the log call is.
 *
 * That is why no destructor of the thread's gives the stack back (pthread_setspecific() and __cxa_thread_atexit_impl()
 * may allocate). The stacks are in a list that only grows, each with the number of the thread that has it; a thread that
 * needs one first looks whether the owner of another one is dead (tgkill(2) says ESRCH only once the kernel has let go of
 * it, so nothing ever runs on that stack again), and looks at a few in turn, so that the list stays about as long as
 * there have been threads at a time. A stack that no crash has used costs one page.
 *
 * `owner` is a count of owners and the thread's number in one word: a number that has come round is seen.
 */
#include "config.h"

#include "muster-alternate-stack-private.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* For our handler, which takes 5 KiB with the kernel's frame, 8 with a second signal on top (measured 2026-11, x86-64 with
 * AVX-512), and a handler of the application's after it; and frames of the size that this processor needs. */
#define ROOM   (64 * 1024)
#define FRAMES 4
/* A stack that somebody else has given to the thread stays if it is no smaller than this. */
#define ENOUGH (16 * 1024)
#define PROBES 8

typedef struct _Stack Stack;
struct _Stack /* a page of its own; then one that nobody may touch; then the stack */
{
  Stack *next;
  _Atomic guint64 owner;
};

guint muster_alternate_stack_wanted;
__thread guint muster_alternate_stack_seen __attribute__ ((tls_model ("initial-exec")));

static Stack *_Atomic stacks; /* only grows */
static Stack *_Atomic cursor; /* where to look next */
static gsize page_size;
static gsize stack_size; /* whole pages */

void
muster_alternate_stack_enable (void)
{
  page_size = (gsize) sysconf (_SC_PAGESIZE);
  stack_size = ROOM + FRAMES * getauxval (AT_MINSIGSTKSZ);
  stack_size = (stack_size + page_size - 1) & ~(page_size - 1);
  __atomic_fetch_add (&muster_alternate_stack_wanted, 1, __ATOMIC_RELEASE);
}

static gboolean
is_dead (guint32 thread)
{
  return syscall (SYS_tgkill, getpid (), (pid_t) thread, 0) != 0 && errno == ESRCH;
}

/* Looks at a few stacks for one whose owner is dead, or is this very thread's number in an earlier life. */
static Stack *
take_over (guint32 self)
{
  Stack *stack = atomic_load (&cursor);

  for (guint i = 0; i < PROBES; i++)
    {
      guint64 owner;

      if (stack == NULL)
        stack = atomic_load (&stacks);
      if (stack == NULL)
        return NULL;
      owner = atomic_load (&stack->owner);
      if (((guint32) owner == self || is_dead ((guint32) owner))
          && atomic_compare_exchange_strong (&stack->owner, &owner, ((owner >> 32) + 1) << 32 | self))
        {
          atomic_store (&cursor, stack->next);
          return stack;
        }
      stack = stack->next;
    }
  atomic_store (&cursor, stack);
  return NULL;
}

static Stack *
make_stack (guint32 self)
{
  guint8 *base =
      mmap (NULL, 2 * page_size + stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  Stack *stack;

  if (base == MAP_FAILED)
    return NULL;
  mprotect (base + page_size, page_size, PROT_NONE);
  stack = (Stack *) base;
  atomic_init (&stack->owner, self);
  stack->next = atomic_load (&stacks);
  while (!atomic_compare_exchange_weak (&stacks, &stack->next, stack))
    ;
  return stack;
}

static void
use (Stack *stack)
{
  const stack_t new = { .ss_sp = (guint8 *) stack + 2 * page_size, .ss_size = stack_size };

  sigaltstack (&new, NULL); /* EPERM within a handler on another one: then that one stays */
}

void
muster_alternate_stack_give (void)
{
  int saved = errno;
  guint32 self = (guint32) syscall (SYS_gettid);
  stack_t present;
  Stack *stack;

  /* First of all, for a signal handler that logs may come in between. */
  muster_alternate_stack_seen = __atomic_load_n (&muster_alternate_stack_wanted, __ATOMIC_ACQUIRE);
  if (sigaltstack (NULL, &present) == 0 && ((present.ss_flags & SS_DISABLE) != 0 || present.ss_size < ENOUGH))
    {
      stack = take_over (self);
      if (stack == NULL)
        stack = make_stack (self);
      if (stack != NULL)
        use (stack);
    }
  errno = saved;
}
