/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a transport's files and streams stand, in a mapped file. Owned by the transport's thread.
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

#include "muster-file-checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "muster-fault-private.h"

#define MAGIC         "MUSTERCP"
#define VERSION       1
#define PAGE          4096
#define N_SLOTS_FIRST 128
#define N_SLOTS_MAX   (1u << 24)
#define BOOT_ID_SIZE  40
#define LOCK_ATTEMPTS 50
#define LOCK_DELAY_US 2000

typedef enum
{
  KIND_FREE,
  KIND_META, /* slot 0 */
  KIND_FILE,
  KIND_PATH, /* a piece of a file's path */
  KIND_STREAM,
  KIND_PAIR,
} Kind;

#define PATH_PIECE 48

typedef struct
{
  guint32 kind;
  guint32 link; /* of a file its first piece of path, of a piece the next one or 0, of a pair its file */
  union
  {
    guint64 stamp; /* of META */
    struct
    {
      guint64 device;
      guint64 inode;
      guint64 offset;
    } file;
    char path[PATH_PIECE]; /* filled up with NUL */
    struct
    {
      guint8 id[MUSTER_STREAM_ID_SIZE];
      guint64 next;
      guint64 first_seq;
      guint64 runs[MUSTER_PENDING_RUNS_MAX]; /* count << 8 | reason; 0 for none */
    } stream;
    struct
    {
      guint64 stream;
      guint64 first_seq;
      guint64 runs[MUSTER_PENDING_RUNS_MAX];
    } pair;
  } is;
} Content;

typedef struct
{
  Content content;
  guint64 limit; /* of a file; not part of any commit */
} Slot;

typedef struct
{
  guint64 slot;
  Content content;
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

G_STATIC_ASSERT (sizeof (Content) == 56);
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

struct _MusterFileCheckpoint
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
next_record (const MusterFileCheckpoint *checkpoint)
{
  return record_of (&checkpoint->image, checkpoint->generation + 1);
}

static const Content *
look (const MusterFileCheckpoint *checkpoint, guint32 slot)
{
  guint32 staged = checkpoint->staged[slot];

  return staged > 0 ? &next_record (checkpoint)->changes[staged - 1].content
                    : &slot_of (&checkpoint->image, slot)->content;
}

static Content *
change (MusterFileCheckpoint *checkpoint, guint32 slot)
{
  Record *record = next_record (checkpoint);
  Change *new;

  if (checkpoint->staged[slot] > 0)
    return &record->changes[checkpoint->staged[slot] - 1].content;
  new = &record->changes[record->n_changes++];
  checkpoint->staged[slot] = (guint32) record->n_changes;
  new->slot = slot;
  new->content = slot_of (&checkpoint->image, slot)->content;
  return &new->content;
}

static guint32
add (MusterFileCheckpoint *checkpoint, Kind kind)
{
  guint32 slot = g_array_index (checkpoint->unused, guint32, checkpoint->unused->len - 1);
  Content *content = change (checkpoint, slot);

  g_array_set_size (checkpoint->unused, checkpoint->unused->len - 1);
  *content = (Content){ .kind = kind };
  return slot;
}

void
muster_file_checkpoint_remove (MusterFileCheckpoint *checkpoint, guint32 slot)
{
  *change (checkpoint, slot) = (Content){ .kind = KIND_FREE };
  g_array_append_val (checkpoint->unused, slot);
}

void
muster_file_checkpoint_commit (MusterFileCheckpoint *checkpoint)
{
  Record *record = next_record (checkpoint);
  Header *header = header_of (&checkpoint->image);

  if (record->n_changes == 0)
    return;
  MUSTER_FAULT ("file.checkpoint.before");
  record->generation = ++checkpoint->generation;
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

      slot_of (&checkpoint->image, done->slot)->content = done->content;
      checkpoint->staged[done->slot] = 0;
      MUSTER_FAULT ("file.checkpoint.applying");
    }
  atomic_signal_fence (memory_order_seq_cst);
  next_record (checkpoint)->n_changes = 0;
  MUSTER_FAULT ("file.checkpoint.applied");
}

/* -- the file ------------------------------------------------------------------------------------ */

