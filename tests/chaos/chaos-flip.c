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
name_item (Item *item, const guint8 *ring, gsize ring_size, gsize length)
{
  char text[256];
  gsize n = MIN (length, sizeof text - 1);
  const char *found;

  for (gsize i = 0; i < n; i++)
    text[i] = (char) ring[(item->start + sizeof (MusterJournalSlot) + i) & (ring_size - 1)];
  found = memmem (text, n, "chaos ", 6);
  text[n] = '\0';
  if (found == NULL)
    return;
  found += 6;
  for (gsize i = 0, spaces = 0; i + 1 < sizeof item->name && found[i] != '\0'; i++)
    {
      spaces += found[i] == ' ';
      if (spaces == 3)
        break;
      item->name[i] = found[i];
    }
}

/* What was reserved and not acknowledged, as the header says: the worker is dead, and nothing is damaged yet. */
static GArray *
list_items (const MusterJournalHeader *header, const guint8 *ring)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (Item));
  guint64 position = header->acknowledged;
  guint32 left = (guint32) header->reserved - (guint32) (position >> 3);

  while (left > 0 && left <= header->ring_size / 8)
    {
      Item item = { .start = position & (header->ring_size - 1) };
      const MusterJournalSlot *slot = (const MusterJournalSlot *) (ring + item.start);
      gint32 length = ABS (slot->length);
      guint32 units = muster_journal_units ((gsize) length);

      if (length == 0 || units > left)
        break;
      item.end = item.start + sizeof (MusterJournalSlot) + (gsize) length;
      name_item (&item, ring, header->ring_size, (gsize) length);
      g_array_append_val (items, item);
      position += (guint64) units * 8;
      left -= units;
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
      gsize offset = (gsize) g_rand_int_range (rand, 0, (gint32) length);

      base[start + offset] ^= (guint8) g_rand_int_range (rand, 1, 256);
      if (!option_header && !option_area)
        name_hits (items, offset, ring_size);
    }
  return 0;
}
