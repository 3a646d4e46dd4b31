# SPDX-License-Identifier: LGPL-2.1-or-later
"""A primary and its workers, as the harness sees them: processes to end, journals to damage, a page that counts."""

import ctypes
import glob
import json
import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

OUTPUTS = {"protobuf": "pb", "json": "jsonl", "text": "log"}
LIVES = 2048
LANES = 8
DEADLINE = 30.0


class Failure(Exception):
    """Something did not happen that must: the case has failed."""


def wait_for(condition, what, seconds=DEADLINE, step=0.001):
    """Awaits a condition; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s in vain: {what}")
        time.sleep(step)


def become_reaper():
    """Workers that outlive their primary become our children, so that none stays behind as a zombie."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def is_alive(pid):
    """Whether it runs; a zombie does not, and is reaped where it is ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def end(pid, number=signal.SIGKILL):
    """Sends a signal to a process that this harness has started."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Page:
    """What the workers count in; see chaos-page.h."""

    def __init__(self, path):
        self.path = path
        size = 256 + LIVES * (128 + LANES * 64)
        with open(path, "wb") as file:
            file.write(b"CHAOS001")
            file.truncate(size)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)

    def _u32(self, offset):
        return struct.unpack_from("<I", self.map, offset)[0]

    @staticmethod
    def _life(number):
        return 256 + number * (128 + LANES * 64)

    @property
    def n_lives(self):
        return self._u32(8)

    def set_quiet(self, quiet):
        struct.pack_into("<I", self.map, 12, quiet)

    def set_fault(self, life, text):
        struct.pack_into("64s", self.map, self._life(life) + 16, text.encode())

    def pid(self, life):
        return self._u32(self._life(life))

    def is_ready(self, life):
        return life < self.n_lives and self._u32(self._life(life) + 4) == 1

    def forked(self, life):
        return self._u32(self._life(life) + 12)

    def hung(self, life):
        return self._u32(self._life(life) + 84)

    def lane(self, life, lane):
        """begun, returned, late, longest in ns"""
        return struct.unpack_from("<4Q", self.map, self._life(life) + 128 + lane * 64)

    def returned(self, life):
        return sum(self.lane(life, lane)[1] for lane in range(LANES))

    def all_returned(self):
        return sum(self.returned(life) for life in range(self.n_lives))

    def living(self):
        return [life for life in range(self.n_lives) if self.pid(life) and is_alive(self.pid(life))]


class Journal:
    """The numbers in a journal's header (core/muster-journal-layout-private.h)."""

    def __init__(self, path):
        self.path = path

    def _read(self, offset, form):
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                return struct.unpack(form, file.read(struct.calcsize(form)))[0]
        except (OSError, struct.error):
            return 0

    @property
    def pid(self):
        return self._read(24, "<I")

    @property
    def ring_size(self):
        return self._read(16, "<Q")

    @property
    def acknowledged(self):
        return self._read(1152, "<Q")

    @property
    def drops(self):
        return self._read(1280, "<I")

    @property
    def used(self):
        """Bytes of the ring that are taken."""
        reserved = self._read(1024, "<Q") & 0xFFFFFFFF
        return (reserved - (self.acknowledged >> 3) & 0xFFFFFFFF) * 8


