/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as what a crash handler left in a journal, with the checksum that belongs to them. The seeds are made by
 * make-crash-report-seeds.py.
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "muster-crash-report-private.h"
#include "muster-encoder-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Names are not looked up: the paths could be any. */
static void
print (MusterJournalCrash *crash)
{
  char text[1024];
  gsize length = muster_crash_report_print_raw (crash, text, sizeof text);

  g_assert (length == strlen (text) && muster_utf8_is_valid (text, length));
  length = muster_crash_report_print_message (crash, text, sizeof text);
  g_assert (length == strlen (text) && muster_utf8_is_valid (text, length));
  muster_crash_report_add_module (crash, "/one/more", 9, (const guint8 *) "id", 2);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const guint8 stream[MUSTER_STREAM_ID_SIZE] = "fuzz";
  static int fd = -1;
  MusterJournalCrash crash = { 0 };
  GError *error = NULL;

  if (fd < 0)
    fd = memfd_create ("crash", MFD_CLOEXEC);
  if (size > 0)
    memcpy (&crash, data, MIN (size, sizeof crash));
  crash.checksum = muster_journal_crash_checksum (&crash, muster_journal_seed (stream));
  g_assert (pwrite (fd, &crash, sizeof crash, MUSTER_JOURNAL_CRASH_OFFSET) == (gssize) sizeof crash);
  print (&crash); /* in the handler nobody has checked it */
  if (muster_crash_report_read (fd, stream, &crash, &error))
    print (&crash);
  g_clear_error (&error);
  return 0;
}
