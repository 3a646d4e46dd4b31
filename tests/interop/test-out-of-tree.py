#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user who has nothing but what is installed: headers that stand alone, and a transport plugin of his own."""
import glob
import os
import shutil
import subprocess

from installed import Installed
from primary import Primary, Skip, run_tests, skip_all

if "MUSTER_SANITIZED" in os.environ:
    skip_all("built with a sanitizer, which whatever links the library would need too")
installed = Installed()
SOURCE = os.path.join(os.environ["MUSTER_SOURCE_DIR"], "examples", "transport")
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror"]
# GLib's own headers are not ours to judge.
CFLAGS = [
    "-isystem" + flag[2:] if flag.startswith("-I/usr/") else flag
    for flag in installed.run("pkg-config", "--cflags", "muster-1").split()
]
# What <muster.h> must be good for in both languages.
PROGRAM = """
#include <muster.h>
int main (void)
{
  GError *error = NULL;
  MusterSlice slice = muster_slice_from_string (NULL);
  muster_info (NULL, "%d", 1);
  return (int) slice.length + (muster_worker_connect (NULL, &error) && muster_plugin_get_type () == 0);
}
"""


def compile_text(compiler, language, text, *options):
    done = subprocess.run(
        [compiler, "-x", language, *options, *STRICT, *CFLAGS, "-"],
        input=text, text=True, capture_output=True, env=installed.environment,
    )
    assert done.returncode == 0, text + done.stderr


def muster_h_is_enough_for_c():
    for standard in ("-std=c11", "-std=gnu17"):
        compile_text("cc", "c", PROGRAM, standard)


def muster_h_is_enough_for_cpp():
    if shutil.which("c++") is None:
        raise Skip("c++ is not installed")
    compile_text("c++", "c++", PROGRAM)


def each_header_stands_alone():
    headers = glob.glob(os.path.join(installed.prefix, "include", "muster-1", "*.h"))
    assert len(headers) > 20
    for header in headers:
        compile_text("cc", "c", f"#include <{os.path.basename(header)}>\n")


def no_private_header_is_installed():
    assert glob.glob(os.path.join(installed.prefix, "include", "**", "*-private.h"), recursive=True) == []


def the_plugin_builds():
    shutil.copytree(SOURCE, installed.path("fifo"))
    installed.run("meson", "setup", "build", "--werror", cwd=installed.path("fifo"))
    installed.run("meson", "compile", "-C", "build", cwd=installed.path("fifo"))


def the_plugin_is_found_where_it_was_built():
    assert "fifo" not in installed.run("muster", "plugins").split()
    listed = installed.run("muster", "plugins", MUSTER_PLUGIN_PATH=installed.path("fifo/build"))
    assert "fifo" in listed.split() and "Into a FIFO" in listed, listed


def the_plugin_is_found_where_it_was_installed():
    installed.run("meson", "install", "-C", "build", cwd=installed.path("fifo"))
    assert os.path.exists(os.path.join(installed.plugin_dir, "fifo.so"))
    listed = installed.run("muster", "plugins")
    assert "fifo" in listed.split() and "broken" not in listed, listed
    assert "path=" in installed.run("muster", "plugins", "fifo")


def a_kind_of_metric_builds_and_is_found():
    source = os.path.join(os.environ["MUSTER_SOURCE_DIR"], "examples", "metric")
    shutil.copytree(source, installed.path("histogram"))
    installed.run("meson", "setup", "build", "--werror", cwd=installed.path("histogram"))
    installed.run("meson", "compile", "-C", "build", cwd=installed.path("histogram"))
    path = installed.path("histogram/build")
    assert "metric histogram" in installed.run("muster", "plugins", MUSTER_PLUGIN_PATH=path)
    assert "metric-kinds=histogram" in installed.run("muster", "plugins", "histogram", MUSTER_PLUGIN_PATH=path)
    assert '"kind":"metric"' in installed.run("muster", "plugins", "--json", "histogram", MUSTER_PLUGIN_PATH=path)


def the_plugin_without_a_path_is_refused():
    keyfile = installed.path("wrong.conf")
    with open(keyfile, "w") as out:
        out.write("[transport fifo]\ntype=fifo\nformat=text\n")
    done = subprocess.run(["muster", "run", keyfile], env=installed.environment, capture_output=True, text=True)
    assert done.returncode != 0 and "a fifo needs a path" in done.stderr, done


def read_numbers(fifo):
    """Those of the lines; opens the FIFO anew where its writer closes it, because it has just seen the last reader go."""
    while True:
        with open(fifo) as lines:
            for line in lines:
                yield int(line.split()[-1].rstrip("."))


def the_plugin_receives_records():
    fifo = installed.path("log.fifo")
    os.mkfifo(fifo)
    keyfile = (
        "[worker shell]\nexec=/bin/sh -c 'n=0; while sleep 0.05; do n=$$((n+1)); echo line $$n.; done'\n"
        f"[transport reader]\ntype=fifo\npath={fifo}\nformat=text\nworkers=shell-*\nretry-delay=10ms\n"
    )
    with Primary(keyfile, environment=installed.environment) as primary:
        primary.wait_for_record("shell-1", "line 3.")  # in the file; the FIFO still waits for its reader
        with open(fifo) as lines:
            assert "line 1." in lines.readline()
            assert "line 2." in lines.readline()
        numbers = read_numbers(fifo)  # one who comes back; what was in the pipe when he left is lost, nothing else
        first = next(numbers)
        assert [next(numbers) for _ in range(5)] == list(range(first + 1, first + 6))
        primary.stop()  # while he reads
        numbers.close()


run_tests(
    [
        muster_h_is_enough_for_c,
        muster_h_is_enough_for_cpp,
        each_header_stands_alone,
        no_private_header_is_installed,
        the_plugin_builds,
        the_plugin_is_found_where_it_was_built,
        the_plugin_is_found_where_it_was_installed,
        a_kind_of_metric_builds_and_is_found,
        the_plugin_without_a_path_is_refused,
        the_plugin_receives_records,
    ],
    installed.remove,
)
