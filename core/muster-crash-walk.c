/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a crashed thread was. Async-signal-safe; one thread at a time, for all that is needed is static (an alternate
 * stack is small).
 *
 * The stack is walked by the unwinder of the compiler's runtime, which takes no lock where it has _dl_find_object()
 * (libgcc 12 with glibc 2.35, each newer); where code was registered at run time it may take one. It trusts the stack.
 * Modules come from /proc/self/maps, for dl_iterate_phdr() takes a lock; their ELF headers, in memory, are read with
 * process_vm_readv(), which cannot crash.
 */
#include "config.h"

#include "muster-crash-walk-private.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

#include "muster-crash-report-private.h"

#define MAX_TURNS    1000000 /* 8 MiB of stack have no more calls */
#define MAX_MODULES  32
#define MAX_SEGMENTS 32
#define MAX_NOTES    1024
#define MAX_BUILD_ID 32

/* -- registers ----------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define PC(context) ((context)->uc_mcontext.gregs[REG_RIP])
#define SP(context) ((context)->uc_mcontext.gregs[REG_RSP])
#elif defined(__aarch64__)
#define PC(context) ((context)->uc_mcontext.pc)
#define SP(context) ((context)->uc_mcontext.sp)
#endif

guintptr
muster_crash_walk_get_pc (const ucontext_t *context)
{
#ifdef PC
  return (guintptr) PC (context);
#else
  return 0;
#endif
}

guintptr
muster_crash_walk_get_sp (const ucontext_t *context)
{
#ifdef SP
  return (guintptr) SP (context);
#else
  return 0;
#endif
}

static gboolean
read_memory (guint64 address, gpointer out, gsize length)
{
  struct iovec local = { out, length };
  struct iovec remote = { (gpointer) (guintptr) address, length };

  return process_vm_readv (getpid (), &local, 1, &remote, 1, 0) == (gssize) length;
}

/* -- the stack ----------------------------------------------------------------------------------- */

typedef struct
{
  MusterJournalCrash *crash;
  guintptr from; /* where the walk begins to count */
  gboolean counts;
  guint turns;
} Walk;

/* The frame that was interrupted, while it is made to look as if it had returned. */
static struct
{
  ucontext_t *context;
  guintptr pc, sp;
} patched;

/* A function that calls itself stands there once, so that one sees where it all began. */
static void
add_frame (MusterJournalCrash *crash, guintptr address, gboolean is_exact)
{
  MusterJournalCrashFrame *last = crash->n_frames > 0 ? &crash->frames[crash->n_frames - 1] : NULL;

  if (last != NULL && last->address == address && last->is_exact == (guint16) is_exact)
    {
      last->repeats++;
      return;
    }
  crash->frames[crash->n_frames] = (MusterJournalCrashFrame){ .address = address,
                                                              .module = MUSTER_JOURNAL_CRASH_NO_MODULE,
                                                              .is_exact = (guint16) is_exact };
  crash->n_frames++;
}

static _Unwind_Reason_Code
frame_cb (struct _Unwind_Context *context, void *user_data)
{
  Walk *walk = user_data;
  int is_exact = 0;
  guintptr address = _Unwind_GetIPInfo (context, &is_exact);

  if (!walk->counts && address == walk->from) /* the handler's own frames come before */
    walk->counts = TRUE;
  else if (walk->counts && address != 0)
    add_frame (walk->crash, address, is_exact);
  return ++walk->turns < MAX_TURNS && walk->crash->n_frames < MUSTER_JOURNAL_CRASH_FRAMES ? _URC_NO_REASON
                                                                                          : _URC_NORMAL_STOP;
}