class Cluster:
    """One runtime directory with its outputs: primaries come and go in it."""

    def __init__(self, row, worker="", *, group=None, transport=None, console=None, outputs=None, output_dir=None,
                 exec_line=None, instances=1, stem="all"):
        build = row.build
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.build = build
        self.memory = tempfile.mkdtemp(prefix="muster-chaos-", dir=shm)
        self.disk = tempfile.mkdtemp(prefix="muster-chaos-")
        self.output_dir = output_dir or self.disk
        self.outputs = outputs or list(OUTPUTS)
        self.stem = stem
        self.page = Page(os.path.join(self.memory, "page"))
        self.runtime = os.path.join(self.memory, "run")
        self.log = os.path.join(self.disk, "primary.stderr")
        self.keyfile = os.path.join(self.disk, f"{row.name}.conf")
        self.primary = None
        self.console = os.path.join(self.disk, "console.log")
        self.hits = None
        self.kept = False
        exec_line = exec_line or f"{build}/tests/chaos/chaos-worker {self.page.path} {worker}"
        self._write_keyfile(exec_line, instances, group or {}, transport or {}, console)

    def _write_keyfile(self, exec_line, instances, group, transport, console):
        settings = {"restart": "always", "restart-delay": "1ms", "restart-delay-max": "1ms", "restart-limit": "0",
                    "journal-size": "1MiB", "block-timeout": "60s"}
        settings.update(group)
        lines = ["[muster]", "name=fury", f"runtime-dir={self.runtime}", f"state-dir={self.disk}/state",
                 "interval=1h", "drain-timeout=60s", "", "[worker w]", f"exec={exec_line}", f"instances={instances}"]
        lines += [f"{key}={value}" for key, value in settings.items()]
        for output in self.outputs:
            lines += ["", f"[transport {output}]", "type=file", f"path={self.path(output)}", f"format={output}",
                      "retry-delay=20ms", "retry-delay-max=100ms"]
            lines += [f"{key}={value}" for key, value in transport.items()]
        if console is not None:
            lines += ["", "[transport console]", "type=console", "format=text"]
            lines += [f"{key}={value}" for key, value in console.items()]
        with open(self.keyfile, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def path(self, output):
        return os.path.join(self.output_dir, f"{self.stem}.{OUTPUTS[output]}")

    def pieces(self, output):
        """The file (or files, one for each worker) and what was rotated away from it, oldest first."""
        path = self.path(output).replace("{worker}", "*")
        rotated = glob.glob(path + ".*")
        rotated.sort(key=lambda path: -int(path.rpartition(".")[2]))
        return rotated + glob.glob(path)

    # -- processes ---------------------------------------------------------------------------------------

    def environment(self, fault=None):
        plugins = [path for kind in ("formats", "transports") for path in glob.glob(f"{self.build}/{kind}/*")
                   if os.path.isdir(path) and not path.endswith(".p")]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MUSTER_")}
        environment["MUSTER_PLUGIN_PATH"] = ":".join(plugins)
        environment["MALLOC_PERTURB_"] = ""
        if fault:
            environment["MUSTER_FAULT"] = fault
        return environment

    def start(self, fault=None, stdout=None):
        with open(self.log, "ab") as log:
            self.primary = subprocess.Popen([f"{self.build}/cli/muster", "run", self.keyfile], stdin=subprocess.DEVNULL,
                                            stdout=stdout or subprocess.DEVNULL, stderr=log,
                                            env=self.environment(fault))
        return self.primary

    def check_primary(self):
        if self.primary.poll() is not None:
            raise Failure(f"the primary has ended with {self.primary.returncode}: {self.last_error()}")

    def kill_primary(self):
        self.check_primary()
        self.primary.kill()
        self.primary.wait()

    def replace_primary(self, down=0.0):
        """After it has died: another one, and how long it takes to adopt all."""
        before = self.marks()
        time.sleep(down)
        self.start()
        return self.wait_adopted(before)

    def stop_primary(self):
        """Not an end: SIGSTOP. Returns once it stands still."""
        end(self.primary.pid, signal.SIGSTOP)

        def stands():
            with open(f"/proc/{self.primary.pid}/stat", encoding="latin-1") as stat:
                return stat.read().rpartition(")")[2].split()[0] == "T"
        wait_for(stands, "the primary stands still")

    def continue_primary(self):
        end(self.primary.pid, signal.SIGCONT)

    def last_error(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["no word"])[-1]

    def wait_life(self, life):
        """Until it logs."""
        def logs():
            self.check_primary()
            return self.page.is_ready(life) and self.page.returned(life) > 0
        wait_for(logs, f"life {life} logs")

    def journals(self, prefix="w-"):
        paths = glob.glob(f"{self.runtime}/journals/{prefix}*.journal")
        return [Journal(path) for path in sorted(paths)]

    def journal_of(self, pid):
        for journal in self.journals():
            if journal.pid == pid:
                return journal
        raise Failure(f"process {pid} has no journal")

    def wait_adopted(self, before, seconds=5.0):
        """Until every worker that lived before has something acknowledged by the new primary; how long it took."""
        start = time.monotonic()

        def adopted():
            self.check_primary()
            return all(not is_alive(journal.pid) or journal.acknowledged != acknowledged or journal.used == 0
                       for journal, acknowledged in before)
        wait_for(adopted, "all workers are adopted", seconds)
        return time.monotonic() - start

    def marks(self):
        return [(journal, journal.acknowledged) for journal in self.journals() if is_alive(journal.pid)]

    # -- the end -----------------------------------------------------------------------------------------

    def finish(self, seconds=60.0):
        """An orderly stop: everything is drained."""
        self.check_primary()
        self.primary.terminate()
        try:
            status = self.primary.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the primary does not stop: {self.last_error()}") from None
        if status != 0:
            raise Failure(f"the primary has stopped with {status}: {self.last_error()}")
        left = [os.path.basename(path) for path in glob.glob(f"{self.runtime}/journals/*")]
        if left:
            raise Failure(f"{len(left)} files are left with the journals: {', '.join(sorted(left)[:5])}")

    def verify(self):
        """What chaos-verify says, and whether `muster audit` is of the same mind."""
        command = [f"{self.build}/tests/chaos/chaos-verify", self.page.path]
        for output in self.outputs:
            command += [f"--{output}={path}" for path in self.pieces(output)]
        if os.path.exists(self.console):
            command.append(f"--text={self.console}")
        if self.hits == "all":
            command.append("--all-hit")
        elif self.hits is not None:
            hits = os.path.join(self.disk, "hits")
            with open(hits, "w", encoding="ascii") as file:
                file.write("".join(self.hits))
            command.append(f"--hit={hits}")
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        audit = subprocess.run([f"{self.build}/cli/muster", "audit", *self.pieces("protobuf")],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment())
        result["audit"] = audit.returncode
        result["audit_text"] = audit.stdout.decode(errors="replace")
        return result

    def records(self, *options):
        """What `muster cat` prints, a dict for each record."""
        command = [f"{self.build}/cli/muster", "cat", "--format=json", *options, *self.pieces("protobuf")]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=self.environment()).stdout
        return [json.loads(line) for line in out.splitlines()]

    def clear(self):
        """Ends what still runs; removes everything, unless it is kept for a look."""
        if self.primary is not None and self.primary.poll() is None:
            self.primary.kill()
            self.primary.wait()
        self.page.set_quiet(1)
        for life in range(self.page.n_lives):
            if self.page.pid(life) and is_alive(self.page.pid(life)):
                end(self.page.pid(life))
        wait_for(lambda: not self.page.living(), "the workers end")
        if not self.kept:
            shutil.rmtree(self.memory, ignore_errors=True)
            shutil.rmtree(self.disk, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.clear()