static gboolean
fail (const MusterFileCheckpoint *checkpoint, const char *what, int code, GError **error)
{
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot %s the checkpoint '%s': %s%s", what,
               checkpoint->path, g_strerror (code),
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
image_make (MusterFileCheckpoint *checkpoint, guint32 n_slots, Image *image, GError **error)
{
  Header *header;
  int fd;

  *image = (Image){ NULL, image_size (n_slots), n_slots };
  if (checkpoint->path == NULL)
    image->data = g_malloc0 (image->size);
  else
    {
      fd = create_file (checkpoint->next_path, image->size);
      if (fd < 0)
        return fail (checkpoint, "make room for", errno, error);
      image->data = mmap (NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      close (fd);
      if (image->data == MAP_FAILED)
        return fail (checkpoint, "map", errno, error);
    }
  header = header_of (image);
  memcpy (header->magic, MAGIC, sizeof header->magic);
  header->version = VERSION;
  header->n_slots = n_slots;
  read_boot_id (header->boot_id);
  slot_of (image, 0)->content.kind = KIND_META;
  return TRUE;
}

static void
image_clear (MusterFileCheckpoint *checkpoint, Image *image)
{
  if (image->data != NULL && checkpoint->path != NULL)
    munmap (image->data, image->size);
  else
    g_free (image->data);
  image->data = NULL;
}

/* Puts @image in the place of the present one. Takes it over. */
static gboolean
image_use (MusterFileCheckpoint *checkpoint, Image *image, GError **error)
{
  guint32 old = checkpoint->image.data != NULL ? checkpoint->image.n_slots : 0;

  /* an empty record, so that the word names a valid one */
  record_of (image, checkpoint->generation)->generation = checkpoint->generation;
  record_of (image, checkpoint->generation)->n_changes = 0;
  atomic_store_explicit (&header_of (image)->word, make_word (record_of (image, checkpoint->generation)),
                         memory_order_release);
  MUSTER_FAULT ("file.checkpoint.replace");
  if (checkpoint->path != NULL && rename (checkpoint->next_path, checkpoint->path) != 0)
    {
      int code = errno;

      image_clear (checkpoint, image);
      return fail (checkpoint, "replace", code, error);
    }
  image_clear (checkpoint, &checkpoint->image);
  checkpoint->image = *image;
  checkpoint->staged = g_renew (guint32, checkpoint->staged, image->n_slots);
  memset (checkpoint->staged + old, 0, (image->n_slots - old) * sizeof (guint32));
  return TRUE;
}

gboolean
muster_file_checkpoint_reserve (MusterFileCheckpoint *checkpoint, guint n_slots, GError **error)
{
  const Image *old = &checkpoint->image;
  guint32 more = MAX (old->n_slots, n_slots);
  const Record *changes = next_record (checkpoint);
  Image image;

  if (G_LIKELY (checkpoint->unused->len >= n_slots))
    return TRUE;
  if (old->n_slots + (guint64) more > N_SLOTS_MAX)
    return fail (checkpoint, "enlarge", EFBIG, error);
  if (!image_make (checkpoint, old->n_slots + more, &image, error))
    return FALSE;
  memcpy (slot_of (&image, 0), slot_of (old, 0), old->n_slots * sizeof (Slot));
  /* what is not committed yet stays so */
  memcpy (record_of (&image, checkpoint->generation + 1), changes,
          sizeof *changes + changes->n_changes * sizeof (Change));
  if (!image_use (checkpoint, &image, error))
    return FALSE;
  for (guint32 i = 0; i < more; i++)
    {
      guint32 slot = image.n_slots - 1 - i;

      g_array_append_val (checkpoint->unused, slot);
    }
  return TRUE;
}

/* -- opening ------------------------------------------------------------------------------------- */

int
muster_file_lock (int fd)
{
  for (guint i = 0;; i++)
    {
      if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
      if (errno != EINTR && (errno != EWOULDBLOCK || i >= LOCK_ATTEMPTS))
        return errno;
      if (errno == EWOULDBLOCK)
        g_usleep (LOCK_DELAY_US);
    }
}

static gboolean
take_lock (MusterFileCheckpoint *checkpoint, const char *path, GError **error)
{
  int code;

  checkpoint->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (checkpoint->lock_fd < 0)
    return fail (checkpoint, "lock", errno, error);
  code = muster_file_lock (checkpoint->lock_fd);
  if (code == 0)
    return TRUE;
  if (code != EWOULDBLOCK)
    return fail (checkpoint, "lock", code, error);
  g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_EXISTS,
               "the checkpoint '%s' is used by another primary, or by another transport of this name: give each "
               "primary a state-dir of its own, and each transport a name of its own",
               checkpoint->path);
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
      slot_of (image, record->changes[i].slot)->content = record->changes[i].content;
  return NULL;
}

/* NULL for a path that is not whole. */
static char *
read_path (const MusterFileCheckpoint *checkpoint, guint32 piece)
{
  GString *path = g_string_new (NULL);

  for (guint i = 0; i < PATH_MAX / PATH_PIECE + 1 && piece > 0 && piece < checkpoint->image.n_slots; i++)
    {
      const Content *content = look (checkpoint, piece);

      if (content->kind != KIND_PATH)
        break;
      g_string_append_len (path, content->is.path, (gssize) strnlen (content->is.path, PATH_PIECE));
      piece = content->link;
    }
  return g_string_free (path, path->len == 0 || piece != 0);
}

static gboolean
is_of_kind (const MusterFileCheckpoint *checkpoint, guint64 slot, Kind kind)
{
  return slot > 0 && slot < checkpoint->image.n_slots && look (checkpoint, (guint32) slot)->kind == kind;
}

/* A checkpoint is believed as a whole; still nothing in it may lead astray. */
static gboolean
is_sound (const MusterFileCheckpoint *checkpoint, guint32 slot)
{
  const Content *content = look (checkpoint, slot);
  g_autofree char *path = NULL;

  switch ((Kind) content->kind)
    {
    case KIND_META:
      return slot == 0;
    case KIND_FILE:
      path = read_path (checkpoint, content->link);
      return path != NULL;
    case KIND_PATH:
      return content->link < checkpoint->image.n_slots;
    case KIND_STREAM:
      return TRUE;
    case KIND_PAIR:
      return is_of_kind (checkpoint, content->link, KIND_FILE)
             && is_of_kind (checkpoint, content->is.pair.stream, KIND_STREAM);
    case KIND_FREE:
    default:
      return FALSE;
    }
}

/* Pairs come last: they hang on what may turn out to be unsound. */
static void
find_unused (MusterFileCheckpoint *checkpoint)
{
  for (guint pass = 0; pass < 2; pass++)
    for (guint32 slot = checkpoint->image.n_slots - 1; slot > 0; slot--)
      if ((look (checkpoint, slot)->kind == KIND_PAIR) == (pass == 1) && !is_sound (checkpoint, slot))
        {
          slot_of (&checkpoint->image, slot)->content = (Content){ .kind = KIND_FREE };
          g_array_append_val (checkpoint->unused, slot);
        }
}

/* The slots of an earlier life into @image. */
static gboolean
load (MusterFileCheckpoint *checkpoint, Image *image, char **note, GError **error)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) problem = NULL;
  char boot_id[BOOT_ID_SIZE];
  const char *wrong;
  Image old;
  gsize size;

  if (!g_file_get_contents (checkpoint->path, &data, &size, &problem))
    {
      if (g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return image_make (checkpoint, N_SLOTS_FIRST, image, error);
      g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_UNAVAILABLE, "cannot read the checkpoint: %s", problem->message);
      return FALSE;
    }
  old = (Image){ (guint8 *) data, size, 0 };
  wrong = image_complete (&old, size);
  if (wrong != NULL)
    *note =
        g_strdup_printf ("the checkpoint '%s' cannot be used: %s; what is not acknowledged yet may be written twice",
                         checkpoint->path, wrong);
  read_boot_id (boot_id);
  checkpoint->has_history =
      wrong == NULL && boot_id[0] != '\0' && memcmp (boot_id, header_of (&old)->boot_id, BOOT_ID_SIZE) == 0;
  if (!image_make (checkpoint, checkpoint->has_history ? old.n_slots : N_SLOTS_FIRST, image, error))
    return FALSE;
  if (checkpoint->has_history)
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
make_paths (MusterFileCheckpoint *checkpoint, const char *directory, const char *name, char **lock_path)
{
  g_autofree char *leaf = file_name (name, ".checkpoint");
  g_autofree char *next = file_name (name, ".checkpoint.new");
  g_autofree char *lock = file_name (name, ".lock");

  checkpoint->path = g_build_filename (directory, leaf, NULL);
  checkpoint->next_path = g_build_filename (directory, next, NULL);
  *lock_path = g_build_filename (directory, lock, NULL);
}

