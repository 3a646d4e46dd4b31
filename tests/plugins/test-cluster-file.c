/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keyfiles to clusters, with mock plugins in the shared library that they link with.
 */
#include "muster-cluster-file.h"

#include "mock-directory.h"

typedef struct
{
  MockDirectory plugins, files;
  MusterRegistry *registry; /* owned */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const char *directories[2] = { NULL };

  mock_directory_init (&fixture->plugins);
  mock_directory_init (&fixture->files);
  mock_directory_link (&fixture->plugins, "good", "good.so");
  mock_directory_link (&fixture->plugins, "start-fails", "start-fails.so");
  mock_directory_link (&fixture->plugins, "wrong-major", "wrong-major.so");
  directories[0] = fixture->plugins.path;
  fixture->registry = muster_registry_new (directories);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->registry);
  mock_directory_clear (&fixture->plugins);
  mock_directory_clear (&fixture->files);
}

static MusterCluster *
load (Fixture *fixture, const char *text, GPtrArray *problems)
{
  const char *path = mock_directory_write (&fixture->files, "shop.conf", text, -1);
  MusterCluster *cluster = muster_cluster_load (fixture->registry, path, problems);

  g_assert_true ((cluster != NULL) == (problems->len == 0));
  g_assert_cmpint (g_remove (path), ==, 0);
  g_ptr_array_set_size (fixture->files.files, (int) fixture->files.files->len - 1);
  return cluster;
}

static MusterCluster *
load_good (Fixture *fixture, const char *text)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  MusterCluster *cluster = load (fixture, text, problems);

  for (guint i = 0; i < problems->len; i++)
    g_error ("unexpected: %s", (const char *) g_ptr_array_index (problems, i));
  return cluster;
}

static void
test_good (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) cluster = NULL;
  g_autofree char *host = NULL;
  gint64 interval;

  g_unsetenv ("MUSTER_MOCK_DEPTH");
  g_unsetenv ("MUSTER_MOCK_COLORS");
  g_unsetenv ("MUSTER_MOCK_PATTERN");
  cluster = load_good (fixture, "[muster]\n"
                                "name=store   # not shop\n"
                                "interval=5s\n"
                                "host=here\n"
                                "[worker web]\n"
                                "exec=/bin/true --port=8080\n"
                                "instances=2\n"
                                "environment=LANG=C.UTF-8;TZ=UTC\n"
                                "[metrics fast]\n"
                                "interval=1s\n"
                                "persist=true\n"
                                "[transport screen]\n"
                                "type=mock\n"
                                "depth=7\n"
                                "level=warning\n"
                                "format=pretty\n"
                                "[format pretty]\n"
                                "type=plain\n"
                                "pattern=<{message}>\n"
                                "theme=mine\n"
                                "[theme mine]\n"
                                "error=bold red\n"
                                "info=#00ff00\n"
                                "[transport other]\n"
                                "type=mock\n"
                                "[source in]\n"
                                "type=mock\n");
  g_object_get (cluster, "interval", &interval, "host", &host, NULL);
  g_assert_cmpstr (muster_cluster_get_name (cluster), ==, "store");
  g_assert_cmpint (interval, ==, 5000000);
  g_assert_cmpstr (host, ==, "here");
  g_assert_cmpstr (g_getenv ("MUSTER_MOCK_DEPTH"), ==, "7");
  g_assert_cmpstr (g_getenv ("MUSTER_MOCK_COLORS"), ==, "error=bold red;info=#00ff00;");
  g_assert_cmpstr (g_getenv ("MUSTER_MOCK_PATTERN"), ==, "<{message}>");
}

static void
test_small (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) empty = load_good (fixture, "");
  g_autoptr (MusterCluster) plain = NULL;

  g_assert_cmpstr (muster_cluster_get_name (empty), ==, "shop"); /* the file's name */
  g_unsetenv ("MUSTER_MOCK_PATTERN");
  plain = load_good (fixture, "[transport t]\ntype=mock\nformat=plain\n");
  g_assert_cmpstr (g_getenv ("MUSTER_MOCK_PATTERN"), ==, "(none)");
}

