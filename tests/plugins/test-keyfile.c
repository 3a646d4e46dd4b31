/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "muster-keyfile-private.h"

static MusterKeyfile *
parse (const char *text)
{
  MusterKeyfile *keyfile = muster_keyfile_new ();

  muster_keyfile_parse (keyfile, "t.conf", text, strlen (text));
  return keyfile;
}

static GPtrArray *
problems_of (MusterKeyfile *keyfile)
{
  GPtrArray *problems = g_ptr_array_new_with_free_func (g_free);

  muster_problems_list (keyfile->problems, problems);
  return problems;
}

static void
assert_no_problem (MusterKeyfile *keyfile)
{
  g_autoptr (GPtrArray) problems = problems_of (keyfile);

  if (problems->len > 0)
    g_error ("unexpected: %s", (const char *) g_ptr_array_index (problems, 0));
}

static const MusterKeyfileEntry *
entry_of (MusterKeyfile *keyfile, const char *label, const char *key)
{
  MusterKeyfileGroup *group = muster_keyfile_find_group (keyfile, label);

  g_assert_nonnull (group);
  return muster_keyfile_group_find (group, key);
}

static void
assert_value (MusterKeyfile *keyfile, const char *label, const char *key, const char *value)
{
  const MusterKeyfileEntry *entry = entry_of (keyfile, label, key);

  g_assert_nonnull (entry);
  g_assert_cmpstr (entry->value, ==, value);
}

static void
test_groups (void)
{
  g_autoptr (MusterKeyfile) keyfile = parse ("# first\n"
                                             "; second\n"
                                             "\n"
                                             "[muster]   # what it is\n"
                                             "name=shop  # its name\n"
                                             "  level =  info\t# spaces around\n"
                                             "[ worker   web ]\r\n"
                                             "exec=/bin/web --port=8080\r\n"
                                             "empty=\n"
                                             "colour=#ff0000\n"
                                             "hash=a#b \\#c");
  MusterKeyfileGroup *web;

  assert_no_problem (keyfile);
  g_assert_cmpuint (keyfile->groups->len, ==, 2);
  assert_value (keyfile, "[muster]", "name", "shop");
  assert_value (keyfile, "[muster]", "level", "info");
  assert_value (keyfile, "[worker web]", "exec", "/bin/web --port=8080");
  assert_value (keyfile, "[worker web]", "empty", "");
  assert_value (keyfile, "[worker web]", "colour", "#ff0000");
  assert_value (keyfile, "[worker web]", "hash", "a#b #c");
  web = muster_keyfile_find_group (keyfile, "[worker web]");
  g_assert_cmpstr (web->kind, ==, "worker");
  g_assert_cmpstr (web->name, ==, "web");
  g_assert_cmpuint (web->line, ==, 7);
  g_assert_cmpstr (web->file, ==, "t.conf");
  g_assert_cmpuint (entry_of (keyfile, "[worker web]", "hash")->line, ==, 11);
  g_assert_null (muster_keyfile_group_find (web, "nothing"));
}

static void
test_byte_order_mark (void)
{
  g_autoptr (MusterKeyfile) keyfile = parse ("\xef\xbb\xbf[muster]\nname=shop\n");

  assert_no_problem (keyfile);
  assert_value (keyfile, "[muster]", "name", "shop");
}

static void
test_escapes (void)
{
  g_autoptr (MusterKeyfile) keyfile = parse ("[g n]\n"
                                             "all=\\sa\\nb\\tc\\rd\\\\e\\;f\\#g\\s\n"
                                             "dollar=$$5 $$$$\n");

  assert_no_problem (keyfile);
  assert_value (keyfile, "[g n]", "all", " a\nb\tc\rd\\e;f#g ");
  assert_value (keyfile, "[g n]", "dollar", "$5 $$");
}

static void
assert_list (const char *raw, const char *joined)
{
  g_autofree char *text = g_strdup_printf ("[g n]\nkey=%s\n", raw);
  g_autoptr (MusterKeyfile) keyfile = parse (text);
  g_autofree char *found = NULL;

  assert_no_problem (keyfile);
  found = g_strjoinv ("|", entry_of (keyfile, "[g n]", "key")->list);
  g_assert_cmpstr (found, ==, joined);
}