static _Unwind_Reason_Code
count_cb (struct _Unwind_Context *context, void *user_data)
{
  return ++*(guint *) user_data < 4 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

void
muster_crash_walk_warm_up (void)
{
  guint n = 0;

  _Unwind_Backtrace (count_cb, &n);
}

static gboolean
is_bad_jump (const MusterJournalCrash *crash, guintptr pc)
{
  return (crash->signal == SIGSEGV || crash->signal == SIGBUS) && (crash->flags & MUSTER_JOURNAL_CRASH_HAS_ADDRESS) != 0
         && crash->address == pc;
}

/* Undoes one call that led nowhere: through a pointer to nothing, or to data. FALSE if that cannot be. */
static gboolean
patch (ucontext_t *context)
{
#if defined(__x86_64__)
  guintptr back;

  if (!read_memory ((guint64) SP (context), &back, sizeof back))
    return FALSE;
  patched.pc = (guintptr) PC (context);
  patched.sp = (guintptr) SP (context);
  patched.context = context;
  PC (context) = (greg_t) back;
  SP (context) += (greg_t) sizeof back;
  return TRUE;
#elif defined(__aarch64__)
  patched.pc = PC (context);
  patched.sp = SP (context);
  patched.context = context;
  PC (context) = context->uc_mcontext.regs[30];
  return TRUE;
#else
  return FALSE;
#endif
}

void
muster_crash_walk_cancel (void)
{
#ifdef PC
  if (patched.context != NULL)
    {
      memcpy (&PC (patched.context), &patched.pc, sizeof patched.pc);
      memcpy (&SP (patched.context), &patched.sp, sizeof patched.sp);
    }
#endif
  patched.context = NULL;
}

void
muster_crash_walk_stack (ucontext_t *context, MusterJournalCrash *crash)
{
  Walk walk = { .crash = crash, .from = muster_crash_walk_get_pc (context) };

  crash->n_frames = 0;
  if (walk.from == 0 && walk.from == muster_crash_walk_get_sp (context))
    walk.counts = TRUE; /* an unknown machine: with the handler's own frames */
  else
    add_frame (crash, walk.from, crash->signal != SIGTRAP); /* a breakpoint has been passed */
  _Unwind_Backtrace (frame_cb, &walk);
  if (crash->n_frames == 1 && is_bad_jump (crash, walk.from) && patch (context))
    {
      walk = (Walk){ .crash = crash, .from = muster_crash_walk_get_pc (context) };
      add_frame (crash, walk.from, FALSE);
      _Unwind_Backtrace (frame_cb, &walk);
      muster_crash_walk_cancel ();
    }
}

/* -- modules ------------------------------------------------------------------------------------- */

/* A line of /proc/self/maps. */
typedef struct
{
  guint64 start, end, offset, inode;
  const char *path; /* not terminated */
  gsize path_length;
} Mapping;

static struct
{
  char buffer[8192]; /* a line is at most a path, and about 100 bytes */
  guint64 base;      /* where the file's beginning was mapped last */
  guint64 base_inode;
  guint n_modules;
  struct
  {
    guint64 base, bias;
    guint16 index;
  } modules[MAX_MODULES];
} maps;

static gboolean
take_number (const char **at, const char *end, guint base, char after, guint64 *number)
{
  *number = 0;
  for (; *at < end && **at != after; (*at)++)
    {
      int digit = g_ascii_xdigit_value (**at);

      if (digit < 0 || (guint) digit >= base)
        return FALSE;
      *number = *number * base + (guint) digit;
    }
  return *at < end && *(*at)++ == after;
}

static gboolean
skip_word (const char **at, const char *end)
{
  while (*at < end && **at != ' ')
    (*at)++;
  return *at < end && *(*at)++ == ' ';
}

/* "55d0c5a4e000-55d0c5a50000 r-xp 00002000 fd:01 1835 <blanks> /usr/bin/web" */
static gboolean
parse_line (const char *line, const char *end, Mapping *mapping)
{
  if (!take_number (&line, end, 16, '-', &mapping->start) || !take_number (&line, end, 16, ' ', &mapping->end)
      || !skip_word (&line, end) || !take_number (&line, end, 16, ' ', &mapping->offset) || !skip_word (&line, end)
      || !take_number (&line, end, 10, ' ', &mapping->inode))
    return FALSE;
  while (line < end && *line == ' ')
    line++;
  mapping->path = line;
  mapping->path_length = (gsize) (end - line);
  return TRUE;
}

/* A note: three words, then name and content, each padded to 4 bytes. */
static gsize
find_build_id (const guint8 *notes, gsize size, guint8 build_id[MAX_BUILD_ID])
{
  guint32 head[3];
  gsize at = 0;

  while (at + sizeof head + 4 <= size)
    {
      guint64 content;

      memcpy (head, notes + at, sizeof head);
      content = at + sizeof head + (((guint64) head[0] + 3) & ~(guint64) 3);
      if (content + head[1] > size)
        return 0;
      if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && memcmp (notes + at + sizeof head, "GNU", 4) == 0)
        {
          if (head[1] > MAX_BUILD_ID)
            return 0;
          memcpy (build_id, notes + content, head[1]);
          return head[1];
        }
      at = (gsize) (content + (((guint64) head[1] + 3) & ~(guint64) 3));
    }
  return 0;
}

