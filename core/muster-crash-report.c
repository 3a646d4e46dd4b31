/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a crash handler found out: building and printing it in the handler (async-signal-safe), reading and naming it in
 * the primary. Pure functions but for the files that naming reads; any thread.
 */
#include "config.h"

#include "muster-crash-report-private.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "muster-encoder-private.h"
#include "muster-printf-private.h"
#include "muster-symbols-private.h"

#define NO_MODULE  MUSTER_JOURNAL_CRASH_NO_MODULE
#define NAMED_MAX  (32 * 1024) /* of a named backtrace: it must fit into an entry, with more beside it */
#define SYMBOL_MAX 512

/* -- modules ------------------------------------------------------------------------------------- */

typedef struct
{
  const guint8 *build_id;
  gsize build_id_length;
  const char *path; /* ends with a NUL */
} Module;

/* The module at @offset of the list, and where the next one is; FALSE at the end, or if it does not fit. */
static gboolean
next_module (const MusterJournalCrash *crash, gsize *offset, Module *module)
{
  gsize size = MIN (crash->modules_size, sizeof crash->modules);
  const guint8 *start = crash->modules + *offset;
  const guint8 *end;

  if (*offset >= size || *offset + 1 + start[0] >= size)
    return FALSE;
  module->build_id = start + 1;
  module->build_id_length = start[0];
  module->path = (const char *) start + 1 + start[0];
  end = memchr (module->path, '\0', size - (*offset + 1 + start[0]));
  if (end == NULL)
    return FALSE;
  *offset = (gsize) (end + 1 - crash->modules);
  return TRUE;
}

static gboolean
get_module (const MusterJournalCrash *crash, guint16 index, Module *module)
{
  gsize offset = 0;

  if (index == NO_MODULE)
    return FALSE;
  for (guint i = 0; next_module (crash, &offset, module); i++)
    if (i == index)
      return TRUE;
  return FALSE;
}

guint16
muster_crash_report_add_module (MusterJournalCrash *crash, const char *path, gsize path_length, const guint8 *build_id,
                                gsize build_id_length)
{
  guint8 *out = crash->modules + MIN (crash->modules_size, sizeof crash->modules);
  gsize offset = 0;
  guint16 index = 0;
  Module module;

  if (crash->modules_size > sizeof crash->modules || build_id_length > G_MAXUINT8
      || memchr (path, '\0', path_length) != NULL
      || 1 + build_id_length + path_length + 1 > sizeof crash->modules - crash->modules_size)
    return NO_MODULE;
  while (next_module (crash, &offset, &module))
    index++;
  *out++ = (guint8) build_id_length;
  memcpy (out, build_id, build_id_length);
  memcpy (out + build_id_length, path, path_length);
  out[build_id_length + path_length] = '\0';
  crash->modules_size += (guint16) (1 + build_id_length + path_length + 1);
  return index;
}

/* -- words --------------------------------------------------------------------------------------- */

typedef struct
{
  int signal; /* 0: any */
  int code;
  const char *name;
} CodeName;

#define SIGNAL(number)                                                                                                 \
  {                                                                                                                    \
    number, 0, #number                                                                                                 \
  }
#define CODE(number, code)                                                                                             \
  {                                                                                                                    \
    number, code, #code                                                                                                \
  }

static const CodeName signal_names[] = {
  SIGNAL (SIGSEGV), SIGNAL (SIGBUS),  SIGNAL (SIGILL), SIGNAL (SIGFPE),
  SIGNAL (SIGABRT), SIGNAL (SIGTRAP), SIGNAL (SIGSYS),
};