static void
test_lists (void)
{
  g_setenv ("MUSTER_TEST_LIST", "x;y", TRUE);
  g_unsetenv ("MUSTER_TEST_NONE");
  assert_list ("LANG=C.UTF-8;TZ=UTC", "LANG=C.UTF-8|TZ=UTC");
  assert_list ("a;b;", "a|b");
  assert_list ("a ; b", "a|b");
  assert_list ("a\\s;\\sb", "a | b");
  assert_list ("a b;c", "a b|c");
  assert_list ("a\\;b;c", "a;b|c");
  assert_list ("a\\;", "a;");
  assert_list ("a;;b", "a||b");
  assert_list (";", "");
  assert_list ("", "");
  assert_list ("${MUSTER_TEST_LIST};z", "x;y|z"); /* a variable cuts no list */
  assert_list ("${MUSTER_TEST_NONE:-}", "");
}

static void
test_variables (void)
{
  g_autoptr (MusterKeyfile) keyfile = NULL;

  g_setenv ("MUSTER_TEST_A", "alpha \\n #beta", TRUE);
  g_setenv ("MUSTER_TEST_EMPTY", "", TRUE);
  g_unsetenv ("MUSTER_TEST_NONE");
  keyfile = parse ("[g n]\n"
                   "a=<${MUSTER_TEST_A}>\n"
                   "b=${MUSTER_TEST_NONE:-the default}${MUSTER_TEST_EMPTY}\n"
                   "c=${MUSTER_TEST_EMPTY:-x\\}y\\sz}\n"
                   "d=$${MUSTER_TEST_A}\n"
                   "e=${MUSTER_TEST_NONE:-}\n");
  assert_no_problem (keyfile);
  assert_value (keyfile, "[g n]", "a", "<alpha \\n #beta>");
  assert_value (keyfile, "[g n]", "b", "the default");
  assert_value (keyfile, "[g n]", "c", "x}y z");
  assert_value (keyfile, "[g n]", "d", "${MUSTER_TEST_A}");
  assert_value (keyfile, "[g n]", "e", "");
}

/* One mistake in @text: exactly one problem, which begins with @begin and tells @part. */
static void
assert_problem (const char *text, gsize size, const char *begin, const char *part)
{
  g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
  g_autoptr (GPtrArray) problems = NULL;
  const char *problem;

  muster_keyfile_parse (keyfile, "t.conf", text, size);
  problems = problems_of (keyfile);
  for (guint i = 1; i < problems->len; i++)
    g_test_message ("too many: %s", (const char *) g_ptr_array_index (problems, i));
  g_assert_cmpuint (problems->len, ==, 1);
  problem = g_ptr_array_index (problems, 0);
  if (!g_str_has_prefix (problem, begin) || strstr (problem, part) == NULL)
    g_error ("'%s' does not begin with '%s' or lacks '%s'", problem, begin, part);
}

