/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbered slots in a mapped file, that change together. Owned by one thread.
 *
 * The file, in the byte order of the machine (it is of no use on another one, nor after a boot):
 *
 *   offset            what
 *   0                 Header: one page
 *   4096              two Records of room for N changes each: the generations
 *   then              N Slots
 *
 * The protocol. The slots hold the state as of some generation. A change is made in a copy of the slot's content, in the
 * record that is not valid at the moment; nobody looks there. A commit is three steps:
 *
 *   1. the record gets its generation, the number of its changes, and a checksum over all of it
 *   2. the commit word is stored: generation and checksum, 8 bytes, aligned. It names record `generation & 1`
 *   3. the changes are copied into their slots
 *
 * Who comes after a kill applies the record that the word names to the slots, again or for the first time (copies do not
 * mind), and has the state as of the word's generation:
 *
 *   killed before 2   the word still names the last record. Its changes had all been copied (step 3 of the last commit
 *                     comes before any step of this one); copying them again changes nothing. The half-made record of
 *                     this commit is the other one
 *   killed in 3       the record is whole, and its copying is finished by whoever comes
 *
 * So each commit writes only what changed, twice, and two generations suffice for any number of slots.
 *
 * `limit` lies beside a slot's content and takes no part: it is stored before a write() and only says how far that may
 * have come.
 *
 * Why the order of the stores is enough, and no cache has to be flushed: it is the process that dies, not the machine.
 * A killed thread ends between two instructions: all stores before are done, none behind, and the write() calls before
 * have returned; the pages are the kernel's and stay. Who reads them has been told of the death by the kernel (by the
 * lock that was given up, if by nothing else), which orders everything before that. So it takes only that the compiler
 * keeps the order of the program: a release store for the word, and behind it a fence against the compiler alone, for
 * the copies of step 3 may not begin before it. (One thread does all of this: no other processor takes part.)
 *
 * A table that is full is written anew, twice as large, beside the old one, and renamed over it.
 */
#include "config.h"

#include "muster-file-slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-error.h"
#include "muster-fault-private.h"
#include "muster-file-lock.h"

#define MAGIC         "MUSTERCP"
#define VERSION       1
#define PAGE          4096
#define N_SLOTS_FIRST 128
#define N_SLOTS_MAX   (1u << 24)
#define BOOT_ID_SIZE  40

typedef struct
{
  _Alignas(8) guint8 content[MUSTER_FILE_SLOT_SIZE]; /* of a type that the user alone knows: copied as bytes */
  guint64 limit;                                     /* not part of any commit */
} Slot;

typedef struct
{
  guint64 slot;
  _Alignas(8) guint8 content[MUSTER_FILE_SLOT_SIZE];
} Change;

typedef struct
{
  guint64 generation;
  guint64 n_changes;
  Change changes[];
} Record;

typedef struct
{
  char magic[8];
  guint32 version;
  guint32 n_slots;
  char boot_id[BOOT_ID_SIZE];
  guint64 reserved;
  _Atomic guint64 word; /* in a cache line of its own. Low half: generation; high half: of the checksum */
} Header;

G_STATIC_ASSERT (sizeof (Slot) == 64);
G_STATIC_ASSERT (sizeof (Change) == 64);
G_STATIC_ASSERT (sizeof (Record) == 16);
G_STATIC_ASSERT (offsetof (Header, word) == 64);

/* The parts of a file, or of the memory that stands for one. */
typedef struct
{
  guint8 *data; /* nullable */
  gsize size;
  guint32 n_slots;
} Image;

struct _MusterFileSlots
{
  char *path;      /* owned; NULL without a file */
  char *next_path; /* owned: where it is written anew */
  int lock_fd;     /* -1 without a file */
  Image image;     /* mapped; allocated without a file */
  gboolean has_history;
  guint64 generation; /* of the last commit */
  guint32 *staged;    /* owned; of each slot the number of its change in the record to come, + 1; 0 for none */
  GArray *unused;     /* owned; of guint32: free slots */
};

/* -- the parts ----------------------------------------------------------------------------------- */

static gsize
record_size (guint32 n_slots)
{
  return sizeof (Record) + n_slots * sizeof (Change) + 48; /* a multiple of 64 */
}

static gsize
image_size (guint32 n_slots)
{
  return PAGE + 2 * record_size (n_slots) + n_slots * sizeof (Slot);
}

static inline Header *
header_of (const Image *image)
{
  return (Header *) (void *) image->data;
}