MusterFileCheckpoint *
muster_file_checkpoint_open (const char *directory, const char *name, char **note, GError **error)
{
  g_autoptr (MusterFileCheckpoint) checkpoint = g_new0 (MusterFileCheckpoint, 1);
  g_autofree char *lock_path = NULL;
  Image image;
  gboolean made;

  checkpoint->lock_fd = -1;
  checkpoint->unused = g_array_new (FALSE, FALSE, sizeof (guint32));
  *note = NULL;
  if (directory != NULL)
    {
      make_paths (checkpoint, directory, name, &lock_path);
      if (!take_lock (checkpoint, lock_path, error))
        return NULL;
    }
  made = directory == NULL ? image_make (checkpoint, N_SLOTS_FIRST, &image, error)
                           : load (checkpoint, &image, note, error);
  if (!made || !image_use (checkpoint, &image, error))
    return NULL;
  find_unused (checkpoint);
  return g_steal_pointer (&checkpoint);
}

void
muster_file_checkpoint_free (MusterFileCheckpoint *checkpoint)
{
  image_clear (checkpoint, &checkpoint->image);
  if (checkpoint->lock_fd >= 0)
    close (checkpoint->lock_fd);
  g_clear_pointer (&checkpoint->unused, g_array_unref);
  g_free (checkpoint->staged);
  g_free (checkpoint->path);
  g_free (checkpoint->next_path);
  g_free (checkpoint);
}