static void
test_errors (void)
{
  static const struct
  {
    const char *text;
    const char *begin;
    const char *part;
  } cases[] = {
    { "\nkey=value\nother=value\n", "t.conf:2: this stands", "before the first group" },
    { "[worker web\nexec=/bin/true\n", "t.conf:1: a group without", "expected [kind NAME]" },
    { "[worker web] x\nexec=/bin/true\n", "t.conf:1: something follows", "expected [kind NAME]" },
    { "[]\nexec=/bin/true\n", "t.conf:1: a malformed group", "expected [kind NAME]" },
    { "[worker [web]\nexec=/bin/true\n", "t.conf:1: a malformed group", "expected [kind NAME]" },
    { "[a b]\nx=1\n[c d]\ny=1\n[a b]\nx=2\n", "t.conf:5: [a b]: the same group is at t.conf:1", "expected" },
    { "[muster]\nx=1\n[muster]\ny=1\n", "t.conf:3: [muster]: the same group is at t.conf:1", "expected" },
    { "[a b]\nx=1\n\nx=2\n", "t.conf:4: [a b] x: the same key is at t.conf:2", "expected" },
    { "[a b]\nx\n", "t.conf:2: [a b]: a line without '='", "expected key=value" },
    { "[a b]\n=x\n", "t.conf:2: [a b]: a malformed key", "expected letters" },
    { "[a b]\nx y=1\n", "t.conf:2: [a b]: a malformed key", "expected letters" },
    { "[a b]\nx[de]=1\n", "t.conf:2: [a b]: a malformed key", "expected letters" },
    { "[a b]\nx=a\\q\n", "t.conf:2: [a b] x: unknown escape '\\q'", "expected one of" },
    { "[a b]\nx=a\\\xc3\xa4\n", "t.conf:2: [a b] x: unknown escape '\\\xc3\xa4'", "expected one of" },
    { "[a b]\nx=one\\\ny=two\n", "t.conf:2: [a b] x: ends with a backslash", "one line" },
    { "[a b]\nx=$HOME\n", "t.conf:2: [a b] x: a '$' by itself", "$$ for a $" },
    { "[a b]\nx=5$\n", "t.conf:2: [a b] x: a '$' by itself", "$$ for a $" },
    { "[a b]\nx=${HOME\n", "t.conf:2: [a b] x: a malformed variable", "expected ${VARIABLE}" },
    { "[a b]\nx=${}\n", "t.conf:2: [a b] x: a malformed variable", "expected ${VARIABLE}" },
    { "[a b]\nx=${1}\n", "t.conf:2: [a b] x: a malformed variable", "expected ${VARIABLE}" },
    { "[a b]\nx=${A:+b}\n", "t.conf:2: [a b] x: a malformed variable", "expected ${VARIABLE}" },
    { "[a b]\nx=${A:-b\n", "t.conf:2: [a b] x: a malformed variable", "expected ${VARIABLE}" },
    { "[a b]\nx=${MUSTER_TEST_NONE}\n", "t.conf:2: [a b] x: the environment variable 'MUSTER_TEST_NONE' is not set",
      "expected" },
    { "[a b]\nx=\xff\xfe\n", "t.conf:2: [a b]: the line is not text in UTF-8", "" },
    { "[a b]\nx=\x1b[31m\n", "t.conf:2: [a b]: a control character", "expected text" },
    { "[a b\xff]\nx=1\n", "t.conf:1: the line is not text in UTF-8", "" },
    { "[a b]\nx=a\rb\n", "t.conf:2: [a b]: a control character", "expected text" },
  };

  g_unsetenv ("MUSTER_TEST_NONE");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_problem (cases[i].text, strlen (cases[i].text), cases[i].begin, cases[i].part);
  assert_problem ("[a b]\nx=a\0b\n", 12, "t.conf:2: [a b]: a NUL byte", "expected text");
}

static void
test_limits (void)
{
  g_autoptr (GString) text = g_string_new ("[a b]\nx=");
  g_autoptr (MusterKeyfile) keyfile = NULL;
  g_autoptr (MusterKeyfile) full = muster_keyfile_new ();
  g_autoptr (GPtrArray) problems = NULL;

  while (text->len < strlen ("[a b]\n") + MUSTER_KEYFILE_LINE_MAX)
    g_string_append_c (text, 'x');
  keyfile = parse (text->str);
  assert_no_problem (keyfile);
  g_string_append_c (text, 'x');
  assert_problem (text->str, text->len, "t.conf:2: [a b]: the line is too long", "expected at most 16 KiB");

  g_string_assign (text, "[a b]\n");
  while (text->len < MUSTER_KEYFILE_SIZE_MAX)
    g_string_append_c (text, '\n');
  muster_keyfile_parse (full, "t.conf", text->str, text->len);
  assert_no_problem (full);
  g_string_append_c (text, '\n');
  assert_problem (text->str, text->len, "t.conf: the file is too large", "expected at most 1 MiB");

  g_string_truncate (text, 6);
  for (guint i = 0; i < 2 * MUSTER_PROBLEMS_MAX; i++)
    g_string_append (text, "x\n");
  muster_keyfile_free (g_steal_pointer (&keyfile));
  keyfile = parse (text->str);
  problems = problems_of (keyfile);
  g_assert_cmpuint (problems->len, ==, MUSTER_PROBLEMS_MAX + 1);
  g_assert_nonnull (strstr (g_ptr_array_index (problems, MUSTER_PROBLEMS_MAX), "1000 more problems"));
}

/* All mistakes of one file, in the order of lines. */
static void
test_goes_on (void)
{
  g_autoptr (MusterKeyfile) keyfile = parse ("[a b]\n"
                                             "x=\\q\n"
                                             "good=1\n"
                                             "bad\n"
                                             "[a b\n"
                                             "y=\\q\n"
                                             "[c d]\n"
                                             "also=good\n"
                                             "also=twice\n");
  g_autoptr (GPtrArray) problems = problems_of (keyfile);
  static const char *const begins[] = { "t.conf:2: [a b] x: ", "t.conf:4: [a b]: ", "t.conf:5: ", "t.conf:6: y: ",
                                        "t.conf:9: [c d] also: " };

  g_assert_cmpuint (problems->len, ==, G_N_ELEMENTS (begins));
  for (guint i = 0; i < problems->len; i++)
    g_assert_true (g_str_has_prefix (g_ptr_array_index (problems, i), begins[i]));
  assert_value (keyfile, "[a b]", "good", "1");
  assert_value (keyfile, "[c d]", "also", "good");
  g_assert_null (entry_of (keyfile, "[a b]", "x")->value); /* known, but not readable */
}