static void
test_counts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  guint n_groups, n_transports, n_sources;
  const char *path = mock_directory_write (&fixture->files, "counts.conf",
                                           "[worker a]\nexec=true\n[worker b]\nexec=true\n[worker c]\nexec=true\n"
                                           "[transport a]\ntype=mock\n[transport b]\ntype=mock\n"
                                           "[source a]\ntype=mock\n",
                                           -1);

  g_assert_true (muster_cluster_check_file (fixture->registry, path, problems, &n_groups, &n_transports, &n_sources));
  g_assert_cmpuint (problems->len, ==, 0);
  g_assert_cmpuint (n_groups, ==, 3);
  g_assert_cmpuint (n_transports, ==, 2);
  g_assert_cmpuint (n_sources, ==, 1);
}

static void
stopped_cb (GObject *object, GAsyncResult *result, gpointer stopped)
{
  g_assert_true (muster_cluster_stop_finish (MUSTER_CLUSTER (object), result, NULL));
  *(gboolean *) stopped = TRUE;
}

/* What the groups say is what the primary has when it runs. */
static void
test_metrics (Fixture *fixture, gconstpointer data)
{
  g_autofree char *base = g_dir_make_tmp ("muster-XXXXXX", NULL);
  g_autofree char *text = g_strdup_printf ("[muster]\nruntime-dir=%s/run\ninterval=5s\nmax-metrics=7\ntransformer=ids\n"
                                           "[metrics fast]\ninterval=1s\npersist=true\n[metrics slow]\n",
                                           base);
  g_autoptr (MusterCluster) cluster = load_good (fixture, text);
  g_autoptr (GError) error = NULL;
  gboolean stopped = FALSE;

  muster_cluster_start (cluster, &error);
  g_assert_no_error (error);
  g_assert_cmpint (muster_metrics_get_interval (muster_cluster_get_metrics (cluster)), ==, 5000000);
  g_assert_cmpint (muster_metrics_get_interval (muster_cluster_get_metrics_by_name (cluster, "fast")), ==, 1000000);
  g_assert_cmpint (muster_metrics_get_interval (muster_cluster_get_metrics_by_name (cluster, "slow")), ==, 10000000);
  muster_cluster_stop_async (cluster, NULL, stopped_cb, &stopped);
  while (!stopped)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_errno (g_rmdir (base));
}

/* Exactly the problems in @expected, which lists `LINE: [group] key: ` beginnings, in order. */
static void
assert_problems (Fixture *fixture, const char *text, const char *const *expected)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (MusterCluster) cluster = load (fixture, text, problems);
  g_autofree char *path = g_build_filename (fixture->files.path, "shop.conf", NULL);

  g_assert_null (cluster);
  for (guint i = 0; i < problems->len; i++)
    g_test_message ("%s", (const char *) g_ptr_array_index (problems, i));
  g_assert_cmpuint (problems->len, ==, g_strv_length ((char **) expected));
  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *begin = g_strdup_printf ("%s:%s", path, expected[i]);

      if (!g_str_has_prefix (g_ptr_array_index (problems, i), begin))
        g_error ("'%s' does not begin with '%s'", (const char *) g_ptr_array_index (problems, i), begin);
    }
}

