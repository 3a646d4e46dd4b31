/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"
#include "muster-plugin.h"

/*
 * Reads a module's MusterPluginDescriptor out of the ELF file, as the dynamic loader would fill it in, without mapping
 * or running anything of it: dlopen() runs constructors, and a plugin that is refused must not have run.
 */
typedef struct
{
  guint32 kind;
  char *name; /* owned, nullable */
} MusterElfType;

typedef struct
{
  guint32 abi_major;
  guint32 abi_minor;
  /* Of an ABI that this version can read (same major, no newer minor) also: */
  char *name;        /* owned, nullable */
  char *version;     /* owned, nullable */
  char *description; /* owned, nullable */
  char *licence;     /* owned, nullable */
  GArray *types;     /* owned, nullable: of MusterElfType */
} MusterElfDescriptor;

/* Any bytes may be given. FALSE: MUSTER_ERROR_CORRUPT if they are no ELF file of this machine's kind or contradict
 * themselves, MUSTER_ERROR_NOT_FOUND if they export no muster_plugin_descriptor. */
gboolean muster_elf_read_descriptor (gconstpointer data, gsize size, MusterElfDescriptor *descriptor, GError **error);
void muster_elf_descriptor_clear (MusterElfDescriptor *descriptor);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MusterElfDescriptor, muster_elf_descriptor_clear)
