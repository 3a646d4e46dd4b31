# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sender and a collector on loopback with CURVE, as processes, and where the spool between them stands.

A spool's header says what has been appended and what is acknowledged (core/muster-journal-layout-private.h).
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

DEADLINE = 120
COLLECTOR = """[muster]
name=collector
runtime-dir={directory}/collector-run
state-dir={directory}/collector-state
[source senders]
type=network
bind=tcp://127.0.0.1:{port}
key-file={directory}/collector.key
allow-file={directory}/clients
[transport out]
type=file
path={directory}/out
format={form}
"""
SENDER = """[muster]
name=sender
runtime-dir={directory}/run
state-dir={directory}/state
{workers}
[transport central]
type=network
endpoint=tcp://127.0.0.1:{port}
server-key-file={directory}/collector.key.pub
key-file={directory}/sender.key
linger=10s
{keys}
"""


def find_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pair:
    """Use it as a context: at its end the processes are ended, and its directory is removed."""

    def __init__(self, build, form):
        self.build = os.path.abspath(build)
        self.form = form
        self.directory = tempfile.mkdtemp(prefix="muster-bench-network-")
        self.spool = f"{self.directory}/state/transports/central.spool"
        self.output = f"{self.directory}/out"
        self.port = find_port()
        self.running = {}
        os.mkdir(f"{self.directory}/results")
        for name in ("collector", "sender"):
            self.muster("keygen", f"{self.directory}/{name}.key")
        shutil.copy(f"{self.directory}/sender.key.pub", f"{self.directory}/clients")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for process in reversed(self.running.values()):
            process.terminate()
            process.wait()
        shutil.rmtree(self.directory)

    def muster(self, *arguments):
        subprocess.run([f"{self.build}/cli/muster", *arguments], check=True, stdout=subprocess.DEVNULL)

    def start(self, name, text, **more):
        """`text`: its keyfile, of those above."""
        path = f"{self.directory}/{name}.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(text.format(directory=self.directory, port=self.port, form=self.form, **more))
        self.running[name] = subprocess.Popen([f"{self.build}/cli/muster", "run", path])

    def start_collector(self):
        self.start("collector", COLLECTOR)

    def start_sender(self, workers, keys=()):
        """`workers`: the groups of its keyfile; `keys`: of its network transport, KEY=VALUE each."""
        self.start("sender", SENDER, workers=workers, keys="\n".join(keys))

    def worker(self, name, *arguments, instances=1):
        words = " ".join(str(argument) for argument in arguments)
        return (f"[worker {name}]\nexec={self.build}/tests/bench/bench-worker {words}\ninstances={instances}\n"
                "restart=no\nblock-timeout=10s\n")

    def wait(self, is_over, what):
        """Until `is_over()`; none of the processes may end meanwhile."""
        deadline = time.monotonic() + DEADLINE
        while not is_over():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.running.values()):
                sys.exit(f"{what}: that did not happen")
            time.sleep(0.002)

    def count_waiting(self):
        """Bytes that are in the spool and not acknowledged; None before there is one."""
        if not os.path.exists(self.spool):
            return None
        with open(self.spool, "rb") as file:
            file.seek(1024)
            reserved = struct.unpack("<Q", file.read(8))[0] & 0xFFFFFFFF
            file.seek(1152)
            acknowledged = struct.unpack("<Q", file.read(8))[0] >> 3 & 0xFFFFFFFF
        return (reserved - acknowledged & 0xFFFFFFFF) << 3

    def read_results(self, word):
        """What the workers that have come to their end wrote behind a word."""
        values = []
        for name in os.listdir(f"{self.directory}/results"):
            with open(f"{self.directory}/results/{name}", encoding="ascii") as file:
                values += [line.split()[1] for line in file if line.startswith(f"{word} ")]
        return values

    def get_anonymous_memory(self, name):
        """In bytes."""
        with open(f"/proc/{self.running[name].pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon:"))