static inline Record *
record_of (const Image *image, guint64 generation)
{
  return (Record *) (void *) (image->data + PAGE + (generation & 1) * record_size (image->n_slots));
}

static inline Slot *
slot_of (const Image *image, guint64 slot)
{
  return (Slot *) (void *) (image->data + PAGE + 2 * record_size (image->n_slots)) + slot;
}

static guint64
make_word (const Record *record)
{
  guint64 hash = XXH3_64bits (record, sizeof *record + record->n_changes * sizeof (Change));

  return (hash & ~(guint64) G_MAXUINT32) | (record->generation & G_MAXUINT32);
}

/* -- changes ------------------------------------------------------------------------------------- */

static inline Record *
next_record (const MusterFileSlots *slots)
{
  return record_of (&slots->image, slots->generation + 1);
}

gconstpointer
muster_file_slots_look (const MusterFileSlots *slots, guint32 slot)
{
  guint32 staged = slots->staged[slot];

  return staged > 0 ? next_record (slots)->changes[staged - 1].content : slot_of (&slots->image, slot)->content;
}

gpointer
muster_file_slots_change (MusterFileSlots *slots, guint32 slot)
{
  Record *record = next_record (slots);
  Change *new;

  if (slots->staged[slot] > 0)
    return record->changes[slots->staged[slot] - 1].content;
  new = &record->changes[record->n_changes++];
  slots->staged[slot] = (guint32) record->n_changes;
  new->slot = slot;
  memcpy (new->content, slot_of (&slots->image, slot)->content, MUSTER_FILE_SLOT_SIZE);
  return new->content;
}

guint32
muster_file_slots_add (MusterFileSlots *slots)
{
  guint32 slot = g_array_index (slots->unused, guint32, slots->unused->len - 1);

  g_array_set_size (slots->unused, slots->unused->len - 1);
  memset (muster_file_slots_change (slots, slot), 0, MUSTER_FILE_SLOT_SIZE);
  return slot;
}

void
muster_file_slots_remove (MusterFileSlots *slots, guint32 slot)
{
  memset (muster_file_slots_change (slots, slot), 0, MUSTER_FILE_SLOT_SIZE);
  g_array_append_val (slots->unused, slot);
}

void
muster_file_slots_discard (MusterFileSlots *slots, guint32 slot)
{
  memset (slot_of (&slots->image, slot)->content, 0, MUSTER_FILE_SLOT_SIZE);
  g_array_append_val (slots->unused, slot);
}

guint64
muster_file_slots_get_limit (const MusterFileSlots *slots, guint32 slot)
{
  return slot_of (&slots->image, slot)->limit;
}

void
muster_file_slots_set_limit (MusterFileSlots *slots, guint32 slot, guint64 limit)
{
  slot_of (&slots->image, slot)->limit = limit;
  atomic_signal_fence (memory_order_seq_cst); /* what the limit is for comes behind it */
}

guint32
muster_file_slots_get_count (const MusterFileSlots *slots)
{
  return slots->image.n_slots;
}

void
muster_file_slots_commit (MusterFileSlots *slots)
{
  Record *record = next_record (slots);
  Header *header = header_of (&slots->image);

  if (record->n_changes == 0)
    return;
  MUSTER_FAULT ("file.checkpoint.before");
  record->generation = ++slots->generation;
  {
    guint64 word = make_word (record);

    MUSTER_FAULT ("file.checkpoint.between");
    atomic_store_explicit (&header->word, word, memory_order_release);
    atomic_signal_fence (memory_order_seq_cst);
  }
  MUSTER_FAULT ("file.checkpoint.after");
  for (guint64 i = 0; i < record->n_changes; i++)
    {
      const Change *done = &record->changes[i];

      memcpy (slot_of (&slots->image, done->slot)->content, done->content, MUSTER_FILE_SLOT_SIZE);
      slots->staged[done->slot] = 0;
      MUSTER_FAULT ("file.checkpoint.applying");
    }
  atomic_signal_fence (memory_order_seq_cst);
  next_record (slots)->n_changes = 0;
  MUSTER_FAULT ("file.checkpoint.applied");
}

/* -- the file ------------------------------------------------------------------------------------ */

static gboolean
fail (const MusterFileSlots *slots, const char *what, int code, GError **error)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot %s the checkpoint '%s': %s%s", what, slots->path,
               g_strerror (code),
               code == ENOSPC || code == EDQUOT ? "; make room there: nothing is lost meanwhile" : "");
  return FALSE;
}

