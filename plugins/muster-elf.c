/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A reader of ELF files that believes nothing: finds one symbol by the dynamic symbol table and follows the relocations
 * of its pointers. Every offset is checked against the file before it is used, every loop has a bound that the file's
 * size gives. Only what the dynamic loader looks at is looked at (program headers and PT_DYNAMIC; section headers may be
 * stripped). Pure functions; any thread.
 * Source: System V ABI, chapters 4 and 5 (gabi); elf(5); the GNU hash table as in glibc's elf/dl-lookup.c.
 */
#include "config.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

#include "muster-elf-private.h"

#define SYMBOL       "muster_plugin_descriptor"
#define MAX_TYPES    256
#define MAX_SEGMENTS 64 /* a module has about ten; each address is looked up in all of them */
#define MAX_STRING   4096
#define NO_ADDRESS   G_MAXUINT64
#define NATIVE_DATA  (G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

#if GLIB_SIZEOF_VOID_P == 8
#define NATIVE_CLASS       ELFCLASS64
#define RELOC_SYMBOL(info) ELF64_R_SYM (info)
#else
#define NATIVE_CLASS       ELFCLASS32
#define RELOC_SYMBOL(info) ELF32_R_SYM (info)
#endif

typedef struct
{
  const guint8 *data;
  gsize size;
  ElfW (Ehdr) header;
  /* From PT_DYNAMIC, as addresses; 0 where absent. */
  guint64 symbols;
  guint64 strings, strings_size;
  guint64 hash, gnu_hash;
  guint64 rela, rela_size;
  guint64 rel, rel_size;
} Elf;

/* Copies @length bytes at file offset @offset; FALSE if they are not all there. */
static gboolean
read_at (const Elf *elf, guint64 offset, gpointer out, gsize length)
{
  if (offset > elf->size || length > elf->size - offset)
    return FALSE;
  memcpy (out, elf->data + offset, length);
  return TRUE;
}

/* The bytes at @address as the loader would map them from the file, and how many follow in that segment. */
static const guint8 *
at_address (const Elf *elf, guint64 address, gsize *available)
{
  ElfW (Phdr) segment;

  for (guint i = 0; i < elf->header.e_phnum; i++)
    {
      if (!read_at (elf, elf->header.e_phoff + (guint64) i * sizeof segment, &segment, sizeof segment))
        return NULL;
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
        continue;
      if (segment.p_offset > elf->size || segment.p_filesz > elf->size - segment.p_offset)
        return NULL;
      *available = (gsize) (segment.p_filesz - (address - segment.p_vaddr));
      return elf->data + segment.p_offset + (address - segment.p_vaddr);
    }
  return NULL;
}

static gboolean
read_address (const Elf *elf, guint64 address, gpointer out, gsize length)
{
  gsize available;
  const guint8 *bytes = at_address (elf, address, &available);

  if (bytes == NULL || available < length)
    return FALSE;
  memcpy (out, bytes, length);
  return TRUE;
}

/* A string of at most MAX_STRING bytes that ends before its segment does; NULL otherwise. */
static const char *
string_at (const Elf *elf, guint64 address)
{
  gsize available;
  const guint8 *bytes = at_address (elf, address, &available);

  return bytes != NULL && memchr (bytes, '\0', MIN (available, MAX_STRING)) != NULL ? (const char *) bytes : NULL;
}

static gboolean
read_header (Elf *elf)
{
  return read_at (elf, 0, &elf->header, sizeof elf->header) && memcmp (elf->header.e_ident, ELFMAG, SELFMAG) == 0;
}

static gboolean
is_native_module (const Elf *elf)
{
  return elf->header.e_ident[EI_CLASS] == NATIVE_CLASS && elf->header.e_ident[EI_DATA] == NATIVE_DATA
         && elf->header.e_type == ET_DYN && elf->header.e_phentsize == sizeof (ElfW (Phdr))
         && elf->header.e_phnum <= MAX_SEGMENTS;
}

static void
take_dynamic (Elf *elf, const ElfW (Dyn) * entry)
{
  guint64 value = entry->d_un.d_val;

  switch (entry->d_tag)
    {
    case DT_SYMTAB:
      elf->symbols = value;
      break;
    case DT_STRTAB:
      elf->strings = value;
      break;
    case DT_STRSZ:
      elf->strings_size = value;
      break;
    case DT_HASH:
      elf->hash = value;
      break;
    case DT_GNU_HASH:
      elf->gnu_hash = value;
      break;
    case DT_RELA:
      elf->rela = value;
      break;
    case DT_RELASZ:
      elf->rela_size = value;
      break;
    case DT_REL:
      elf->rel = value;
      break;
    case DT_RELSZ:
      elf->rel_size = value;
      break;
    default:
      break;
    }
}

