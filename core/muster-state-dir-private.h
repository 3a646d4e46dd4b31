/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

/*
 * A primary's directory for what has to survive it:
 *
 *   PATH/             0750
 *   PATH/transports/  0750: a checkpoint for each transport that keeps one
 *
 * Directories that belong to someone else, or that others may write to, are refused.
 */

/* $STATE_DIRECTORY, else /var/lib/muster/NAME for root, else $XDG_STATE_HOME/muster/NAME or
 * ~/.local/state/muster/NAME. */
char *muster_state_dir_find (const char *name);

/* Makes it, and in it the directory of the transports, whose path is returned. */
char *muster_state_dir_make (const char *path, GError **error);
