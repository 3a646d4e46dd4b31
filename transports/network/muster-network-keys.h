/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "muster-error.h"

/*
 * CURVE keys in files. A key is 40 characters of Z85 (ZeroMQ RFC 32) at the beginning of a line; what follows behind a
 * space is for people. A line that is empty or begins with `#` is a comment: no key begins so, for in Z85 that is the greatest
 * digit, and five characters that begin with it are more than the four bytes that they stand for.
 */
#define MUSTER_NETWORK_KEY_SIZE 41 /* with its NUL */

/* The first key of a file. @secret: nobody but the owner, and his group for reading, may have access to it. INVALID with
 * the path, what is wrong and what to do. */
gboolean muster_network_keys_read (const char *path, gboolean secret, char key[MUSTER_NETWORK_KEY_SIZE],
                                   GError **error);
/* The public half of a secret key. */
gboolean muster_network_keys_get_public (const char *path, const char secret[MUSTER_NETWORK_KEY_SIZE],
                                         char public_key[MUSTER_NETWORK_KEY_SIZE], GError **error);

/* Those who may come in: from public key to name (the rest of its line, maybe empty); both owned. */
GHashTable *muster_network_keys_parse_allowed (const char *text, gsize length, const char *path, GError **error);
GHashTable *muster_network_keys_read_allowed (const char *path, GError **error);