static const CodeName code_names[] = {
  CODE (0, SI_USER),
  CODE (0, SI_QUEUE),
  CODE (0, SI_TIMER),
  CODE (0, SI_TKILL),
  CODE (0, SI_KERNEL),
  CODE (SIGSEGV, SEGV_MAPERR),
  CODE (SIGSEGV, SEGV_ACCERR),
  CODE (SIGSEGV, SEGV_BNDERR),
  CODE (SIGSEGV, SEGV_PKUERR),
  CODE (SIGBUS, BUS_ADRALN),
  CODE (SIGBUS, BUS_ADRERR),
  CODE (SIGBUS, BUS_OBJERR),
  CODE (SIGBUS, BUS_MCEERR_AR),
  CODE (SIGILL, ILL_ILLOPC),
  CODE (SIGILL, ILL_ILLOPN),
  CODE (SIGILL, ILL_ILLADR),
  CODE (SIGILL, ILL_ILLTRP),
  CODE (SIGILL, ILL_PRVOPC),
  CODE (SIGILL, ILL_PRVREG),
  CODE (SIGILL, ILL_COPROC),
  CODE (SIGILL, ILL_BADSTK),
  CODE (SIGFPE, FPE_INTDIV),
  CODE (SIGFPE, FPE_INTOVF),
  CODE (SIGFPE, FPE_FLTDIV),
  CODE (SIGFPE, FPE_FLTOVF),
  CODE (SIGFPE, FPE_FLTUND),
  CODE (SIGFPE, FPE_FLTRES),
  CODE (SIGFPE, FPE_FLTINV),
  CODE (SIGFPE, FPE_FLTSUB),
  CODE (SIGTRAP, TRAP_BRKPT),
  CODE (SIGTRAP, TRAP_TRACE),
  { SIGSYS, 1, "SYS_SECCOMP" },
};

const char *
muster_crash_signal_name (int number)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signal_names); i++)
    if (signal_names[i].signal == number)
      return signal_names[i].name;
  return NULL;
}

const char *
muster_crash_code_name (int number, int code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (code_names); i++)
    if (code_names[i].code == code && (code_names[i].signal == 0 || code_names[i].signal == number))
      return code_names[i].name;
  return NULL;
}

/* -- printing ------------------------------------------------------------------------------------ */

typedef struct
{
  char *out;
  gsize room;
  gsize length;
} Text;

static gboolean append (Text *text, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* FALSE, and nothing is appended, if it does not fit with its NUL. */
static gboolean
append (Text *text, const char *format, ...)
{
  gsize left = text->room - text->length;
  gssize length;
  va_list arguments;

  va_start (arguments, format);
  length = muster_printf_fast (text->out + text->length, left, format, arguments);
  va_end (arguments);
  if (length < 0 || (gsize) length >= left)
    {
      text->out[text->length] = '\0';
      return FALSE;
    }
  text->length += (gsize) length;
  text->out[text->length] = '\0';
  return TRUE;
}

gsize
muster_crash_report_print_message (const MusterJournalCrash *crash, char *out, gsize room)
{
  Text text = { out, room, 0 };
  const char *name = muster_crash_signal_name (crash->signal);

  append (&text, "crashed by signal %d (%s)", crash->signal, name != NULL ? name : "unknown");
  if (crash->flags & MUSTER_JOURNAL_CRASH_HAS_ADDRESS)
    append (&text, " at address 0x%lx", (unsigned long) crash->address);
  if (crash->flags & MUSTER_JOURNAL_CRASH_STACK_OVERFLOW)
    append (&text, " (stack overflow)");
  if (crash->sender != 0)
    append (&text, ", sent by process %u", crash->sender);
  return text.length;
}

static gboolean
append_place (Text *text, const MusterJournalCrashFrame *frame, const Module *module)
{
  gsize start = text->length;
  gsize length = module != NULL ? strlen (module->path) : 0;

  if (module == NULL)
    return append (text, "0x%lx", (unsigned long) frame->address);
  if (!append (text, "%s+0x%lx", module->path, (unsigned long) frame->address))
    return FALSE;
  if (!muster_utf8_is_valid (module->path, length))
    for (gsize i = start; i < start + length; i++)
      if ((text->out[i] & 0x80) != 0)
        text->out[i] = '?';
  return TRUE;
}

gsize
muster_crash_report_print_raw (const MusterJournalCrash *crash, char *out, gsize room)
{
  Text text = { out, room, 0 };
  guint n = MIN (crash->n_frames, (guint) MUSTER_JOURNAL_CRASH_FRAMES);

  out[0] = '\0';
  for (guint i = 0; i < n; i++)
    {
      const MusterJournalCrashFrame *frame = &crash->frames[i];
      gsize before = text.length;
      Module module;

      if ((i > 0 && !append (&text, "\n"))
          || !append_place (&text, frame, get_module (crash, frame->module, &module) ? &module : NULL)
          || (frame->repeats > 0 && !append (&text, " (%u times)", frame->repeats + 1)))
        {
          out[before] = '\0';
          return before;
        }
    }
  return text.length;
}

/* -- in the primary ------------------------------------------------------------------------------ */

static gboolean
is_whole (const MusterJournalCrash *crash, const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  gsize offset = 0;
  guint n_modules = 0;
  Module module;

  if (crash->checksum != muster_journal_crash_checksum (crash, muster_journal_seed (stream))
      || crash->n_frames > MUSTER_JOURNAL_CRASH_FRAMES || crash->modules_size > sizeof crash->modules
      || memchr (crash->thread_name, '\0', sizeof crash->thread_name) == NULL)
    return FALSE;
  while (next_module (crash, &offset, &module))
    n_modules++;
  for (guint i = 0; i < crash->n_frames; i++)
    if (crash->frames[i].module != NO_MODULE && crash->frames[i].module >= n_modules)
      return FALSE;
  return offset == crash->modules_size;
}

gboolean
muster_crash_report_read (int fd, const guint8 stream[MUSTER_STREAM_ID_SIZE], MusterJournalCrash *crash, GError **error)
{
  gssize n;

  do
    n = pread (fd, crash, sizeof *crash, MUSTER_JOURNAL_CRASH_OFFSET);
  while (n < 0 && errno == EINTR);
  if (n == (gssize) sizeof *crash && atomic_load (&crash->written) == 0)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "the journal tells of no crash");
      return FALSE;
    }
  if (n == (gssize) sizeof *crash && atomic_load (&crash->written) == 1 && is_whole (crash, stream))
    return TRUE;
  g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "what the journal tells of a crash is not whole");
  return FALSE;
}

