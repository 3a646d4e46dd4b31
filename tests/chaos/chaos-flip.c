/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Damages the journal of a dead worker: flips bytes of its ring, as the seed says, or of its header (--header). Prints
 * the records that lay where a byte of the ring was flipped, one for each line: LIFE LANE NUMBER.
 *
 *   chaos-flip JOURNAL --seed=S --flips=N [--header]
 */
#include "config.h"

#include "muster-journal-layout-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  gsize start, end; /* in the ring; end may be beyond it */
  char name[64];    /* what its record is called; empty where it is none of ours */
} Item;

static int option_seed, option_flips = 1;
static gboolean option_header, option_area;

static const GOptionEntry options[] = {
  { "seed", 0, 0, G_OPTION_ARG_INT, &option_seed, "what to flip", "S" },
  { "flips", 0, 0, G_OPTION_ARG_INT, &option_flips, "how many bytes", "N" },
  { "header", 0, 0, G_OPTION_ARG_NONE, &option_header, "flip the header's bytes", NULL },
  { "area", 0, 0, G_OPTION_ARG_NONE, &option_area, "flip bytes of the metrics area", NULL },
  { NULL },
};

static guint8 *
map_file (const char *path, gsize *size)
{
  struct stat status;
  int fd = open (path, O_RDWR | O_CLOEXEC);
  guint8 *base;

  if (fd < 0 || fstat (fd, &status) != 0 || status.st_size <= MUSTER_JOURNAL_HEADER_SIZE)
    g_error ("%s: %s", path, g_strerror (errno));
  *size = (gsize) status.st_size;
  base = mmap (NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED)
    g_error ("%s: %s", path, g_strerror (errno));
  close (fd);
  return base;
}

static void
name_item (Item *item, const MusterJournalSlot *slot)
{
  const char *text = (const char *) (slot + 1);
  const char *end = text + MIN ((gsize) slot->length, 256);
  const char *found = memmem (text, (gsize) (end - text), "chaos ", 6);

  if (found == NULL)
    return;
  found += 6;
  for (gsize i = 0, spaces = 0; i + 1 < sizeof item->name && found + i < end; i++)
    {
      spaces += found[i] == ' ';
      if (spaces == 3)
        break;
      item->name[i] = found[i];
    }
}

static gboolean
is_whole (const MusterJournalSlot *slot, guint64 seed)
{
  return slot->length > 0 && slot->length <= MUSTER_JOURNAL_ITEM_MAX
         && slot->checksum == muster_journal_checksum (slot, (gsize) slot->length, seed);
}

/* What was reserved and not acknowledged, as the header says: the worker is dead, and nothing is damaged yet. Calls that
 * had not returned leave holes. */
static GArray *
list_items (const MusterJournalHeader *header, const guint8 *ring)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (Item));
  gsize ring_size = (gsize) header->ring_size;
  g_autofree guint8 *twice = g_malloc (2 * ring_size);
  guint64 seed = muster_journal_seed (header->stream);
  gsize start = header->acknowledged & (ring_size - 1);
  guint32 left = (guint32) atomic_load (&header->reserved) - (guint32) (header->acknowledged >> 3);
  guint32 units;

  memcpy (twice, ring, ring_size);
  memcpy (twice + ring_size, ring, ring_size);
  for (left = MIN (left, (guint32) (ring_size / 8)); left > 0; left -= MIN (units, left))
    {
      Item item = { .start = start };
      const MusterJournalSlot *slot = (const MusterJournalSlot *) (twice + start);

      units = 1;
      if (is_whole (slot, seed))
        {
          units = muster_journal_units ((gsize) slot->length);
          item.end = item.start + sizeof (MusterJournalSlot) + (gsize) slot->length;
          name_item (&item, slot);
          g_array_append_val (items, item);
        }
      start = (start + (gsize) units * 8) & (ring_size - 1);
    }
  return items;
}

/* Where bytes may be flipped. */
static void
choose_range (const MusterJournalHeader *header, gsize size, gsize *start, gsize *length)
{
  *start = option_header ? 0 : MUSTER_JOURNAL_HEADER_SIZE;
  *length = option_header ? MUSTER_JOURNAL_HEADER_SIZE : (gsize) header->ring_size;
  if (option_area)
    {
      *start += (gsize) header->ring_size;
      *length = (gsize) header->area_size;
    }
  if (*length == 0 || *start + *length > size)
    g_error ("the journal has no such bytes");
}

/* Of the header every other flip hits one of its words, for they are few among its bytes. */
static gsize
choose_offset (GRand *rand, gsize length)
{
  static const struct
  {
    gsize start, length;
  } words[] = { { 0, 288 }, { 512, 16 }, { 1024, 8 }, { 1152, 16 }, { 1280, 16 }, { 1408, 4 }, { 1536, 12 } };
  gsize word = (gsize) g_rand_int_range (rand, 0, G_N_ELEMENTS (words));

  if (option_header && g_rand_boolean (rand))
    return words[word].start + (gsize) g_rand_int_range (rand, 0, (gint32) words[word].length);
  return (gsize) g_rand_int_range (rand, 0, (gint32) length);
}

/* Tells whose record the byte at @offset of the ring belongs to. */
static void
name_hits (GArray *items, gsize offset, gsize ring_size)
{
  for (guint k = 0; k < items->len; k++)
    {
      const Item *item = &g_array_index (items, Item, k);

      if (((offset >= item->start && offset < item->end)
           || (offset + ring_size >= item->start && offset + ring_size < item->end))
          && item->name[0] != '\0')
        g_print ("%s\n", item->name);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("JOURNAL");
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) items = NULL;
  g_autoptr (GRand) rand = NULL;
  guint8 *base;
  gsize size, ring_size, start, length;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 2)
    g_error ("usage: chaos-flip JOURNAL --seed=S --flips=N [--header | --area]");
  base = map_file (argv[1], &size);
  ring_size = (gsize) ((const MusterJournalHeader *) base)->ring_size;
  choose_range ((const MusterJournalHeader *) base, size, &start, &length);
  items = list_items ((const MusterJournalHeader *) base, base + MUSTER_JOURNAL_HEADER_SIZE);
  rand = g_rand_new_with_seed ((guint32) option_seed);
  for (int i = 0; i < option_flips; i++)
    {
      gsize offset = choose_offset (rand, length);

      base[start + offset] ^= (guint8) g_rand_int_range (rand, 1, 256);
      if (!option_header && !option_area)
        name_hits (items, offset, ring_size);
    }
  return 0;
}