static void
test_twelve_mistakes (Fixture *fixture, gconstpointer data)
{
  static const char *const expected[] = {
    "2: [muster] nmae: unknown key; expected 'name'?",
    "3: [muster] interval: '10' has no unit; expected one of us",
    "4: [worker web] exec: missing; expected the program",
    "5: [worker web] instances: '-1' is out of range; expected a whole number",
    "6: [wroker b]: unknown kind of group, did you mean 'worker'?; expected one of muster",
    "8: [worker]: the group has no name; expected [worker NAME]",
    "11: [transport a] type: there is no transport 'mokc', did you mean 'mock'?; installed: mock",
    "13: [transport b] type: missing; expected mock",
    "17: [transport c] format: there is no format 'prety'; expected 'pretty'?",
    "20: [format pretty] pattern: unknown escape '\\q'; expected one of",
    "23: [transport d] level: 'warnin' is not known, did you mean 'warning'?; expected one of",
    "26: [transport e] format: the plugin for the format 'wrong-major' is broken: ",
    NULL,
  };

  assert_problems (fixture,
                   "[muster]\n"
                   "nmae=shop\n"
                   "interval=10\n"
                   "[worker web]\n"
                   "instances=-1\n"
                   "[wroker b]\n"
                   "exec=/bin/true\n"
                   "[worker]\n"
                   "exec=/bin/true\n"
                   "[transport a]\n"
                   "type=mokc\n"
                   "format=pretty\n"
                   "[transport b]\n"
                   "level=info\n"
                   "[transport c]\n"
                   "type=mock\n"
                   "format=prety\n"
                   "[format pretty]\n"
                   "type=plain\n"
                   "pattern=\\q\n"
                   "[transport d]\n"
                   "type=mock\n"
                   "level=warnin\n"
                   "[transport e]\n"
                   "type=mock\n"
                   "format=wrong-major\n",
                   expected);
}

/* Wrong colours are told where they stand, each once, and do not hide the pattern's mistake. */
static void
test_theme (Fixture *fixture, gconstpointer data)
{
  static const char *const expected[] = { "2: [theme t] error: no such colour", "4: [theme t] info: no such colour",
                                          "8: [format f] pattern: 'bad' is bad", NULL };

  assert_problems (fixture,
                   "[theme t]\nerror=bad\ndebug=dim\ninfo=bad\n"
                   "[format f]\ntype=plain\ntheme=t\npattern=bad\n"
                   "[format g]\ntype=plain\ntheme=t\n",
                   expected);
}

static void
test_mistakes (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *text;
    const char *expected;
  } cases[] = {
    { "[muster x]\n", "1: [muster x]: this group has no name; expected [muster]" },
    { "[muster]\nname=a/b\n", "2: [muster] name: not a name; expected 1 to 63 letters" },
    { "[muster]\nlevel=loud\n", "2: [muster] level: 'loud' is not known; expected one of none, emergency" },
    { "[worker a b]\nexec=true\n", "1: [worker a b]: 'a b' is not a name; expected 1 to 63 letters" },
    { "[worker a]\nname=b\nexec=true\n", "2: [worker a] name: unknown key; expected" },
    { "[worker a]\nexec='x\n", "2: [worker a] exec: " },
    { "[worker a]\nexec=true\numask=9\n", "3: [worker a] umask: " },
    { "[worker a]\nexec=true\n[worker a]\nexce=y\n", NULL },
    { "[metrics m]\ninterval=0\n", "2: [metrics m] interval: '0' is out of range; expected a duration" },
    { "[metrics m]\nintervall=1s\n", "2: [metrics m] intervall: unknown key; expected 'interval'?" },
    { "[theme t]\nerror=red;blue\n", "2: [theme t] error: a ';' in a colour" },
    { "[format f]\npattern=x\n", "1: [format f] type: missing; expected failing, plain" },
    { "[format f]\ntype=plain\npattern=bad\n", "3: [format f] pattern: 'bad' is bad; expected a good one" },
    { "[format f]\ntype=plain\nparttern=x\n", "3: [format f] parttern: unknown key; expected 'pattern'?" },
    { "[format f]\ntype=failing\n", "1: [format f]: nothing pleases this format" },
    { "[format f]\ntype=wrong-major\n", "2: [format f] type: the plugin for the format 'wrong-major' is broken: " },
    { "[transport t]\ntype=mock\nformat=failing\n", "3: [transport t] format: nothing pleases this format" },
    { "[transport t]\ntype=mock\nformat=plian\n",
      "3: [transport t] format: there is no format 'plian', did you mean 'plain'?; installed: failing, plain" },
    { "[transport t]\ntype=mock\ndepth=10\n", "3: [transport t] depth: '10' is out of range; expected a whole number "
                                              "from 1 to 9" },
    { "[transport t]\ntype=mock\nfromat=plain\n", "3: [transport t] fromat: unknown key; expected 'format'?" },
    { "[source s]\ntype=mokc\n",
      "2: [source s] type: there is no source 'mokc', did you mean 'mock'?; installed: mock" },
    { "[source s]\ntype=mock\nformat=plain\n", "3: [source s] format: unknown key; expected" },
    /* One mistake, though two transports name the format that has it. */
    { "[format f]\ntype=plain\npattern=bad\n[transport t]\ntype=mock\nformat=f\n[transport u]\ntype=mock\nformat=f\n",
      "3: [format f] pattern: 'bad' is bad" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    if (cases[i].expected != NULL)
      {
        const char *const expected[] = { cases[i].expected, NULL };

        assert_problems (fixture, cases[i].text, expected);
      }
    else /* a group's second coming is one, and its keys are checked all the same */
      {
        static const char *const expected[] = { "3: [worker a]: the same group is at ",
                                                "4: [worker a] exce: unknown key; expected 'exec'?", NULL };

        assert_problems (fixture, cases[i].text, expected);
      }
}

/* What the file does not name may be as broken as it likes. */
static void
test_broken_is_no_error (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) cluster = load_good (fixture, "[transport t]\ntype=mock\n");

  g_assert_nonnull (cluster);
  g_assert_null (g_getenv ("MUSTER_MOCK_RAN_wrong_major"));
}

