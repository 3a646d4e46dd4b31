/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of CURVE keys. Pure functions; any thread.
 */
#include "config.h"

#include "muster-network-keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_LENGTH (MUSTER_NETWORK_KEY_SIZE - 1)
/* A file of a hundred thousand clients, and names. */
#define FILE_MAX        (16 << 20)
#define NAME_MAX_LENGTH 255

static gboolean
set_error (GError **error, const char *path, guint line, const char *what)
{
  if (line > 0)
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s:%u: %s", path, line, what);
  else
    g_set_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID, "%s: %s", path, what);
  return FALSE;
}

static gboolean
is_comment (const char *line, gsize length)
{
  return length == 0 || line[0] == '#';
}

/* Cuts the next line off; without the spaces at its end. */
static const char *
take_line (const char **text, gsize *left, gsize *length)
{
  const char *line = *text;
  const char *end = memchr (line, '\n', *left);
  gsize taken = end != NULL ? (gsize) (end - line) + 1 : *left;

  *length = end != NULL ? taken - 1 : taken;
  while (*length > 0 && g_ascii_isspace (line[*length - 1]))
    (*length)--;
  *text += taken;
  *left -= taken;
  return line;
}

static gboolean
take_key (const char *line, gsize length, char key[MUSTER_NETWORK_KEY_SIZE])
{
  guint8 bytes[32];

  if (length < KEY_LENGTH || (length > KEY_LENGTH && line[KEY_LENGTH] != ' ' && line[KEY_LENGTH] != '\t'))
    return FALSE;
  memcpy (key, line, KEY_LENGTH);
  key[KEY_LENGTH] = '\0';
  return strlen (key) == KEY_LENGTH && zmq_z85_decode (bytes, key) != NULL;
}

static gboolean
check_mode (int fd, const char *path, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) == 0 && (status.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) == 0)
    return TRUE;
  return set_error (error, path, 0, "others may read this secret key: chmod 0600, and make a new one if they have");
}

static gboolean
read_file (const char *path, gboolean secret, char **text, gsize *length, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  g_autoptr (GString) out = g_string_new (NULL);
  char piece[4096];
  gssize n = 0;

  if (fd < 0)
    return set_error (error, path, 0, g_strerror (errno));
  if (secret && !check_mode (fd, path, error))
    {
      close (fd);
      return FALSE;
    }
  while (out->len <= FILE_MAX && (n = read (fd, piece, sizeof piece)) > 0)
    g_string_append_len (out, piece, n);
  close (fd);
  if (n != 0)
    return set_error (error, path, 0, n < 0 ? g_strerror (errno) : "too long for a file of keys");
  *length = out->len;
  *text = g_string_free (g_steal_pointer (&out), FALSE);
  return TRUE;
}

gboolean
muster_network_keys_read (const char *path, gboolean secret, char key[MUSTER_NETWORK_KEY_SIZE], GError **error)
{
  g_autofree char *text = NULL;
  const char *at;
  gsize left, length;
  guint number = 0;

  if (!read_file (path, secret, &text, &left, error))
    return FALSE;
  for (at = text; left > 0;)
    {
      const char *line = take_line (&at, &left, &length);

      number++;
      if (is_comment (line, length))
        continue;
      return take_key (line, length, key)
             || set_error (error, path, number, "not a key; expected 40 characters, as 'muster keygen' writes them");
    }
  return set_error (error, path, 0, "no key is in it; 'muster keygen' makes one");
}

gboolean
muster_network_keys_get_public (const char *path, const char secret[MUSTER_NETWORK_KEY_SIZE],
                                char public_key[MUSTER_NETWORK_KEY_SIZE], GError **error)
{
  return zmq_curve_public (public_key, secret) == 0
         || set_error (error, path, 0, "not a secret key; or libzmq was built without CURVE");
}

GHashTable *
muster_network_keys_parse_allowed (const char *text, gsize length, const char *path, GError **error)
{
  g_autoptr (GHashTable) allowed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint number = 0;

  while (length > 0)
    {
      char key[MUSTER_NETWORK_KEY_SIZE];
      gsize line_length;
      const char *line = take_line (&text, &length, &line_length);
      g_autofree char *name = NULL;

      number++;
      if (is_comment (line, line_length))
        continue;
      if (!take_key (line, line_length, key))
        {
          set_error (error, path, number,
                     "not a client; expected its public key (40 characters), a space and its name");
          return NULL;
        }
      line_length = MIN (line_length - KEY_LENGTH, NAME_MAX_LENGTH);
      name = g_utf8_make_valid (line + KEY_LENGTH, (gssize) line_length);
      g_hash_table_replace (allowed, g_strdup (key), g_strdup (g_strstrip (name)));
    }
  return g_steal_pointer (&allowed);
}

GHashTable *
muster_network_keys_read_allowed (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (!read_file (path, FALSE, &text, &length, error))
    return NULL;
  return muster_network_keys_parse_allowed (text, length, path, error);
}
