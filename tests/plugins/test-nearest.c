/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "muster-nearest-private.h"

static void
test_nearest (void)
{
  static const char *const names[] = { "file", "console", "network", "level", "journal-size", NULL };
  static const struct
  {
    const char *word;
    const char *nearest;
  } cases[] = {
    { "fiel", "file" },                 /* a swap */
    { "fil", "file" },                  /* one missing */
    { "files", "file" },                /* one too many */
    { "FILE", "file" },                 /* case */
    { "lvl", "level" },                 /* two missing */
    { "journal_size", "journal-size" }, /* another one */
    { "netwrok", "network" },           /* a swap */
    { "konsole", "console" },           /* two others */
    { "x", NULL },
    { "", NULL },
    { "syslog", NULL },
    { "directory", NULL },
  };
  g_autofree char *endless = g_strnfill (100000, 'x');

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (muster_nearest (cases[i].word, names), ==, cases[i].nearest);
  g_assert_null (muster_nearest (endless, names));
}

static void
test_none (void)
{
  static const char *const names[] = { NULL };

  g_assert_null (muster_nearest ("file", names));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nearest/nearest", test_nearest);
  g_test_add_func ("/nearest/none", test_none);
  return g_test_run ();
}