static void
read_boot_id (char boot_id[BOOT_ID_SIZE])
{
  g_autofree char *text = NULL;

  memset (boot_id, 0, BOOT_ID_SIZE);
  if (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
    g_strlcpy (boot_id, g_strchomp (text), BOOT_ID_SIZE);
}

/* All of it has its place on the disk, so that no store ever fails. Returns a descriptor or -1 with errno. */
static int
create_file (const char *path, gsize size)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  int code = fd >= 0 ? posix_fallocate (fd, 0, (off_t) size) : errno;

  if (code == 0)
    return fd;
  if (fd >= 0)
    {
      close (fd);
      unlink (path);
    }
  errno = code;
  return -1;
}

static gboolean
image_make (MusterFileSlots *slots, guint32 n_slots, Image *image, GError **error)
{
  Header *header;
  int fd;

  *image = (Image){ NULL, image_size (n_slots), n_slots };
  if (slots->path == NULL)
    image->data = g_malloc0 (image->size);
  else
    {
      fd = create_file (slots->next_path, image->size);
      if (fd < 0)
        return fail (slots, "make room for", errno, error);
      image->data = mmap (NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      close (fd);
      if (image->data == MAP_FAILED)
        return fail (slots, "map", errno, error);
    }
  header = header_of (image);
  memcpy (header->magic, MAGIC, sizeof header->magic);
  header->version = VERSION;
  header->n_slots = n_slots;
  read_boot_id (header->boot_id);
  return TRUE;
}

static void
image_clear (MusterFileSlots *slots, Image *image)
{
  if (image->data != NULL && slots->path != NULL)
    munmap (image->data, image->size);
  else
    g_free (image->data);
  image->data = NULL;
}

/* Puts @image in the place of the present one. Takes it over. */
static gboolean
image_use (MusterFileSlots *slots, Image *image, GError **error)
{
  guint32 old = slots->image.data != NULL ? slots->image.n_slots : 0;

  /* an empty record, so that the word names a valid one */
  record_of (image, slots->generation)->generation = slots->generation;
  record_of (image, slots->generation)->n_changes = 0;
  atomic_store_explicit (&header_of (image)->word, make_word (record_of (image, slots->generation)),
                         memory_order_release);
  MUSTER_FAULT ("file.checkpoint.replace");
  if (slots->path != NULL && rename (slots->next_path, slots->path) != 0)
    {
      int code = errno;

      image_clear (slots, image);
      return fail (slots, "replace", code, error);
    }
  image_clear (slots, &slots->image);
  slots->image = *image;
  slots->staged = g_renew (guint32, slots->staged, image->n_slots);
  memset (slots->staged + old, 0, (image->n_slots - old) * sizeof (guint32));
  return TRUE;
}

gboolean
muster_file_slots_reserve (MusterFileSlots *slots, guint n_slots, GError **error)
{
  const Image *old = &slots->image;
  guint32 more = MAX (old->n_slots, n_slots);
  const Record *changes = next_record (slots);
  Image image;

  if (G_LIKELY (slots->unused->len >= n_slots))
    return TRUE;
  if (old->n_slots + (guint64) more > N_SLOTS_MAX)
    return fail (slots, "enlarge", EFBIG, error);
  if (!image_make (slots, old->n_slots + more, &image, error))
    return FALSE;
  memcpy (slot_of (&image, 0), slot_of (old, 0), old->n_slots * sizeof (Slot));
  /* what is not committed yet stays so */
  memcpy (record_of (&image, slots->generation + 1), changes, sizeof *changes + changes->n_changes * sizeof (Change));
  if (!image_use (slots, &image, error))
    return FALSE;
  for (guint32 i = 0; i < more; i++)
    {
      guint32 slot = image.n_slots - 1 - i;

      g_array_append_val (slots->unused, slot);
    }
  return TRUE;
}

/* -- opening ------------------------------------------------------------------------------------- */

static gboolean
take_lock (MusterFileSlots *slots, const char *path, GError **error)
{
  int code;

  slots->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (slots->lock_fd < 0)
    return fail (slots, "lock", errno, error);
  code = muster_file_lock (slots->lock_fd);
  if (code == 0)
    return TRUE;
  if (code != EWOULDBLOCK)
    return fail (slots, "lock", code, error);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS,
               "the checkpoint '%s' is used by another primary, or by another transport of this name: give each "
               "primary a state-dir of its own, and each transport a name of its own",
               slots->path);
  return FALSE;
}