static gboolean
read_dynamic (Elf *elf)
{
  ElfW (Phdr) segment;
  ElfW (Dyn) entry;

  for (guint i = 0; i < elf->header.e_phnum; i++)
    {
      if (!read_at (elf, elf->header.e_phoff + (guint64) i * sizeof segment, &segment, sizeof segment))
        return FALSE;
      if (segment.p_type != PT_DYNAMIC)
        continue;
      for (guint64 at = 0; at + sizeof entry <= segment.p_filesz; at += sizeof entry)
        {
          if (!read_at (elf, segment.p_offset + at, &entry, sizeof entry))
            return FALSE;
          if (entry.d_tag == DT_NULL)
            break;
          take_dynamic (elf, &entry);
        }
      return elf->symbols != 0 && elf->strings != 0;
    }
  return FALSE;
}

static gboolean
read_symbol (const Elf *elf, guint64 index, ElfW (Sym) * symbol)
{
  return read_address (elf, elf->symbols + index * sizeof *symbol, symbol, sizeof *symbol);
}

/* Whether symbol @index is our descriptor, defined here. */
static gboolean
is_descriptor (const Elf *elf, guint64 index, ElfW (Sym) * symbol)
{
  char name[sizeof SYMBOL];

  return read_symbol (elf, index, symbol) && symbol->st_shndx != SHN_UNDEF && symbol->st_name < elf->strings_size
         && read_address (elf, elf->strings + symbol->st_name, name, sizeof name)
         && memcmp (name, SYMBOL, sizeof name) == 0;
}

/* The GNU table: nbuckets, symoffset, bloom_size, bloom_shift; then bloom words, buckets, and a chain word for each
 * symbol from symoffset on, whose lowest bit marks the end of a bucket's chain. */
static gboolean
find_by_gnu_hash (const Elf *elf, ElfW (Sym) * symbol)
{
  guint32 head[4], index, word, hash = 5381;
  guint64 buckets, chains;

  for (const char *c = SYMBOL; *c != '\0'; c++)
    hash = hash * 33 + (guint8) *c;
  if (!read_address (elf, elf->gnu_hash, head, sizeof head) || head[0] == 0)
    return FALSE;
  buckets = elf->gnu_hash + sizeof head + (guint64) head[2] * sizeof (ElfW (Addr));
  chains = buckets + (guint64) head[0] * sizeof word;
  if (!read_address (elf, buckets + (guint64) (hash % head[0]) * sizeof index, &index, sizeof index) || index < head[1]
      || index == 0)
    return FALSE;
  for (;; index++)
    {
      if (!read_address (elf, chains + (guint64) (index - head[1]) * sizeof word, &word, sizeof word))
        return FALSE;
      if ((word | 1) == (hash | 1) && is_descriptor (elf, index, symbol))
        return TRUE;
      if ((word & 1) != 0 || index == G_MAXUINT32)
        return FALSE;
    }
}

/* The classic table: nbucket, nchain, buckets, chains. Its chains could be a circle, so all symbols are tried in turn:
 * nchain is their number. */
static gboolean
find_by_hash (const Elf *elf, ElfW (Sym) * symbol)
{
  guint32 head[2];
  gsize available;

  if (!read_address (elf, elf->hash, head, sizeof head) || at_address (elf, elf->symbols, &available) == NULL)
    return FALSE;
  for (guint32 index = 1; index < head[1] && index < available / sizeof *symbol; index++)
    if (is_descriptor (elf, index, symbol))
      return TRUE;
  return FALSE;
}

/* Looks for the relocation that fills in the pointer at @address. */
static gboolean
find_relocation (const Elf *elf, guint64 address, guint64 *symbol, guint64 *addend)
{
  gsize available;
  const guint8 *table = at_address (elf, elf->rela, &available);
  ElfW (Rela) rela;
  ElfW (Rel) rel;

  if (elf->rela != 0 && table != NULL)
    for (gsize at = 0; at + sizeof rela <= MIN (available, elf->rela_size); at += sizeof rela)
      {
        memcpy (&rela, table + at, sizeof rela);
        if (rela.r_offset != address)
          continue;
        *symbol = RELOC_SYMBOL (rela.r_info);
        *addend = (guint64) rela.r_addend;
        return TRUE;
      }
  table = at_address (elf, elf->rel, &available);
  if (elf->rel != 0 && table != NULL)
    for (gsize at = 0; at + sizeof rel <= MIN (available, elf->rel_size); at += sizeof rel)
      {
        memcpy (&rel, table + at, sizeof rel);
        if (rel.r_offset != address)
          continue;
        *symbol = RELOC_SYMBOL (rel.r_info);
        return TRUE; /* the addend lies where the pointer will */
      }
  return FALSE;
}

