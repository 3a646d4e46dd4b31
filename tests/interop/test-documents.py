#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the README and the tutorial print is what works: their files are written and their commands run as printed.

A comment before a block says what it is:

    <!-- file: NAME -->              write it to NAME
    <!-- file: NAME, as PATH -->     and PATH in the source tree holds the same
    <!-- run -->                     run it with sh, in the same directory; each command must succeed
    <!-- run in: DIRECTORY -->       run it there, in a copy of that directory of the source tree
    <!-- run for N seconds -->       run it, end it by SIGTERM after that, and it must end with status 0
    <!-- prints -->                  what ran last has printed these lines, in any order; `...` is anything
"""
import glob
import os
import re
import shutil
import subprocess
import time

from installed import Installed
from primary import run_tests, skip_all

if "MUSTER_SANITIZED" in os.environ:
    skip_all("built with a sanitizer, which whatever links the library would need too")
if "MUSTER_TYPELIB_DIR" not in os.environ:
    skip_all("built without introspection")
try:
    import gi  # noqa: F401
except ImportError:
    skip_all("python3-gi is not installed")

SOURCE = os.environ["MUSTER_SOURCE_DIR"]
BLOCK = re.compile(r"^<!-- (file|run|prints)\b ?(.*?) ?-->\n+```\w*\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
installed = Installed()


def read(*path):
    with open(os.path.join(SOURCE, *path)) as file:
        return file.read()


def without_licence(text):
    """The SPDX line, and no other, is left out in print."""
    return re.sub(r"^(?:/\*|//|#) SPDX-License-Identifier:.*\n", "", text, flags=re.M)


def write_file(directory, what, text):
    name, _, original = re.fullmatch(r": ([^,]+)(, as (.*))?", what).groups()
    if original:
        assert without_licence(read(original)) == text, f"{name} is not what {original} holds"
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    if text.startswith("#!"):
        os.chmod(path, 0o755)


def run_block(directory, what, text):
    """What it printed."""
    place = re.fullmatch(r"in: (.*)", what)
    seconds = re.fullmatch(r"for (\d+) seconds?", what)
    if place:
        shutil.copytree(os.path.join(SOURCE, place[1]), os.path.join(directory, place[1]))
        directory = os.path.join(directory, place[1])
    process = subprocess.Popen(
        ["sh", "-ec", ("exec " if seconds else "") + text], cwd=directory, env=installed.environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if seconds:
        time.sleep(int(seconds[1]))
        process.terminate()
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, f"{text}status {process.returncode}\n{output}"
    return output


def check_output(expected, output):
    """Each line by itself: only within a stream is there an order."""
    printed = [" ".join(line.split()) for line in output.splitlines()]
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split("..."))
        assert any(re.fullmatch(pattern, candidate) for candidate in printed), f"not printed: {line}\nbut:\n{output}"


def try_document(name):
    directory = installed.path(os.path.basename(name))
    os.mkdir(directory)
    blocks = BLOCK.findall(read(name))
    assert len(blocks) >= 5, name
    output = ""
    for kind, what, text in blocks:
        if kind == "file":
            write_file(directory, what, text)
        elif kind == "run":
            output = run_block(directory, what, text)
        else:
            check_output(text, output)


def the_readme_does_what_it_says():
    try_document("README.md")


def the_tutorial_does_what_it_says():
    try_document("docs/tutorial.md")


def what_the_readme_shows_is_short():
    for kind, what, text in BLOCK.findall(read("README.md")):
        assert len(text.splitlines()) < 20, (what, len(text.splitlines()))


def the_readme_opens_with_two_commands():
    assert re.search(r"^```\n(.*?)^```$", read("README.md"), re.M | re.S)[1] == "./dev run\n./dev test\n"


def links_lead_somewhere():
    for name in glob.glob("**/*.md", root_dir=SOURCE, recursive=True):
        for link in LINK.findall(read(name)) if not name.startswith("build") else []:
            assert os.path.exists(os.path.join(SOURCE, os.path.dirname(name), link)), f"{name}: {link}"


run_tests(
    [
        the_readme_opens_with_two_commands,
        what_the_readme_shows_is_short,
        the_readme_does_what_it_says,
        the_tutorial_does_what_it_says,
        links_lead_somewhere,
    ],
    installed.remove,
)
