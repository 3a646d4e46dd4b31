/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For comparison: sends records, as long as those of bench-worker, to a syslog daemon, and looks when its file has them.
 * Prints the records per second, from the first call to the last change of a file that holds all.
 *
 *   bench-syslog-sender tcp PORT N FILE LINES     RFC 6587 with line feeds, gathered into writes of 64 KiB
 *   bench-syslog-sender unix SOCKET N FILE LINES  a datagram each, as syslog(3) does
 *
 * LINES is what the file has in the end: runs before this one included.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#define BUFFER_SIZE 65536
#define RECORD_MAX  256
#define TIMEOUT_US  (60 * G_TIME_SPAN_SECOND)
#define SETTLED_US  (200 * G_TIME_SPAN_MILLISECOND)

static int
make_record (char *out, guint i)
{
  time_t now = time (NULL);
  static time_t last;
  static char stamp[32];
  struct tm parts;

  if (now != last)
    {
      localtime_r (&now, &parts);
      strftime (stamp, sizeof stamp, "%b %e %H:%M:%S", &parts);
      last = now;
    }
  return g_snprintf (out, RECORD_MAX, "<14>%s bench-1[4711]: request %d of %s took %d us, all is well", stamp, (int) i,
                     "/articles/index.html", (int) (i % 1000));
}

static void
write_all (int fd, const char *bytes, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, bytes, length);

      if (n < 0 && errno != EINTR)
        g_error ("write: %s", g_strerror (errno));
      if (n > 0)
        bytes += n, length -= (gsize) n;
    }
}

static void
send_tcp (guint port, guint n)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16) port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  static char buffer[BUFFER_SIZE + RECORD_MAX];
  gsize length = 0;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("connect to port %u: %s", port, g_strerror (errno));
  for (guint i = 0; i < n; i++)
    {
      length += (gsize) make_record (buffer + length, i);
      buffer[length++] = '\n';
      if (length >= BUFFER_SIZE || i + 1 == n)
        {
          write_all (fd, buffer, length);
          length = 0;
        }
    }
  close (fd);
}

static void
send_unix (const char *path, guint n)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char record[RECORD_MAX];

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("connect to %s: %s", path, g_strerror (errno));
  for (guint i = 0; i < n; i++)
    write_all (fd, record, (gsize) make_record (record, i));
  close (fd);
}

static guint
count_lines (const char *path)
{
  g_autofree char *text = NULL;
  gsize length;
  guint n = 0;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return 0;
  for (char *at = text; (at = memchr (at, '\n', length - (gsize) (at - text))) != NULL; at++)
    n++;
  return n;
}

/* When the file with all the lines was changed last. */
static gint64
await_lines (const char *path, guint n)
{
  gint64 now = g_get_monotonic_time (), changed = now, deadline = now + TIMEOUT_US;
  off_t size = 0;

  for (; now < deadline; now = g_get_monotonic_time ())
    {
      struct stat info = { 0 };

      if (stat (path, &info) == 0 && info.st_size != size)
        {
          size = info.st_size;
          changed = now;
        }
      else if (now - changed > SETTLED_US && count_lines (path) >= n)
        return changed;
      g_usleep (2000);
    }
  g_error ("%s has %u lines of %u", path, count_lines (path), n);
}

int
main (int argc, char **argv)
{
  gint64 start = g_get_monotonic_time ();
  guint n = argc == 6 ? (guint) atoi (argv[3]) : 0;

  if (n > 0 && strcmp (argv[1], "tcp") == 0)
    send_tcp ((guint) atoi (argv[2]), n);
  else if (n > 0 && strcmp (argv[1], "unix") == 0)
    send_unix (argv[2], n);
  else
    g_error ("usage: bench-syslog-sender tcp|unix ADDRESS N FILE LINES");
  g_print ("%.0f\n", n / ((double) (await_lines (argv[4], (guint) atoi (argv[5])) - start) / G_USEC_PER_SEC));
  return 0;
}