/* Where the pointer at @address will point: by its relocation, or (RELR, and whatever leaves the addend in place) by what
 * lies there. Which type the relocation has is the machine's business: for a pointer it is symbol + addend. */
static guint64
follow_pointer (const Elf *elf, guint64 address)
{
  ElfW (Addr) in_place;
  ElfW (Sym) symbol;
  guint64 index = 0, target;

  if (!read_address (elf, address, &in_place, sizeof in_place))
    return NO_ADDRESS;
  target = in_place;
  if (find_relocation (elf, address, &index, &target) && index != 0)
    {
      if (!read_symbol (elf, index, &symbol) || symbol.st_shndx == SHN_UNDEF)
        return NO_ADDRESS;
      target += symbol.st_value;
    }
  return target == 0 ? NO_ADDRESS : target;
}

static char *
follow_string (const Elf *elf, guint64 address)
{
  guint64 target = follow_pointer (elf, address);
  const char *text = target != NO_ADDRESS ? string_at (elf, target) : NULL;

  return text != NULL && g_utf8_validate (text, -1, NULL) ? g_strdup (text) : NULL;
}

static void
clear_type (gpointer data)
{
  g_free (((MusterElfType *) data)->name);
}

static void
read_types (const Elf *elf, guint64 address, MusterElfDescriptor *descriptor)
{
  guint64 at = follow_pointer (elf, address + offsetof (MusterPluginDescriptor, types));
  MusterElfType type;

  if (at == NO_ADDRESS)
    return;
  descriptor->types = g_array_new (FALSE, FALSE, sizeof (MusterElfType));
  g_array_set_clear_func (descriptor->types, clear_type);
  for (; descriptor->types->len < MAX_TYPES; at += sizeof (MusterPluginType))
    {
      type.name = follow_string (elf, at + offsetof (MusterPluginType, name));
      if (type.name == NULL)
        return;
      if (!read_address (elf, at + offsetof (MusterPluginType, kind), &type.kind, sizeof type.kind))
        type.kind = 0;
      g_array_append_val (descriptor->types, type);
    }
}

static gboolean
read_descriptor (const Elf *elf, guint64 address, MusterElfDescriptor *descriptor)
{
  guint32 abi[2];

  if (!read_address (elf, address, abi, sizeof abi))
    return FALSE;
  descriptor->abi_major = abi[0];
  descriptor->abi_minor = abi[1];
  if (abi[0] != MUSTER_PLUGIN_ABI_MAJOR || abi[1] > MUSTER_PLUGIN_ABI_MINOR)
    return TRUE;
  descriptor->name = follow_string (elf, address + offsetof (MusterPluginDescriptor, name));
  descriptor->version = follow_string (elf, address + offsetof (MusterPluginDescriptor, version));
  descriptor->description = follow_string (elf, address + offsetof (MusterPluginDescriptor, description));
  descriptor->licence = follow_string (elf, address + offsetof (MusterPluginDescriptor, licence));
  read_types (elf, address, descriptor);
  return TRUE;
}

gboolean
muster_elf_read_descriptor (gconstpointer data, gsize size, MusterElfDescriptor *descriptor, GError **error)
{
  Elf elf = { .data = data, .size = size };
  ElfW (Sym) symbol;
  const char *problem = NULL;

  *descriptor = (MusterElfDescriptor){ 0 };
  if (!read_header (&elf))
    problem = "it is not an ELF file";
  else if (!is_native_module (&elf))
    problem = "it is not a shared object for this machine";
  else if (!read_dynamic (&elf))
    problem = "its dynamic section cannot be read; is it cut off?";
  if (problem != NULL)
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, problem);
      return FALSE;
    }
  if (!(elf.gnu_hash != 0 ? find_by_gnu_hash (&elf, &symbol) : find_by_hash (&elf, &symbol)))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_NOT_FOUND,
                           "it exports no symbol " SYMBOL "; is it a Muster plugin?");
      return FALSE;
    }
  if (!read_descriptor (&elf, symbol.st_value, descriptor))
    {
      g_set_error_literal (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT, "its " SYMBOL " lies outside of the file");
      return FALSE;
    }
  return TRUE;
}

void
muster_elf_descriptor_clear (MusterElfDescriptor *descriptor)
{
  g_clear_pointer (&descriptor->name, g_free);
  g_clear_pointer (&descriptor->version, g_free);
  g_clear_pointer (&descriptor->description, g_free);
  g_clear_pointer (&descriptor->licence, g_free);
  g_clear_pointer (&descriptor->types, g_array_unref);
}