gboolean
muster_file_checkpoint_has_history (const MusterFileCheckpoint *checkpoint)
{
  return checkpoint->has_history;
}

/* -- what is there ------------------------------------------------------------------------------- */

static void
put_pending (guint64 *first_seq, guint64 runs[MUSTER_PENDING_RUNS_MAX], const MusterPendingRuns *pending)
{
  *first_seq = pending->first_seq;
  for (guint i = 0; i < MUSTER_PENDING_RUNS_MAX; i++)
    runs[i] = i < pending->n_runs ? pending->runs[i].count << 8 | pending->runs[i].reason : 0;
}

static void
get_pending (guint64 first_seq, const guint64 runs[MUSTER_PENDING_RUNS_MAX], MusterPendingRuns *pending)
{
  *pending = (MusterPendingRuns){ .first_seq = first_seq };
  for (guint i = 0; i < MUSTER_PENDING_RUNS_MAX && runs[i] != 0; i++)
    pending->runs[pending->n_runs++] = (MusterGapRun){ runs[i] >> 8, (MusterGapReason) (runs[i] & 0xff) };
}

static void
place_clear (gpointer data)
{
  g_free (((MusterFilePlace *) data)->path);
}

GArray *
muster_file_checkpoint_list_files (MusterFileCheckpoint *checkpoint)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (MusterFilePlace));

  g_array_set_clear_func (files, place_clear);
  for (guint32 slot = 1; slot < checkpoint->image.n_slots; slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFilePlace place = { .slot = slot };

      if (content->kind != KIND_FILE)
        continue;
      place.path = read_path (checkpoint, content->link);
      place.device = (dev_t) content->is.file.device;
      place.inode = (ino_t) content->is.file.inode;
      place.offset = (goffset) content->is.file.offset;
      place.limit = (goffset) slot_of (&checkpoint->image, slot)->limit;
      g_array_append_val (files, place);
    }
  return files;
}

GArray *
muster_file_checkpoint_list_streams (MusterFileCheckpoint *checkpoint)
{
  GArray *streams = g_array_new (FALSE, FALSE, sizeof (MusterFileStream));

  for (guint32 slot = 1; slot < checkpoint->image.n_slots; slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFileStream stream = { .slot = slot };

      if (content->kind != KIND_STREAM)
        continue;
      memcpy (stream.id, content->is.stream.id, sizeof stream.id);
      stream.next = content->is.stream.next;
      get_pending (content->is.stream.first_seq, content->is.stream.runs, &stream.pending);
      g_array_append_val (streams, stream);
    }
  return streams;
}

GArray *
muster_file_checkpoint_list_pairs (MusterFileCheckpoint *checkpoint)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (MusterFilePair));

  for (guint32 slot = 1; slot < checkpoint->image.n_slots; slot++)
    {
      const Content *content = look (checkpoint, slot);
      MusterFilePair pair = { .slot = slot };

      if (content->kind != KIND_PAIR)
        continue;
      pair.file = content->link;
      pair.stream = (guint32) content->is.pair.stream;
      muster_file_checkpoint_get_pair (checkpoint, slot, &pair.pending);
      g_array_append_val (pairs, pair);
    }
  return pairs;
}

guint64
muster_file_checkpoint_get_stamp (MusterFileCheckpoint *checkpoint)
{
  return look (checkpoint, 0)->is.stamp;
}

