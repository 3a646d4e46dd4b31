/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What workers that count without pause share with the test that counts what is delivered.
 */
#pragma once

#include <glib.h>

typedef struct
{
  guint64 returned[2][2][2]; /* calls, by worker, thread, and metrics: the default ones, "fast" */
  guint64 stop[2];           /* by worker */
} Storm;
