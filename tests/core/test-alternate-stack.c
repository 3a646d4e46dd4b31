/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "muster-alternate-stack-private.h"

/* AddressSanitizer would take away at a thread's end whatever stack it has then, as if it were its own. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "use_sigaltstack=0";
}

static stack_t
get_present (void)
{
  stack_t present;

  g_assert_cmpint (sigaltstack (NULL, &present), ==, 0);
  return present;
}

static void
set_own (gpointer memory, gsize size)
{
  const stack_t own = { .ss_sp = memory, .ss_size = size };

  g_assert_cmpint (sigaltstack (&own, NULL), ==, 0);
}

static void
set_none (void)
{
  const stack_t none = { .ss_flags = SS_DISABLE };

  sigaltstack (&none, NULL);
}

static gpointer
run (GThreadFunc function, gpointer data)
{
  return g_thread_join (g_thread_new ("test", function, data));
}

static gpointer
ensure_thread (gpointer data)
{
  muster_alternate_stack_ensure ();
  return get_present ().ss_sp;
}

static gpointer
write_thread (gpointer data)
{
  stack_t present;

  muster_alternate_stack_ensure ();
  present = get_present ();
  g_assert_cmpint (present.ss_flags, ==, 0);
  g_assert_cmpuint (present.ss_size, >=, 48 * 1024);
  memset (present.ss_sp, 1, present.ss_size); /* it is all there */
  muster_alternate_stack_ensure ();
  g_assert_true (get_present ().ss_sp == present.ss_sp);
  set_none ();
  muster_alternate_stack_ensure (); /* what the application does then is its own business */
  g_assert_cmpint (get_present ().ss_flags, ==, SS_DISABLE);
  return NULL;
}

static gpointer
own_thread (gpointer data)
{
  gsize size = GPOINTER_TO_SIZE (data);
  gpointer memory = g_malloc (size);
  gboolean kept;

  set_own (memory, size);
  muster_alternate_stack_ensure ();
  kept = get_present ().ss_sp == memory;
  set_none ();
  g_free (memory);
  return GINT_TO_POINTER (kept);
}

static void
test_given (void)
{
  run (write_thread, NULL);
}

static void
test_own (void)
{
  g_assert_nonnull (run (own_thread, GSIZE_TO_POINTER (32 * 1024)));
  g_assert_null (run (own_thread, GSIZE_TO_POINTER (8 * 1024))); /* too small */
}

/* The dead need none. */
static void
test_again (void)
{
  g_autoptr (GHashTable) stacks = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < 100; i++)
    {
      gpointer stack = run (ensure_thread, NULL);

      g_assert_nonnull (stack);
      g_hash_table_add (stacks, stack);
    }
  g_assert_cmpuint (g_hash_table_size (stacks), <, 20);
}

static pthread_barrier_t gate;

static gpointer
waiting_thread (gpointer data)
{
  gpointer stack = ensure_thread (NULL);

  pthread_barrier_wait (&gate);
  return stack;
}

/* The living never share one. */
static void
test_apart (void)
{
  g_autoptr (GHashTable) stacks = g_hash_table_new (NULL, NULL);
  GThread *threads[64];

  pthread_barrier_init (&gate, NULL, G_N_ELEMENTS (threads));
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("test", waiting_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_hash_table_add (stacks, g_thread_join (threads[i]));
  g_assert_cmpuint (g_hash_table_size (stacks), ==, G_N_ELEMENTS (threads));
  pthread_barrier_destroy (&gate);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  muster_alternate_stack_enable ();
  g_test_add_func ("/alternate-stack/given", test_given);
  g_test_add_func ("/alternate-stack/own", test_own);
  g_test_add_func ("/alternate-stack/again", test_again);
  g_test_add_func ("/alternate-stack/apart", test_apart);
  return g_test_run ();
}