/* Bytes without sense: problems, perhaps, but never more than that. */
static void
test_garbage (void)
{
  static const char alphabet[] = "[]=;#\\${}:-\n\r\t \0a\xc3\xa4\xff";

  for (guint round = 0; round < 20000; round++)
    {
      g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
      char data[64];
      gsize size = (gsize) g_test_rand_int_range (0, sizeof data);

      for (gsize i = 0; i < size; i++)
        data[i] = round % 2 == 0 ? alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)]
                                 : (char) g_test_rand_int_range (0, 256);
      muster_keyfile_parse (keyfile, "t.conf", data, size);
    }
}

/* -- files ----------------------------------------------------------------------------------------- */

typedef struct
{
  char *directory;
  GPtrArray *paths; /* of what was made, the last first to be removed */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("muster-keyfile-XXXXXX", NULL);
  g_assert_nonnull (fixture->directory);
  fixture->paths = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  for (guint i = fixture->paths->len; i > 0; i--)
    g_assert_cmpint (g_remove (g_ptr_array_index (fixture->paths, i - 1)), ==, 0);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_ptr_array_unref (fixture->paths);
  g_free (fixture->directory);
}

static const char *
add_file (Fixture *fixture, const char *name, const char *text)
{
  char *path = g_build_filename (fixture->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_ptr_array_add (fixture->paths, path);
  return path;
}

static void
add_directory (Fixture *fixture, const char *name)
{
  char *path = g_build_filename (fixture->directory, name, NULL);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_ptr_array_add (fixture->paths, path);
}

static void
test_include (Fixture *fixture, gconstpointer data)
{
  g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
  const char *path;

  add_directory (fixture, "conf.d");
  add_file (fixture, "conf.d/20-b.conf", "[worker b]\nexec=b\n");
  add_file (fixture, "conf.d/10-a.conf", "[muster]\nlevel=info\ninclude=../one\n[worker a]\nexec=a\n");
  add_file (fixture, "conf.d/.hidden.conf", "[worker hidden]\nexec=x\n");
  add_file (fixture, "conf.d/30-c.conf~", "[worker backup]\nexec=x\n");
  add_file (fixture, "one", "[worker one]\nexec=one\n");
  add_file (fixture, "two.conf", "[worker two]\nexec=two\n");
  path = add_file (fixture, "main.conf", "[muster]\nname=shop\ninclude=conf.d;two.conf\n[worker main]\nexec=main\n");
  muster_keyfile_load (keyfile, path);
  assert_no_problem (keyfile);
  {
    static const char *const labels[] = { "[muster]",     "[worker main]", "[worker a]",
                                          "[worker one]", "[worker b]",    "[worker two]" };

    g_assert_cmpuint (keyfile->groups->len, ==, G_N_ELEMENTS (labels));
    for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
      g_assert_cmpstr (((MusterKeyfileGroup *) g_ptr_array_index (keyfile->groups, i))->label, ==, labels[i]);
  }
  assert_value (keyfile, "[muster]", "name", "shop");
  assert_value (keyfile, "[muster]", "level", "info");
}

/* Loads main.conf of @text: the only problem ends with @part, and begins with the directory's @begin. */
static void
assert_load_problem (Fixture *fixture, const char *text, const char *begin, const char *part)
{
  g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
  g_autoptr (GPtrArray) problems = NULL;
  g_autofree char *full = g_build_filename (fixture->directory, begin, NULL);
  const char *path = add_file (fixture, "main.conf", text);

  muster_keyfile_load (keyfile, path);
  problems = problems_of (keyfile);
  for (guint i = 1; i < problems->len; i++)
    g_test_message ("too many: %s", (const char *) g_ptr_array_index (problems, i));
  g_assert_cmpuint (problems->len, ==, 1);
  if (!g_str_has_prefix (g_ptr_array_index (problems, 0), full)
      || strstr (g_ptr_array_index (problems, 0), part) == NULL)
    g_error ("'%s' does not begin with '%s' or lacks '%s'", (const char *) g_ptr_array_index (problems, 0), full, part);
  g_ptr_array_set_size (fixture->paths, (int) fixture->paths->len - 1); /* the next one writes it again */
}

static void
test_include_errors (Fixture *fixture, gconstpointer data)
{
  add_file (fixture, "self.conf", "[muster]\ninclude=self.conf\n");
  add_file (fixture, "a.conf", "[muster]\ninclude=b.conf\n");
  add_file (fixture, "b.conf", "[muster]\ninclude=a.conf\n");
  add_file (fixture, "bad.conf", "[worker x]\nexec\n");
  add_file (fixture, "same.conf", "[muster]\nname=y\n[worker same]\nexec=1\n");
  for (guint i = 0; i < MUSTER_KEYFILE_DEPTH_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("deep%u.conf", i);
      g_autofree char *text = g_strdup_printf ("[muster]\ninclude=deep%u.conf\n", i + 1);

      add_file (fixture, name, text);
    }
  assert_load_problem (fixture, "[muster]\ninclude=\n", "main.conf:2: [muster] include: '", "is empty; expected");
  assert_load_problem (fixture, "[muster]\ninclude=none.d\n", "main.conf:2: [muster] include: '",
                       "none.d' cannot be read");
  assert_load_problem (fixture, "[muster]\ninclude=self.conf\n", "self.conf:2: [muster] include: '",
                       "self.conf' has been read already");
  assert_load_problem (fixture, "[muster]\ninclude=main.conf\n", "main.conf:2: [muster] include: '",
                       "named on the command line");
  assert_load_problem (fixture, "[muster]\ninclude=a.conf\n", "b.conf:2: [muster] include: '", "has been read already");
  assert_load_problem (fixture, "[muster]\ninclude=bad.conf\n", "bad.conf:2: [worker x]: a line without", "expected");
  assert_load_problem (fixture, "[muster]\ninclude=same.conf\n[worker same]\nexec=2\n",
                       "same.conf:3: [worker same]: the same group is at ", "main.conf:3");
  assert_load_problem (fixture, "[muster]\nname=x\ninclude=same.conf\n",
                       "same.conf:2: [muster] name: the same key is at ", "main.conf:2");
  assert_load_problem (fixture, "[muster]\ninclude=deep0.conf\n", "deep6.conf:2: [muster] include: '",
                       "is included too deep");
  add_file (fixture, "main.conf", "");
}

static void
test_unreadable (Fixture *fixture, gconstpointer data)
{
  g_autofree char *nothing = g_build_filename (fixture->directory, "nothing.conf", NULL);
  char *fifo = g_build_filename (fixture->directory, "fifo", NULL);
  const char *const paths[] = { nothing, fixture->directory };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();
      g_autoptr (GPtrArray) problems = NULL;

      muster_keyfile_load (keyfile, paths[i]);
      problems = problems_of (keyfile);
      g_assert_cmpuint (problems->len, ==, 1);
      g_assert_true (g_str_has_prefix (g_ptr_array_index (problems, 0), paths[i]));
    }

  /* Nobody writes: nothing to read, and no waiting. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_ptr_array_add (fixture->paths, fifo);
  {
    g_autoptr (MusterKeyfile) keyfile = muster_keyfile_new ();

    muster_keyfile_load (keyfile, fifo);
    assert_no_problem (keyfile);
    g_assert_cmpuint (keyfile->groups->len, ==, 0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keyfile/groups", test_groups);
  g_test_add_func ("/keyfile/byte-order-mark", test_byte_order_mark);
  g_test_add_func ("/keyfile/escapes", test_escapes);
  g_test_add_func ("/keyfile/lists", test_lists);
  g_test_add_func ("/keyfile/variables", test_variables);
  g_test_add_func ("/keyfile/errors", test_errors);
  g_test_add_func ("/keyfile/limits", test_limits);
  g_test_add_func ("/keyfile/goes-on", test_goes_on);
  g_test_add_func ("/keyfile/garbage", test_garbage);
  g_test_add ("/keyfile/include", Fixture, NULL, set_up, test_include, tear_down);
  g_test_add ("/keyfile/include-errors", Fixture, NULL, set_up, test_include_errors, tear_down);
  g_test_add ("/keyfile/unreadable", Fixture, NULL, set_up, test_unreadable, tear_down);
  return g_test_run ();
}
