/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

/*
 * Names for addresses, out of the symbol tables of an ELF file that may hold any bytes.
 */
typedef struct
{
  guint64 address; /* in: as the file counts (st_value), not as it lies in a process */
  char *name;      /* out: owned, UTF-8; NULL: the file does not say. As it is in the file: not demangled */
  guint64 offset;  /* out: of the address within what the name names */
} MusterSymbol;

/* Opens a regular file for reading, and nothing else; -1 on error. Never waits for a FIFO or a device. */
int muster_symbols_open (const char *path, GError **error);
/* Looks all @symbols up at once, by pread. If @build_id_length is not 0, the file must have just that build id: it may have
 * been replaced since. FALSE: MUSTER_ERROR_CORRUPT if it is no ELF file of this machine's kind, _INCOMPATIBLE if it has
 * another build id, _NOT_FOUND if it has no symbols at all. */
gboolean muster_symbols_find (int fd, const guint8 *build_id, gsize build_id_length, MusterSymbol *symbols, gsize n,
                              GError **error);
