/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whose a journal is, by its name. Any thread.
 */
#include "config.h"

#include "muster-journal-register-private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-journal-layout-private.h"

#define SUFFIX ".journal"

/* -- the name -------------------------------------------------------------------------------------- */

char *
muster_journal_register_format_stream (const guint8 stream[MUSTER_STREAM_ID_SIZE])
{
  char *text = g_malloc (2 * MUSTER_STREAM_ID_SIZE + 1);

  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    g_snprintf (text + 2 * i, 3, "%02x", stream[i]);
  return text;
}

char *
muster_journal_register_make_name (const MusterJournalIdentity *identity)
{
  g_autofree char *stream = muster_journal_register_format_stream (identity->stream);

  return g_strdup_printf ("%s%s-%s" SUFFIX,
                          muster_journal_register_is_source (identity) ? MUSTER_JOURNAL_SOURCE_GROUP : "",
                          identity->worker, stream);
}

gboolean
muster_journal_register_is_source (const MusterJournalIdentity *identity)
{
  return g_str_equal (identity->group, MUSTER_JOURNAL_SOURCE_GROUP);
}

gboolean
muster_journal_register_is_primary (const MusterJournalIdentity *identity)
{
  return g_str_equal (identity->worker, "master") && !muster_journal_register_is_source (identity);
}

gboolean
muster_journal_register_has_labels (const MusterJournalIdentity *identity)
{
  return muster_journal_register_is_primary (identity) || muster_journal_register_is_source (identity);
}

/* "web-1" (of a source: "source:devices"), a dash, the stream in hexadecimal digits, ".journal". */
static gboolean
parse_name (const char *name, MusterJournalIdentity *identity)
{
  gboolean source = g_str_has_prefix (name, MUSTER_JOURNAL_SOURCE_GROUP);
  const char *worker = source ? name + strlen (MUSTER_JOURNAL_SOURCE_GROUP) : name;
  gsize length = strlen (worker);
  gsize tail = 1 + 2 * (gsize) MUSTER_STREAM_ID_SIZE + strlen (SUFFIX);
  gsize worker_length = length - tail;
  const char *digits;

  if (length <= tail || worker_length >= sizeof identity->worker || worker[worker_length] != '-'
      || !g_str_has_suffix (worker, SUFFIX))
    return FALSE;
  digits = worker + worker_length + 1;
  for (gsize i = 0; i < MUSTER_STREAM_ID_SIZE; i++)
    {
      int high = g_ascii_xdigit_value (digits[2 * i]), low = g_ascii_xdigit_value (digits[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      identity->stream[i] = (guint8) (high << 4 | low);
    }
  memcpy (identity->worker, worker, worker_length);
  if (source)
    g_strlcpy (identity->group, MUSTER_JOURNAL_SOURCE_GROUP, sizeof identity->group);
  return TRUE;
}

static void
guess_group (MusterJournalIdentity *identity)
{
  char *dash;

  if (muster_journal_register_is_source (identity))
    return;
  g_strlcpy (identity->group, identity->worker, sizeof identity->group);
  dash = strrchr (identity->group, '-');
  if (dash != NULL)
    *dash = '\0';
  else
    identity->group[0] = '\0'; /* the primary's own has no number */
}

/* What the header says if that can be, else what fits the file. */
static gsize
guess_ring_size (int fd)
{
  guint64 said = 0;
  struct stat status;
  gsize size = MUSTER_JOURNAL_SIZE_MIN;

  if (pread (fd, &said, sizeof said, G_STRUCT_OFFSET (MusterJournalHeader, ring_size)) == (gssize) sizeof said
      && said >= MUSTER_JOURNAL_SIZE_MIN && said <= MUSTER_JOURNAL_SIZE_MAX && (said & (said - 1)) == 0)
    return (gsize) said;
  while (fstat (fd, &status) == 0 && size < MUSTER_JOURNAL_SIZE_MAX
         && status.st_size >= (off_t) (MUSTER_JOURNAL_HEADER_SIZE + 2 * size))
    size *= 2;
  return size;
}

gboolean
muster_journal_register_read (int fd, const char *name, const char *cluster, MusterJournalIdentity *identity,
                              gsize *ring_size, char **damage, GError **error)
{
  MusterJournalIdentity named = { 0 };
  g_autoptr (GError) problem = NULL;

  *damage = NULL;
  if (!parse_name (name, &named))
    {
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "'%s' is no journal's name", name);
      return FALSE;
    }
  guess_group (&named);
  if (muster_journal_read_identity (fd, identity, ring_size, &problem))
    {
      memcpy (identity->stream, named.stream, sizeof named.stream);
      memcpy (identity->worker, named.worker, sizeof named.worker);
      memcpy (identity->group, named.group, sizeof named.group);
      return TRUE;
    }
  *damage = g_strdup (problem->message);
  g_strlcpy (named.cluster, cluster, sizeof named.cluster);
  *identity = named;
  *ring_size = guess_ring_size (fd);
  return TRUE;
}