void
muster_file_checkpoint_set_stamp (MusterFileCheckpoint *checkpoint, guint64 stamp)
{
  if (look (checkpoint, 0)->is.stamp != stamp)
    change (checkpoint, 0)->is.stamp = stamp;
}

/* -- files --------------------------------------------------------------------------------------- */

guint
muster_file_checkpoint_get_path_slots (const char *path)
{
  return 1 + (guint) (strlen (path) + PATH_PIECE - 1) / PATH_PIECE;
}

guint32
muster_file_checkpoint_add_file (MusterFileCheckpoint *checkpoint, const char *path)
{
  guint32 file = add (checkpoint, KIND_FILE);
  guint32 last = file;

  slot_of (&checkpoint->image, file)->limit = 0;
  for (gsize left = strlen (path); left > 0;)
    {
      gsize length = MIN (left, PATH_PIECE);
      guint32 piece = add (checkpoint, KIND_PATH);

      memcpy (change (checkpoint, piece)->is.path, path, length);
      change (checkpoint, last)->link = piece;
      last = piece;
      path += length;
      left -= length;
    }
  return file;
}

void
muster_file_checkpoint_remove_file (MusterFileCheckpoint *checkpoint, guint32 file)
{
  guint32 piece = look (checkpoint, file)->link;

  muster_file_checkpoint_remove (checkpoint, file);
  while (piece != 0 && look (checkpoint, piece)->kind == KIND_PATH)
    {
      guint32 next = look (checkpoint, piece)->link;

      muster_file_checkpoint_remove (checkpoint, piece);
      piece = next;
    }
}

void
muster_file_checkpoint_set_file (MusterFileCheckpoint *checkpoint, guint32 file, dev_t device, ino_t inode,
                                 goffset offset)
{
  const Content *old = look (checkpoint, file);
  Content *content;

  if (old->is.file.offset == (guint64) offset && old->is.file.inode == inode && old->is.file.device == device)
    return;
  content = change (checkpoint, file);
  content->is.file.device = device;
  content->is.file.inode = inode;
  content->is.file.offset = (guint64) offset;
}

void
muster_file_checkpoint_set_limit (MusterFileCheckpoint *checkpoint, guint32 file, goffset limit)
{
  slot_of (&checkpoint->image, file)->limit = (guint64) limit;
  atomic_signal_fence (memory_order_seq_cst); /* the write comes behind it */
}

/* -- streams and pairs --------------------------------------------------------------------------- */

guint32
muster_file_checkpoint_add_stream (MusterFileCheckpoint *checkpoint, const guint8 id[MUSTER_STREAM_ID_SIZE])
{
  guint32 stream = add (checkpoint, KIND_STREAM);

  memcpy (change (checkpoint, stream)->is.stream.id, id, MUSTER_STREAM_ID_SIZE);
  return stream;
}

void
muster_file_checkpoint_set_stream (MusterFileCheckpoint *checkpoint, guint32 stream, guint64 next,
                                   const MusterPendingRuns *pending)
{
  Content *content = change (checkpoint, stream);

  content->is.stream.next = next;
  put_pending (&content->is.stream.first_seq, content->is.stream.runs, pending);
}

guint32
muster_file_checkpoint_add_pair (MusterFileCheckpoint *checkpoint, guint32 file, guint32 stream)
{
  guint32 pair = add (checkpoint, KIND_PAIR);
  Content *content = change (checkpoint, pair);

  content->link = file;
  content->is.pair.stream = stream;
  return pair;
}

void
muster_file_checkpoint_set_pair (MusterFileCheckpoint *checkpoint, guint32 pair, const MusterPendingRuns *pending)
{
  const Content *old = look (checkpoint, pair);
  Content *content;
  guint64 first_seq;
  guint64 runs[MUSTER_PENDING_RUNS_MAX];

  put_pending (&first_seq, runs, pending);
  if (old->is.pair.first_seq == first_seq && memcmp (old->is.pair.runs, runs, sizeof runs) == 0)
    return;
  content = change (checkpoint, pair);
  content->is.pair.first_seq = first_seq;
  memcpy (content->is.pair.runs, runs, sizeof runs);
}

void
muster_file_checkpoint_get_pair (MusterFileCheckpoint *checkpoint, guint32 pair, MusterPendingRuns *pending)
{
  const Content *content = look (checkpoint, pair);

  get_pending (content->is.pair.first_seq, content->is.pair.runs, pending);
}
