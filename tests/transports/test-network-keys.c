/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of keys, addresses, the limit of what strangers cause to be said, batches that are packed and cut.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "../core/test-batches.h"
#include "muster-batch-pieces.h"
#include "muster-network-address.h"
#include "muster-network-codec.h"
#include "muster-network-keys.h"
#include "muster-network-limiter.h"
#include "muster-network-streams.h"

static char *
write_file (const char *content, mode_t mode)
{
  char *path = NULL;
  int fd = g_file_open_tmp ("muster-keys-XXXXXX", &path, NULL);

  g_assert_cmpint (write (fd, content, strlen (content)), ==, (gssize) strlen (content));
  close (fd);
  g_assert_cmpint (chmod (path, mode), ==, 0);
  return path;
}

static void
check_key (const char *content, mode_t mode, gboolean secret, const char *expected, const char *problem)
{
  g_autofree char *path = write_file (content, mode);
  g_autoptr (GError) error = NULL;
  char key[MUSTER_NETWORK_KEY_SIZE];
  gboolean read = muster_network_keys_read (path, secret, key, &error);

  g_unlink (path);
  if (expected != NULL)
    {
      g_assert_no_error (error);
      g_assert_true (read);
      g_assert_cmpstr (key, ==, expected);
      return;
    }
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, problem));
}

static void
test_keys (void)
{
  char public_key[41], secret_key[41], again[41];
  g_autofree char *line = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (zmq_curve_keypair (public_key, secret_key), ==, 0);
  line = g_strdup_printf ("# a comment\n\n%s of somebody\n", secret_key);
  check_key (line, 0600, TRUE, secret_key, NULL);
  check_key (line, 0640, TRUE, secret_key, NULL);
  check_key (line, 0644, FALSE, secret_key, NULL);
  check_key (line, 0644, TRUE, NULL, "others may read");
  check_key (secret_key, 0600, TRUE, secret_key, NULL);
  check_key ("", 0600, TRUE, NULL, "no key is in it");
  check_key ("# nothing\n", 0600, TRUE, NULL, "no key is in it");
  check_key ("rubbish\n", 0600, TRUE, NULL, ":1: not a key");
  check_key ("0123456789012345678901234567890123456789x\n", 0600, TRUE, NULL, ":1: not a key");
  check_key ("\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\n", 0600, TRUE, NULL,
             ":1: not a key");
  g_assert_true (muster_network_keys_get_public ("x", secret_key, again, &error));
  g_assert_cmpstr (again, ==, public_key);
  g_assert_false (muster_network_keys_read ("/nonexistent", TRUE, again, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
}

#define HASH_KEY "0#23456789012345678901234567890123456789"

static void
test_allowed (void)
{
  static const char text[] = "# those who may\n"
                             "#\n"
                             "0123456789012345678901234567890123456789 shop, the first \r\n"
                             "\n" HASH_KEY "\tdevice\xff\n"
                             "1123456789012345678901234567890123456789";
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) allowed = muster_network_keys_parse_allowed (text, sizeof text - 1, "clients", &error);
  g_autoptr (GHashTable) wrong = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (allowed), ==, 3);
  g_assert_cmpstr (g_hash_table_lookup (allowed, "0123456789012345678901234567890123456789"), ==, "shop, the first");
  g_assert_cmpstr (g_hash_table_lookup (allowed, "1123456789012345678901234567890123456789"), ==, "");
  g_assert_true (g_utf8_validate (g_hash_table_lookup (allowed, HASH_KEY), -1, NULL));
  wrong = muster_network_keys_parse_allowed ("\n short x\n", 10, "clients", &error);
  g_assert_null (wrong);
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_true (g_str_has_prefix (error->message, "clients:2: not a client"));
}

static void
check_address (const char *endpoint, gboolean bind, gboolean valid, gboolean local)
{
  g_autoptr (GError) error = NULL;
  gboolean is_local;

  g_assert_cmpint (muster_network_address_check (endpoint, bind, &is_local, &error), ==, valid);
  if (!valid)
    g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  else
    g_assert_cmpint (is_local, ==, local);
}

static void
test_addresses (void)
{
  g_autoptr (GError) error = NULL;

  check_address ("tcp://127.0.0.1:7171", FALSE, TRUE, TRUE);
  check_address ("tcp://127.9.9.9:1", TRUE, TRUE, TRUE);
  check_address ("tcp://[::1]:7171", FALSE, TRUE, TRUE);
  check_address ("ipc:///tmp/x", FALSE, TRUE, TRUE);
  check_address ("tcp://logs.example.org:7171", FALSE, TRUE, FALSE);
  check_address ("tcp://localhost:7171", FALSE, TRUE, FALSE); /* a name: others say what it stands for */
  check_address ("tcp://*:7171", TRUE, TRUE, FALSE);
  check_address ("tcp://127.0.0.1:*", TRUE, TRUE, TRUE);
  check_address ("tcp://*:7171", FALSE, FALSE, FALSE);
  check_address ("tcp://host:*", FALSE, FALSE, FALSE);
  check_address ("tcp://host", FALSE, FALSE, FALSE);
  check_address ("tcp://:1", FALSE, FALSE, FALSE);
  check_address ("tcp://host:0", FALSE, FALSE, FALSE);
  check_address ("tcp://host:65536", FALSE, FALSE, FALSE);
  check_address ("tcp://a:1;tcp://b:1", FALSE, FALSE, FALSE);
  check_address ("udp://host:1", FALSE, FALSE, FALSE);
  check_address ("ipc://relative", FALSE, FALSE, FALSE);
  check_address ("", FALSE, FALSE, FALSE);
  g_assert_true (muster_network_address_allow_plain ("x", TRUE, FALSE, "keys", &error));
  g_assert_true (muster_network_address_allow_plain ("x", FALSE, TRUE, "keys", &error));
  g_assert_false (muster_network_address_allow_plain ("tcp://x:1", FALSE, FALSE, "keys", &error));
  g_assert_nonnull (strstr (error->message, "set keys"));
}

