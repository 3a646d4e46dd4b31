/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A reader of ELF symbol tables that believes nothing. The file is read with pread (it may be cut off meanwhile), each
 * offset is checked against its size, every loop has a bound. Pure functions; any thread.
 * Source: System V ABI, chapter 4 (gabi); elf(5).
 */
#include "config.h"

#include "muster-symbols-private.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEGMENTS         64
#define MAX_SECTIONS         65535
#define MAX_SYMBOLS          (8 * 1024 * 1024) /* a browser has one million */
#define MAX_NAME             1024              /* C++ names are long */
#define MAX_NOTES            4096
#define CHUNK                1024 /* section headers or symbols read at once */
#define NATIVE_DATA          (G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
#define NATIVE_CLASS         (GLIB_SIZEOF_VOID_P == 8 ? ELFCLASS64 : ELFCLASS32)
#define SYMBOL_TYPE(info)    ((info) &0xf)
#define SYMBOL_BINDING(info) ((info) >> 4)

typedef struct
{
  int fd;
  guint64 size;
  ElfW (Ehdr) header;
} File;

/* What has been found for one address. */
typedef struct
{
  gboolean found;
  gboolean is_global;
  guint64 value;
  guint32 name; /* in the string table */
} Best;

/* Reads exactly @length bytes at @offset; FALSE if they are not all there. */
static gboolean
read_at (const File *file, guint64 offset, gpointer out, gsize length)
{
  gsize done = 0;

  if (offset > file->size || length > file->size - offset)
    return FALSE;
  while (done < length)
    {
      gssize n = pread (file->fd, (guint8 *) out + done, length - done, (off_t) (offset + done));

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

static gboolean
read_header (File *file)
{
  const guint8 *ident = file->header.e_ident;

  return read_at (file, 0, &file->header, sizeof file->header) && memcmp (ident, ELFMAG, SELFMAG) == 0
         && ident[EI_CLASS] == NATIVE_CLASS && ident[EI_DATA] == NATIVE_DATA
         && (file->header.e_type == ET_DYN || file->header.e_type == ET_EXEC);
}

/* -- the build id -------------------------------------------------------------------------------- */

/* Whether a note in @notes is this build id: 4-byte words name size, size, type; name and content, each padded to 4. */
static gboolean
notes_have_id (const guint8 *notes, gsize size, const guint8 *build_id, gsize length)
{
  gsize at = 0;
  guint32 head[3];

  while (at + sizeof head + 4 <= size)
    {
      guint64 name_size, content_size;

      memcpy (head, notes + at, sizeof head);
      at += sizeof head;
      name_size = ((guint64) head[0] + 3) & ~(guint64) 3;
      content_size = ((guint64) head[1] + 3) & ~(guint64) 3;
      if (name_size + content_size > size - at)
        return FALSE;
      if (head[0] == 4 && head[1] == length && head[2] == NT_GNU_BUILD_ID && memcmp (notes + at, "GNU", 4) == 0
          && memcmp (notes + at + 4, build_id, length) == 0)
        return TRUE;
      at += (gsize) (name_size + content_size);
    }
  return FALSE;
}

static gboolean
has_build_id (const File *file, const guint8 *build_id, gsize length)
{
  guint n = MIN (file->header.e_phnum, (guint) MAX_SEGMENTS);
  guint8 notes[MAX_NOTES];
  ElfW (Phdr) segment;

  if (file->header.e_phentsize != sizeof segment)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (!read_at (file, file->header.e_phoff + (guint64) i * sizeof segment, &segment, sizeof segment))
        return FALSE;
      if (segment.p_type == PT_NOTE && segment.p_filesz <= sizeof notes
          && read_at (file, segment.p_offset, notes, segment.p_filesz)
          && notes_have_id (notes, segment.p_filesz, build_id, length))
        return TRUE;
    }
  return FALSE;
}

/* -- symbols ------------------------------------------------------------------------------------- */

/* The first section of @type. */
static gboolean
find_section (const File *file, guint32 type, ElfW (Shdr) * section)
{
  g_autofree ElfW (Shdr) *chunk = g_new (ElfW (Shdr), CHUNK);
  guint n = MIN (file->header.e_shnum, (guint) MAX_SECTIONS);

  if (file->header.e_shentsize != sizeof *section)
    return FALSE;
  for (guint first = 0; first < n; first += CHUNK)
    {
      guint count = MIN (n - first, (guint) CHUNK);

      if (!read_at (file, file->header.e_shoff + (guint64) first * sizeof *section, chunk, count * sizeof *section))
        return FALSE;
      for (guint i = 0; i < count; i++)
        if (chunk[i].sh_type == type)
          {
            *section = chunk[i];
            return TRUE;
          }
    }
  return FALSE;
}

static void
consider (const ElfW (Sym) * symbol, const MusterSymbol *asked, Best *best)
{
  gboolean is_global = SYMBOL_BINDING (symbol->st_info) == STB_GLOBAL;

  if (asked->name != NULL || asked->address < symbol->st_value || asked->address - symbol->st_value >= symbol->st_size)
    return;
  /* The innermost; of several names for one place the one that is meant for others. */
  if (best->found
      && (symbol->st_value < best->value || (symbol->st_value == best->value && (best->is_global || !is_global))))
    return;
  *best = (Best){ TRUE, is_global, symbol->st_value, symbol->st_name };
}

static gboolean
is_function (const ElfW (Sym) * symbol)
{
  guint type = SYMBOL_TYPE (symbol->st_info);

  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF && symbol->st_name != 0;
}

/* Goes through the table @section once. */
static void
scan_table (const File *file, const ElfW (Shdr) * section, const MusterSymbol *symbols, Best *best, gsize n)
{
  g_autofree ElfW (Sym) *chunk = g_new (ElfW (Sym), CHUNK);
  guint64 total = MIN (section->sh_size / sizeof *chunk, (guint64) MAX_SYMBOLS);

  for (guint64 first = 0; first < total; first += CHUNK)
    {
      gsize count = (gsize) MIN (total - first, (guint64) CHUNK);

      if (!read_at (file, section->sh_offset + first * sizeof *chunk, chunk, count * sizeof *chunk))
        return;
      for (gsize i = 0; i < count; i++)
        if (is_function (&chunk[i]))
          for (gsize k = 0; k < n; k++)
            consider (&chunk[i], &symbols[k], &best[k]);
    }
}

static char *
read_name (const File *file, const ElfW (Shdr) * strings, guint32 at)
{
  char name[MAX_NAME + 1];
  guint64 left;

  if (at >= strings->sh_size || strings->sh_offset > file->size || at >= file->size - strings->sh_offset)
    return NULL;
  left = MIN (strings->sh_size - at, file->size - strings->sh_offset - at);
  if (!read_at (file, strings->sh_offset + at, name, (gsize) MIN (left, (guint64) MAX_NAME)))
    return NULL;
  name[MIN (left, (guint64) MAX_NAME)] = '\0';
  return name[0] != '\0' ? g_utf8_make_valid (name, -1) : NULL;
}

/* FALSE if there is no such table. */
static gboolean
find_in_table (const File *file, guint32 type, MusterSymbol *symbols, gsize n)
{
  g_autofree Best *best = g_new0 (Best, n);
  ElfW (Shdr) table, strings;

  if (!find_section (file, type, &table) || table.sh_entsize != sizeof (ElfW (Sym))
      || table.sh_link >= file->header.e_shnum
      || !read_at (file, file->header.e_shoff + (guint64) table.sh_link * sizeof strings, &strings, sizeof strings)
      || strings.sh_type != SHT_STRTAB)
    return FALSE;
  scan_table (file, &table, symbols, best, n);
  for (gsize i = 0; i < n; i++)
    if (best[i].found)
      {
        symbols[i].name = read_name (file, &strings, best[i].name);
        symbols[i].offset = symbols[i].address - best[i].value;
      }
  return TRUE;
}

/* -- public -------------------------------------------------------------------------------------- */

int
muster_symbols_open (const char *path, GError **error)
{
  /* Looked at before it is opened: to open a device can do things, and a FIFO waits. */
  int handle = open (path, O_PATH | O_CLOEXEC);
  struct stat status;
  char again[64];
  int fd = -1;

  if (handle >= 0 && fstat (handle, &status) == 0 && !S_ISREG (status.st_mode))
    {
      close (handle);
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s: is not a file", path);
      return -1;
    }
  if (handle >= 0)
    {
      g_snprintf (again, sizeof again, "/proc/self/fd/%d", handle);
      fd = open (again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
  if (fd < 0)
    g_set_error (error, MUSTER_ERROR, errno == ENOENT ? MUSTER_ERROR_NOT_FOUND : MUSTER_ERROR_UNAVAILABLE, "%s: %s",
                 path, g_strerror (errno));
  if (handle >= 0)
    close (handle);
  return fd;
}

gboolean
muster_symbols_find (int fd, const guint8 *build_id, gsize build_id_length, MusterSymbol *symbols, gsize n,
                     GError **error)
{
  File file = { .fd = fd };
  struct stat status = { 0 };
  gboolean found;

  if (fstat (fd, &status) == 0)
    file.size = (guint64) status.st_size;
  if (!read_header (&file))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "it is not an ELF file for this machine");
      return FALSE;
    }
  if (build_id_length > 0 && !has_build_id (&file, build_id, build_id_length))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_INCOMPATIBLE, "it has another build id: it was replaced");
      return FALSE;
    }
  found = find_in_table (&file, SHT_SYMTAB, symbols, n);
  found |= find_in_table (&file, SHT_DYNSYM, symbols, n);
  if (!found)
    g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND, "it has no symbols: it was stripped, or cut off");
  return found;
}
