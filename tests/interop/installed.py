# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `meson install` installs, in a temporary directory, and the environment of a user who has installed it there.

Two things in it say where it lies, and are changed: the pkg-config file, as text, and the plugin directory in the library,
as bytes, for which a symbolic link with a short name is made.
"""
import glob
import os
import shutil
import subprocess
import tempfile


def run(*command, cwd=None, env=None):
    """A command that must succeed; what it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Installed:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="muster-")
        stage = os.path.join(self.directory, "stage")
        run("meson", "install", "-C", os.environ["MUSTER_BUILD_DIR"], "--no-rebuild", "--quiet", "--destdir", stage)
        self.prefix = stage + os.environ["MUSTER_PREFIX"]
        self.library_dir = stage + os.environ["MUSTER_LIBDIR"]
        self.plugin_dir = stage + os.environ["MUSTER_PLUGINDIR"]
        self._move_pkg_config()
        self._move_plugin_dir()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")},
            "PKG_CONFIG_PATH": os.path.join(self.library_dir, "pkgconfig"),
            "LD_LIBRARY_PATH": self.library_dir,
            "LIBRARY_PATH": self.library_dir,
            "GI_TYPELIB_PATH": os.path.join(self.library_dir, "girepository-1.0"),
            "PATH": os.path.join(self.prefix, "bin") + ":/usr/bin:/bin",
            "XDG_RUNTIME_DIR": self.directory,
            "STATE_DIRECTORY": os.path.join(self.directory, "state"),
        }

    def _move_pkg_config(self):
        path = os.path.join(self.library_dir, "pkgconfig", "muster-1.pc")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace(f"prefix={os.environ['MUSTER_PREFIX']}\n", f"prefix={self.prefix}\n"))

    def _move_plugin_dir(self):
        link = os.path.join(self.directory, "p").encode()
        old = os.environ["MUSTER_PLUGINDIR"].encode()
        os.symlink(self.plugin_dir, link)
        assert len(link) <= len(old), f"{link} does not fit where {old} is"
        path = os.path.realpath(glob.glob(os.path.join(self.library_dir, "libmuster-1.so"))[0])
        with open(path, "rb") as file:
            library = file.read()
        assert library.count(old + b"\0") == 1
        with open(path, "wb") as file:
            file.write(library.replace(old + b"\0", link.ljust(len(old), b"\0") + b"\0"))

    def run(self, *command, cwd=None, **variables):
        return run(*command, cwd=cwd or self.directory, env={**self.environment, **variables})

    def path(self, name):
        return os.path.join(self.directory, name)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