/* What was added to the file's own addresses when it was loaded at @base, and its build id. Without headers: @base, which
 * is right for all that can be loaded anywhere. */
static guint64
read_module (guint64 base, guint8 build_id[MAX_BUILD_ID], gsize *build_id_length)
{
  static ElfW (Phdr) segments[MAX_SEGMENTS];
  static guint8 notes[MAX_NOTES];
  guint64 bias = base;
  ElfW (Ehdr) header;
  guint n;

  *build_id_length = 0;
  if (!read_memory (base, &header, sizeof header) || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0
      || header.e_phentsize != sizeof *segments)
    return bias;
  n = MIN (header.e_phnum, (guint) MAX_SEGMENTS);
  if (!read_memory (base + header.e_phoff, segments, n * sizeof *segments))
    return bias;
  for (guint i = 0; i < n; i++)
    if (segments[i].p_type == PT_LOAD)
      {
        bias = base + segments[i].p_offset - segments[i].p_vaddr;
        break;
      }
  for (guint i = 0; i < n && *build_id_length == 0; i++)
    if (segments[i].p_type == PT_NOTE && segments[i].p_filesz <= sizeof notes
        && read_memory (bias + segments[i].p_vaddr, notes, segments[i].p_filesz))
      *build_id_length = find_build_id (notes, segments[i].p_filesz, build_id);
  return bias;
}

/* The module mapped at @base; its place in maps.modules, or -1. */
static int
intern (MusterJournalCrash *crash, const Mapping *mapping, guint64 base)
{
  guint8 build_id[MAX_BUILD_ID];
  gsize build_id_length;

  for (guint i = 0; i < maps.n_modules; i++)
    if (maps.modules[i].base == base)
      return (int) i;
  if (maps.n_modules == MAX_MODULES)
    return -1;
  maps.modules[maps.n_modules].base = base;
  maps.modules[maps.n_modules].bias = read_module (base, build_id, &build_id_length);
  maps.modules[maps.n_modules].index =
      muster_crash_report_add_module (crash, mapping->path, mapping->path_length, build_id, build_id_length);
  return (int) maps.n_modules++;
}

static void
place_frames (MusterJournalCrash *crash, const Mapping *mapping)
{
  guint64 base = mapping->start - mapping->offset;
  int module;

  if (mapping->inode != 0 && mapping->offset == 0)
    {
      maps.base = mapping->start;
      maps.base_inode = mapping->inode;
    }
  if (mapping->inode != 0 && mapping->inode == maps.base_inode)
    base = maps.base;
  for (guint i = 0; i < crash->n_frames; i++)
    {
      MusterJournalCrashFrame *frame = &crash->frames[i];

      /* A return address may be just behind the last byte of its module. */
      if (frame->module != MUSTER_JOURNAL_CRASH_NO_MODULE || frame->address - !frame->is_exact < mapping->start
          || frame->address - !frame->is_exact >= mapping->end || mapping->path_length == 0)
        continue;
      module = intern (crash, mapping, base);
      if (module < 0 || maps.modules[module].index == MUSTER_JOURNAL_CRASH_NO_MODULE)
        continue;
      frame->module = maps.modules[module].index;
      frame->address -= maps.modules[module].bias;
    }
}

/* Takes the whole lines at the beginning of the buffer; returns what is left over, moved to the front. */
static gsize
take_lines (MusterJournalCrash *crash, gsize filled)
{
  char *line = maps.buffer;
  char *end;

  while ((end = memchr (line, '\n', filled - (gsize) (line - maps.buffer))) != NULL)
    {
      Mapping mapping;

      if (parse_line (line, end, &mapping))
        place_frames (crash, &mapping);
      line = end + 1;
    }
  filled -= (gsize) (line - maps.buffer);
  memmove (maps.buffer, line, filled);
  return filled < sizeof maps.buffer ? filled : 0; /* no line is that long */
}

void
muster_crash_walk_modules (MusterJournalCrash *crash)
{
  int fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  gsize filled = 0;
  gssize n;

  maps.n_modules = 0;
  maps.base_inode = 0;
  if (fd < 0)
    return;
  while ((n = read (fd, maps.buffer + filled, sizeof maps.buffer - filled)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0)
      filled = take_lines (crash, filled + (gsize) n);
  close (fd);
}
