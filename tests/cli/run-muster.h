/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The real command, in a process of its own, with a directory for its files.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  char *directory; /* owned */
  int status;
  char *out; /* owned, nullable: what the last run printed */
  gsize out_length;
  char *err; /* owned, nullable */
} Muster;

void muster_set_up (Muster *fixture, gconstpointer data);
void muster_tear_down (Muster *fixture, gconstpointer data);

#define muster_test(path, function) g_test_add (path, Muster, NULL, muster_set_up, function, muster_tear_down)

/* A path in the directory; owned by the fixture's life, interned. */
const char *muster_path (Muster *fixture, const char *name);
const char *muster_write (Muster *fixture, const char *name, gconstpointer data, gssize length);
const char *muster_write_log (Muster *fixture, const char *name, const GByteArray *log);

/* Runs `muster ARGUMENTS`, @input (nullable) being its standard input; fails the test if it is ended by a signal or takes
 * longer than a minute. */
void muster_run_with_input (Muster *fixture, GBytes *input, const char *const *arguments);
#define muster_run(fixture, ...) muster_run_with_input (fixture, NULL, (const char *const[]){ __VA_ARGS__, NULL })

/* For those that do not wait. */
GSubprocess *muster_spawn (GSubprocessLauncher *launcher, const char *const *arguments);
