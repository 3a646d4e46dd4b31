/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What ThreadSanitizer must know of GLib, which is not instrumented: which calls give memory from one thread to another.
 *
 * Each function here stands in front of GLib's own of the same name, in builds with -Db_sanitize=thread alone: it calls
 * that, and says "what was written before this is seen after that" with __tsan_release() and __tsan_acquire(). So every
 * race that is left in a report is one of ours, and no suppression is needed that would hide others. (A suppression
 * `race:libglib-2.0.so` would hide them all: the bottom of each GThread's stack lies in that library.)
 */
#include <dlfcn.h>
#include <glib-object.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);

/* The function behind ours, found once. */
#define REAL(name)                                                                                                     \
  __extension__({                                                                                                      \
    static void *real_;                                                                                                \
    void *found_ = __atomic_load_n (&real_, __ATOMIC_RELAXED);                                                         \
    if (found_ == NULL)                                                                                                \
      {                                                                                                                \
        found_ = dlsym (RTLD_NEXT, #name);                                                                             \
        __atomic_store_n (&real_, found_, __ATOMIC_RELAXED);                                                           \
      }                                                                                                                \
    (__typeof__ (&name)) found_;                                                                                       \
  })

const char *__tsan_default_options (void);

/* What libglib and libzmq themselves copy and free is not looked at: their own locks are not seen. Crashes are ours. */
const char *
__tsan_default_options (void)
{
  return "ignore_noninstrumented_modules=1:second_deadlock_stack=1:exitcode=66:"
         "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0:handle_sigtrap=0";
}

/* -- locks ---------------------------------------------------------------------------------------- */

void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked = REAL (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_mutex_unlock) (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* The slow path of g_once_init_enter() reads in the library; the fast one is an atomic load in our own code. */
gboolean (g_once_init_enter) (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return first;
}

void (g_once_init_leave) (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* -- references: all that was done with it is done before it is freed ------------------------------ */

gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

void (g_object_unref) (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref) (object);
}

void
g_bytes_unref (GBytes *bytes)
{
  if (bytes != NULL)
    {
      __tsan_release (bytes);
      __tsan_acquire (bytes);
    }
  REAL (g_bytes_unref) (bytes);
}

/* -- main contexts: what was written before a source was attached, or a function invoked ------------ */

typedef struct
{
  gatomicrefcount references;
  GSourceFunc function;
  gpointer data;
  GDestroyNotify notify;
} Callback;

static void
callback_ref (gpointer data)
{
  g_atomic_ref_count_inc (&((Callback *) data)->references);
}

static void
callback_unref (gpointer data)
{
  Callback *callback = data;

  if (!g_atomic_ref_count_dec (&callback->references))
    return;
  if (callback->notify != NULL)
    callback->notify (callback->data);
  g_free (callback);
}

/* In the dispatching thread, before the function. */
static void
callback_get (gpointer data, GSource *source, GSourceFunc *function, gpointer *function_data)
{
  Callback *callback = data;

  __tsan_acquire (source);
  *function = callback->function;
  *function_data = callback->data;
}

static GSourceCallbackFuncs callback_funcs = { callback_ref, callback_unref, callback_get };

void
g_source_set_callback (GSource *source, GSourceFunc function, gpointer data, GDestroyNotify notify)
{
  Callback *callback = g_new (Callback, 1);

  g_atomic_ref_count_init (&callback->references);
  callback->function = function;
  callback->data = data;
  callback->notify = notify;
  g_source_set_callback_indirect (source, callback, &callback_funcs);
}

guint
g_source_attach (GSource *source, GMainContext *context)
{
  __tsan_release (source);
  return REAL (g_source_attach) (source, context);
}

static gboolean
run_invoked (gpointer data)
{
  Callback *callback = data;

  __tsan_acquire (callback);
  return callback->function (callback->data);
}

static void
free_invoked (gpointer data)
{
  Callback *callback = data;

  if (callback->notify != NULL)
    callback->notify (callback->data);
  g_free (callback);
}

void
g_main_context_invoke_full (GMainContext *context, gint priority, GSourceFunc function, gpointer data,
                            GDestroyNotify notify)
{
  Callback *callback = g_new (Callback, 1);

  callback->function = function;
  callback->data = data;
  callback->notify = notify;
  __tsan_release (callback);
  REAL (g_main_context_invoke_full) (context, priority, run_invoked, callback, free_invoked);
}

void
g_main_context_invoke (GMainContext *context, GSourceFunc function, gpointer data)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, function, data, NULL);
}

void
g_main_loop_quit (GMainLoop *loop)
{
  __tsan_release (loop);
  REAL (g_main_loop_quit) (loop);
}

void
g_main_loop_run (GMainLoop *loop)
{
  REAL (g_main_loop_run) (loop);
  __tsan_acquire (loop);
}
