/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Of a stranger's text at most so many bytes are shown, and "..." where there were more. */
#define MUSTER_NETWORK_TEXT_MAX 300

/* What @size @bytes from the other end may look like in a line of ours: valid UTF-8 on one line, without what a terminal may
 * obey, bounded. Any bytes will do; NULL is none. To be freed. Any thread. */
char *muster_network_text_tame (gconstpointer bytes, gsize size);
