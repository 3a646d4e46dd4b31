/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-spool.h"

/*
 * The file behind a spool: a journal (its seed is the stream's id), and in its header, twice, what must not be lost with
 * a bit of it:
 *
 *   offset  size  meaning
 *     2048     8  "MUSTERS1"
 *     2056     8  size of the ring in bytes
 *     2064    16  seed: what the checksums of the slots are made with
 *     2080    16  id: names the numbers
 *     2096     8  XXH3 over the 48 bytes before
 *     3072    56  the same once more
 */
typedef struct
{
  char magic[8];
  guint64 ring_size;
  guint8 seed[MUSTER_STREAM_ID_SIZE];
  guint8 id[MUSTER_STREAM_ID_SIZE];
  guint64 checksum;
} MusterSpoolIdentity;

G_STATIC_ASSERT (sizeof (MusterSpoolIdentity) == 56);

/* What is between two places. */
typedef struct
{
  MusterSpoolPlace start;
  MusterSpoolPlace end;
} MusterSpoolRange;

/* A new one, with everything allocated; returns a descriptor or -1. */
int muster_spool_file_create (const char *path, gsize size, MusterSpoolIdentity *identity, GError **error);
/* Makes the header right and the file as long as it was; FALSE, with @error CORRUPT, if nothing tells what it was. */
gboolean muster_spool_file_repair (int fd, MusterSpoolIdentity *identity, char **note, GError **error);
/* Gives the numbers another name. */
gboolean muster_spool_file_renew_id (int fd, MusterSpoolIdentity *identity, GError **error);
/* Finds what is there. @end: how far it was committed; NULL: nobody knows, and then all that is whole counts. */
gboolean muster_spool_file_find (int fd, const MusterSpoolIdentity *identity, const MusterSpoolPlace *end,
                                 MusterSpoolRange *range, GError **error);