/* Makes the old image's slots true as of its last commit. Returns what is wrong with it, or NULL. */
static const char *
image_complete (Image *image, gsize size)
{
  const Header *header = header_of (image);
  const Record *record;
  guint64 word;

  if (size < PAGE || memcmp (header->magic, MAGIC, sizeof header->magic) != 0)
    return "it is no checkpoint";
  if (header->version != VERSION)
    return "it is of another version";
  image->n_slots = header->n_slots;
  if (header->n_slots == 0 || header->n_slots > N_SLOTS_MAX || size != image_size (header->n_slots))
    return "its size is wrong";
  word = atomic_load_explicit (&header->word, memory_order_relaxed);
  record = record_of (image, word);
  if (record->n_changes > header->n_slots || make_word (record) != word)
    return "its checksum is wrong";
  for (guint64 i = 0; i < record->n_changes; i++)
    if (record->changes[i].slot < header->n_slots)
      memcpy (slot_of (image, record->changes[i].slot)->content, record->changes[i].content, MUSTER_FILE_SLOT_SIZE);
  return NULL;
}

/* The slots of an earlier life into @image. */
static gboolean
load (MusterFileSlots *slots, Image *image, char **note, GError **error)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) problem = NULL;
  char boot_id[BOOT_ID_SIZE];
  const char *wrong;
  Image old;
  gsize size;

  if (!g_file_get_contents (slots->path, &data, &size, &problem))
    {
      if (g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return image_make (slots, N_SLOTS_FIRST, image, error);
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot read the checkpoint: %s", problem->message);
      return FALSE;
    }
  old = (Image){ (guint8 *) data, size, 0 };
  wrong = image_complete (&old, size);
  if (wrong != NULL)
    *note =
        g_strdup_printf ("the checkpoint '%s' cannot be used: %s; what is not acknowledged yet may be written twice",
                         slots->path, wrong);
  read_boot_id (boot_id);
  slots->has_history =
      wrong == NULL && boot_id[0] != '\0' && memcmp (boot_id, header_of (&old)->boot_id, BOOT_ID_SIZE) == 0;
  if (!image_make (slots, slots->has_history ? old.n_slots : N_SLOTS_FIRST, image, error))
    return FALSE;
  if (slots->has_history)
    memcpy (slot_of (image, 0), slot_of (&old, 0), old.n_slots * sizeof (Slot));
  return TRUE;
}

/* A file's name may not hold what a transport's may. */
static char *
file_name (const char *name, const char *suffix)
{
  g_autofree char *escaped = g_uri_escape_string (name, NULL, TRUE);

  return g_strconcat (escaped[0] == '.' ? "%2E" : "", escaped + (escaped[0] == '.'), suffix, NULL);
}

static void
make_paths (MusterFileSlots *slots, const char *directory, const char *name, char **lock_path)
{
  g_autofree char *leaf = file_name (name, ".checkpoint");
  g_autofree char *next = file_name (name, ".checkpoint.new");
  g_autofree char *lock = file_name (name, ".lock");

  slots->path = g_build_filename (directory, leaf, NULL);
  slots->next_path = g_build_filename (directory, next, NULL);
  *lock_path = g_build_filename (directory, lock, NULL);
}

MusterFileSlots *
muster_file_slots_open (const char *directory, const char *name, char **note, GError **error)
{
  g_autoptr (MusterFileSlots) slots = g_new0 (MusterFileSlots, 1);
  g_autofree char *lock_path = NULL;
  Image image;
  gboolean made;

  slots->lock_fd = -1;
  slots->unused = g_array_new (FALSE, FALSE, sizeof (guint32));
  *note = NULL;
  if (directory != NULL)
    {
      make_paths (slots, directory, name, &lock_path);
      if (!take_lock (slots, lock_path, error))
        return NULL;
    }
  made = directory == NULL ? image_make (slots, N_SLOTS_FIRST, &image, error) : load (slots, &image, note, error);
  if (!made || !image_use (slots, &image, error))
    return NULL;
  return g_steal_pointer (&slots);
}

void
muster_file_slots_free (MusterFileSlots *slots)
{
  image_clear (slots, &slots->image);
  if (slots->lock_fd >= 0)
    close (slots->lock_fd);
  g_clear_pointer (&slots->unused, g_array_unref);
  g_free (slots->staged);
  g_free (slots->path);
  g_free (slots->next_path);
  g_free (slots);
}

gboolean
muster_file_slots_has_history (const MusterFileSlots *slots)
{
  return slots->has_history;
}