static void
test_limiter (void)
{
  MusterNetworkLimiter *limiter = muster_network_limiter_new (100, 2);
  guint64 n = 99;

  g_assert_true (muster_network_limiter_allow (limiter, "a", 1000, &n));
  g_assert_cmpuint (n, ==, 0);
  g_assert_false (muster_network_limiter_allow (limiter, "a", 1050, &n));
  g_assert_true (muster_network_limiter_allow (limiter, "b", 1060, &n));
  g_assert_cmpuint (n, ==, 1);
  g_assert_false (muster_network_limiter_allow (limiter, "c", 1070, &n)); /* too many */
  g_assert_true (muster_network_limiter_allow (limiter, "c", 1100, &n));  /* "a" is old now */
  g_assert_cmpuint (n, ==, 1);
  muster_network_limiter_free (limiter);
}

static void
test_streams (void)
{
  MusterNetworkStreams *streams = muster_network_streams_new (2);
  const guint8 a[16] = "a", b[16] = "b", c[16] = "c";

  muster_network_streams_set (streams, a, 10);
  muster_network_streams_set (streams, b, 20);
  muster_network_streams_set (streams, a, 11);
  muster_network_streams_set (streams, c, 30);
  g_assert_cmpuint (muster_network_streams_get (streams, a), ==, 11);
  g_assert_cmpuint (muster_network_streams_get (streams, b), ==, 0);
  g_assert_cmpuint (muster_network_streams_get (streams, c), ==, 30);
  muster_network_streams_free (streams);
}

static void
test_codec (void)
{
  g_autoptr (MusterNetworkCodec) codec = muster_network_codec_new ();
  g_autofree guint8 *text = g_malloc0 (100000);
  g_autofree guint8 *packed = NULL;
  g_autoptr (GBytes) unpacked = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!muster_network_codec_is_there ())
    {
      g_test_skip ("built without zstd");
      return;
    }
  packed = muster_network_codec_pack (codec, text, 100000, &length);
  g_assert_nonnull (packed);
  g_assert_cmpuint (length, <, 1000);
  unpacked = muster_network_codec_unpack (codec, packed, length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (unpacked, NULL), g_bytes_get_size (unpacked), text, 100000);
  g_assert_null (muster_network_codec_unpack (codec, packed, length - 1, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_null (muster_network_codec_unpack (codec, text, 100, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
}

/* A frame that would become much longer than a batch may be. */
static void
test_bomb (void)
{
  g_autoptr (MusterNetworkCodec) codec = muster_network_codec_new ();
  g_autofree guint8 *text = g_malloc0 (100 << 20);
  g_autofree guint8 *packed = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!muster_network_codec_is_there ())
    {
      g_test_skip ("built without zstd");
      return;
    }
  packed = muster_network_codec_pack (codec, text, 100 << 20, &length);
  g_assert_cmpuint (length, <, 64 << 10);
  g_assert_null (muster_network_codec_unpack (codec, packed, length, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_CORRUPT);
}

/* The pieces of a batch are batches, and together what it was. */
static void
test_cut (void)
{
  TestLog log = { NULL };
  g_autoptr (MusterBatch) batch = NULL;
  g_autofree char *text = g_strnfill (500, 'x');
  guint64 next = 7;

  test_log_origin (&log, 'a', 7, "web-1");
  for (guint i = 0; i < 100; i++)
    {
      test_log_record (&log, MUSTER_LEVEL_INFO, text);
      if (i % 10 == 0)
        test_log_gap (&log, 5, MUSTER_GAP_TORN);
      if (i % 9 == 0)
        test_log_origin (&log, 'a', log.next_seq, i % 2 == 0 ? "web-2" : "web-1");
    }
  batch = test_log_end (&log);
  for (gsize size = 2000; size < 100000; size += 3777)
    {
      g_autoptr (GPtrArray) pieces = muster_batch_cut (batch, size);
      GString *whole = g_string_new (NULL);

      next = 7;
      for (guint i = 0; i < pieces->len; i++)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (MusterBatch) piece = muster_batch_new (pieces->pdata[i], &error);

          g_assert_no_error (error);
          g_assert_cmpuint (g_bytes_get_size (pieces->pdata[i]), <=, size);
          g_assert_cmpuint (muster_batch_get_first_seq (piece), ==, next);
          next += muster_batch_get_count (piece);
          g_string_append_printf (whole, "%u;", muster_batch_get_n_records (piece));
        }
      g_assert_cmpuint (next, ==, 7 + muster_batch_get_count (batch));
      g_string_free (whole, TRUE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/network/keys", test_keys);
  g_test_add_func ("/network/allowed", test_allowed);
  g_test_add_func ("/network/addresses", test_addresses);
  g_test_add_func ("/network/limiter", test_limiter);
  g_test_add_func ("/network/streams", test_streams);
  g_test_add_func ("/network/codec", test_codec);
  g_test_add_func ("/network/bomb", test_bomb);
  g_test_add_func ("/network/cut", test_cut);
  return g_test_run ();
}