/* Looks up all frames of one module. */
static void
name_module (const MusterJournalCrash *crash, guint16 index, const Module *module, MusterSymbol *symbols)
{
  MusterSymbol asked[MUSTER_JOURNAL_CRASH_FRAMES];
  guint places[MUSTER_JOURNAL_CRASH_FRAMES];
  guint n = 0;
  int fd;

  for (guint i = 0; i < crash->n_frames; i++)
    if (crash->frames[i].module == index)
      {
        /* A return address may lie behind the function that it belongs to, if the call never returns. */
        asked[n] = (MusterSymbol){ .address = crash->frames[i].address - !crash->frames[i].is_exact };
        places[n++] = i;
      }
  fd = n > 0 && module->path[0] == '/' ? muster_symbols_open (module->path, NULL) : -1;
  if (fd < 0)
    return;
  muster_symbols_find (fd, module->build_id, module->build_id_length, asked, n, NULL);
  close (fd);
  for (guint i = 0; i < n; i++)
    symbols[places[i]] = asked[i];
}

char *
muster_crash_report_name (const MusterJournalCrash *crash)
{
  MusterSymbol symbols[MUSTER_JOURNAL_CRASH_FRAMES] = { 0 };
  char place[sizeof crash->modules + 32];
  GString *text = g_string_new (NULL);
  gsize offset = 0;
  Module module;

  for (guint16 index = 0; next_module (crash, &offset, &module); index++)
    name_module (crash, index, &module, symbols);
  for (guint i = 0; i < crash->n_frames && text->len < NAMED_MAX; i++)
    {
      const MusterJournalCrashFrame *frame = &crash->frames[i];
      Text raw = { place, sizeof place, 0 };

      append_place (&raw, frame, get_module (crash, frame->module, &module) ? &module : NULL);
      g_string_append_printf (text, "%s#%u ", i > 0 ? "\n" : "", i);
      if (symbols[i].name != NULL)
        g_string_append_printf (text, "%.*s+0x%" G_GINT64_MODIFIER "x (%s)", SYMBOL_MAX, symbols[i].name,
                                symbols[i].offset + !frame->is_exact, place);
      else
        g_string_append (text, place);
      if (frame->repeats > 0)
        g_string_append_printf (text, " (%u times)", frame->repeats + 1);
    }
  for (guint i = 0; i < crash->n_frames; i++)
    g_free (symbols[i].name);
  return g_string_free (text, FALSE);
}
