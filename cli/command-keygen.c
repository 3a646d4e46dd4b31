/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `muster keygen FILE`: a CURVE key pair, as transports and sources of type network take it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "commands.h"

#include <glib/gi18n.h>

#define KEY_SIZE 41 /* with its NUL */

static const char *name;

static const GOptionEntry entries[] = {
  { "name", 'n', 0, G_OPTION_ARG_STRING, &name, N_ ("Whose key it is, for people; by default USER@HOST"), N_ ("NAME") },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static int
fail (const char *path)
{
  return muster_cli_error (_ ("cannot write %s: %s"), path, g_strerror (errno));
}

/* Nothing is written over: a key that is in use would be lost. */
static int
write_new (const char *path, mode_t mode, const char *text)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  gsize length = strlen (text);
  gboolean written;

  if (fd < 0)
    return fail (path);
  written = fchmod (fd, mode) == 0 && write (fd, text, length) == (gssize) length && fsync (fd) == 0;
  if (close (fd) == 0 && written)
    return 0;
  unlink (path);
  return fail (path);
}

/* A line of people's: no line feed ends it early. */
static char *
make_name (void)
{
  char *text = name != NULL ? g_strdup (name) : g_strdup_printf ("%s@%s", g_get_user_name (), g_get_host_name ());

  return g_strdelimit (text, "\r\n", ' ');
}

static int
write_pair (const char *path, const char *public_key, const char *secret_key)
{
  g_autofree char *public_path = g_strconcat (path, ".pub", NULL);
  g_autofree char *whose = make_name ();
  g_autofree char *secret_text = g_strdup_printf ("%s secret key of %s\n", secret_key, whose);
  g_autofree char *public_text = g_strdup_printf ("%s %s\n", public_key, whose);
  int status = write_new (path, 0600, secret_text);

  if (status != 0)
    return status;
  status = write_new (public_path, 0644, public_text);
  if (status != 0)
    unlink (path);
  else
    printf ("%s", public_text);
  return status;
}

int
muster_command_keygen (int argc, char **argv)
{
  char public_key[KEY_SIZE], secret_key[KEY_SIZE];
  int status;

  if (!muster_cli_parse (
          &argc, &argv, entries, _ ("FILE"), _ ("Makes a key pair for the network."),
          _ ("The secret key goes to FILE, which only its owner may read, and the public key to FILE.pub: "
             "give that to the other\nside. Files that are there are left alone."),
          &status))
    return status;
  if (argc != 2)
    return muster_cli_usage_error (argc < 2 ? _ ("a file is missing") : _ ("one file at a time"));
  if (zmq_curve_keypair (public_key, secret_key) != 0)
    return muster_cli_error (_ ("cannot make a key: libzmq was built without CURVE"));
  status = write_pair (argv[1], public_key, secret_key);
  memset (secret_key, 0, sizeof secret_key);
  return status;
}
