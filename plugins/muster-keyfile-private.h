/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-problems-private.h"

/*
 * A reader of keyfiles that knows where everything stands and goes on after an error; docs/keyfile.md is the reference
 * of the syntax. What is wrong is added to `problems`; what could be read is in `groups`.
 */
#define MUSTER_KEYFILE_SIZE_MAX  (1024 * 1024)
#define MUSTER_KEYFILE_LINE_MAX  (16 * 1024)
#define MUSTER_KEYFILE_DEPTH_MAX 8
#define MUSTER_KEYFILE_FILES_MAX 256

typedef struct
{
  char *key;        /* owned */
  char *value;      /* owned: without escapes, variables expanded */
  char **list;      /* owned: the same, cut at each `;` that is not escaped */
  const char *file; /* borrowed from the keyfile */
  guint line;
} MusterKeyfileEntry;

typedef struct
{
  char *kind;       /* owned */
  char *name;       /* owned; NULL for a group without a name */
  char *label;      /* owned: "[kind name]" */
  const char *file; /* borrowed from the keyfile: where it begins (of [muster], which each file may have, the last) */
  guint line;
  gboolean duplicate; /* the name is taken: a problem was added; to be checked, not to be used */
  GPtrArray *entries; /* owned, of MusterKeyfileEntry */
  GHashTable *by_key; /* owned: key to borrowed entry */
} MusterKeyfileGroup;

typedef struct
{
  GPtrArray *groups; /* owned, of MusterKeyfileGroup */
  MusterProblems *problems;
  /*< private >*/
  GHashTable *by_label; /* owned: label to borrowed group */
  GPtrArray *files;     /* owned, of char * */
} MusterKeyfile;

MusterKeyfile *muster_keyfile_new (void);
void muster_keyfile_free (MusterKeyfile *keyfile);

/* Reads text that came from @file; touches no file. */
void muster_keyfile_parse (MusterKeyfile *keyfile, const char *file, const char *data, gsize size);

/* Reads the file at @path and what it includes. */
void muster_keyfile_load (MusterKeyfile *keyfile, const char *path);

MusterKeyfileGroup *muster_keyfile_find_group (MusterKeyfile *keyfile, const char *label);
const MusterKeyfileEntry *muster_keyfile_group_find (const MusterKeyfileGroup *group, const char *key);

/* Escapes, variables and lists of one raw value. FALSE: @problem (to be freed) says what is wrong. */
gboolean muster_keyfile_value_parse (const char *raw, gsize length, char **value, char ***list, char **problem);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MusterKeyfile, muster_keyfile_free)