static void
test_from_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterCluster) cluster = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = NULL;
  const char *path = mock_directory_write (&fixture->files, "bad.conf", "[muster]\nx=1\n[y z]\n", -1);

  g_assert_null (muster_cluster_new_from_file (path, &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  expected = g_strdup_printf ("%s:2: [muster] x: ", path);
  g_assert_true (g_str_has_prefix (error->message, expected));
  g_free (expected);
  expected = g_strdup_printf ("\n%s:3: [y z]: unknown kind of group", path);
  g_assert_nonnull (strstr (error->message, expected));
  g_clear_error (&error);

  g_assert_null (muster_cluster_new_from_file ("/nowhere/at/all.conf", &error));
  g_assert_error (error, MUSTER_ERROR, MUSTER_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "/nowhere/at/all.conf: cannot be read: "));
  g_clear_error (&error);

  path = mock_directory_write (&fixture->files, "good.conf", "[muster]\nname=fine\n", -1);
  cluster = muster_cluster_new_from_file (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (muster_cluster_get_name (cluster), ==, "fine");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("MUSTER_PLUGIN_PATH", "", TRUE);
  g_test_add ("/cluster-file/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add ("/cluster-file/small", Fixture, NULL, set_up, test_small, tear_down);
  g_test_add ("/cluster-file/metrics", Fixture, NULL, set_up, test_metrics, tear_down);
  g_test_add ("/cluster-file/counts", Fixture, NULL, set_up, test_counts, tear_down);
  g_test_add ("/cluster-file/twelve-mistakes", Fixture, NULL, set_up, test_twelve_mistakes, tear_down);
  g_test_add ("/cluster-file/theme", Fixture, NULL, set_up, test_theme, tear_down);
  g_test_add ("/cluster-file/mistakes", Fixture, NULL, set_up, test_mistakes, tear_down);
  g_test_add ("/cluster-file/broken-is-no-error", Fixture, NULL, set_up, test_broken_is_no_error, tear_down);
  g_test_add ("/cluster-file/from-file", Fixture, NULL, set_up, test_from_file, tear_down);
  return g_test_run ();
}
