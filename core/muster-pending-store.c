/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the next primary delivers in this one's place. One thread.
 */
#include "config.h"

#include "muster-pending-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster-encoder-private.h"
#include "muster-error.h"

#define PENDING "pending-"
#define LATE    "late-"
#define KEPT    "kept-"
#define SUFFIX  ".metrics"
/* More than any primary lets wait (muster-aggregator.c bounds each worker): a file that is larger is none of ours. */
#define SIZE_MAX_BYTES ((off_t) 1 << 30)

struct _MusterPendingStore
{
  char *directory;    /* owned */
  GByteArray *buffer; /* owned; what is being written */
};

MusterPendingStore *
muster_pending_store_new (const char *directory)
{
  MusterPendingStore *store = g_new0 (MusterPendingStore, 1);

  store->directory = g_strdup (directory);
  store->buffer = g_byte_array_new ();
  return store;
}

void
muster_pending_store_free (MusterPendingStore *store)
{
  g_free (store->directory);
  g_byte_array_unref (store->buffer);
  g_free (store);
}

static char *
make_path (MusterPendingStore *store, const char *name, gint64 end_ns, gboolean is_late)
{
  return g_strdup_printf ("%s/%s%s-%" G_GINT64_FORMAT SUFFIX, store->directory, is_late ? LATE : PENDING, name, end_ns);
}

static gboolean
write_all (int fd, const guint8 *bytes, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n = write (fd, bytes + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

/* All of it or nothing: what comes behind a part of it could not be read. */
static gboolean
append_all (int fd, const guint8 *bytes, gsize size)
{
  struct stat info;
  int reason;

  if (fstat (fd, &info) != 0)
    return FALSE;
  if (write_all (fd, bytes, size))
    return TRUE;
  reason = errno;
  if (ftruncate (fd, info.st_size) != 0)
    g_warning ("cut what waits for its delivery back to %" G_GINT64_FORMAT " bytes: %s", (gint64) info.st_size,
               g_strerror (errno));
  errno = reason;
  return FALSE;
}

gboolean
muster_pending_store_append (MusterPendingStore *store, const char *name, const MusterAggregatorPlace *place,
                             const char *worker, guint pid, const MusterEntry *entry, GError **error)
{
  g_autofree char *path = make_path (store, name, place->end_ns, place->is_late);
  MusterOrigin origin = { .first_seq = 1, .pid = pid };
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  gboolean written;

  origin.worker.data = worker;
  origin.worker.length = strlen (worker);
  g_byte_array_set_size (store->buffer, 0);
  muster_encode_origin (store->buffer, &origin);
  g_byte_array_append (store->buffer, entry->bytes, (guint) entry->length);
  written = fd >= 0 && append_all (fd, store->buffer->data, store->buffer->len);
  if (!written)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_FAILED, "write to %s: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return written;
}

void
muster_pending_store_remove (MusterPendingStore *store, const char *name, gint64 end_ns, gboolean is_late)
{
  g_autofree char *path = make_path (store, name, end_ns, is_late);

  unlink (path);
}

/* -- what an earlier primary left ----------------------------------------------------------------- */

static guint
restore_entries (const char *bytes, gsize size, gboolean is_late, MusterPendingStoreFunc func, gpointer user_data,
                 gsize *good)
{
  MusterEntryIter iter;
  MusterEntry entry;
  guint n = 0;

  muster_entry_iter_init (&iter, bytes, size);
  while (muster_entry_iter_next (&iter, &entry))
    if (entry.kind == MUSTER_ENTRY_SNAPSHOT && entry.origin != NULL && entry.origin->worker.length > 0)
      {
        g_autofree char *worker = g_strndup (entry.origin->worker.data, entry.origin->worker.length);

        n += func (worker, entry.origin->pid, &entry, is_late, user_data) ? 1 : 0;
      }
  *good = muster_entry_iter_get_position (&iter);
  return n;
}

/* Bad bytes at the end are cut off, or what is appended to the file from now on would not be found behind them. */
static guint
restore_file (const char *path, gboolean is_late, MusterPendingStoreFunc func, gpointer user_data)
{
  g_autoptr (GMappedFile) file = NULL;
  struct stat info;
  gsize good = 0;
  guint n = 0;
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd >= 0 && fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && info.st_uid == geteuid ()
      && info.st_size <= SIZE_MAX_BYTES)
    file = g_mapped_file_new_from_fd (fd, FALSE, NULL);
  if (file != NULL && g_mapped_file_get_contents (file) != NULL)
    n = restore_entries (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), is_late, func, user_data,
                         &good);
  if (n > 0 && good < g_mapped_file_get_length (file) && ftruncate (fd, (off_t) good) != 0)
    g_warning ("cut %s back to %" G_GSIZE_FORMAT " bytes: %s", path, good, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return n;
}

void
muster_pending_store_restore (MusterPendingStore *store, MusterPendingStoreFunc func, gpointer user_data)
{
  g_autoptr (GDir) dir = g_dir_open (store->directory, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (store->directory, name, NULL);
      gboolean is_late = g_str_has_prefix (name, LATE);

      if (!g_str_has_suffix (name, SUFFIX) || (!is_late && !g_str_has_prefix (name, PENDING)))
        continue;
      if (restore_file (path, is_late, func, user_data) == 0)
        unlink (path);
    }
}

/* -- what has arrived and nobody has looked at ----------------------------------------------------- */

static char *
make_kept_path (MusterPendingStore *store, guint64 number)
{
  return g_strdup_printf ("%s/" KEPT "%" G_GUINT64_FORMAT SUFFIX, store->directory, number);
}

void
muster_pending_store_keep (MusterPendingStore *store, guint64 number, MusterBatch *batch)
{
  g_autofree char *path = make_kept_path (store, number);
  gsize size;
  const guint8 *data = muster_batch_get_data (batch, &size);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return;
  write_all (fd, data, size);
  close (fd);
}

void
muster_pending_store_release (MusterPendingStore *store, guint64 number)
{
  g_autofree char *path = make_kept_path (store, number);

  unlink (path);
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint64 number_a = *(const guint64 *) a;
  guint64 number_b = *(const guint64 *) b;

  return (number_a > number_b) - (number_a < number_b);
}

/* In the order in which they came: a snapshot's parts may lie in several. */
void
muster_pending_store_restore_kept (MusterPendingStore *store, MusterPendingStoreFunc func, gpointer user_data)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GDir) dir = g_dir_open (store->directory, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, KEPT) && g_str_has_suffix (name, SUFFIX))
      {
        guint64 number = g_ascii_strtoull (name + strlen (KEPT), NULL, 10);

        g_array_append_val (numbers, number);
      }
  g_array_sort (numbers, compare_numbers);
  for (guint i = 0; i < numbers->len; i++)
    {
      g_autofree char *path = make_kept_path (store, g_array_index (numbers, guint64, i));

      restore_file (path, FALSE, func, user_data);
      unlink (path);
    }
}
