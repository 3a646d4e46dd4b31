# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sender and the collectors on its way: the worlds of the network's cases."""

import os
import socket
import subprocess
from contextlib import contextmanager

from cluster import Cluster, Failure, wait_for


def free_port():
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_lines(path, lines):
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def network_transport(pair, name, endpoint, **more):
    """The lines of a transport that sends to a collector of @pair."""
    settings = {"type": "network", "endpoint": endpoint, "linger": "30s",
                "server-key-file": f"{pair.disk}/collector.key.pub", "key-file": f"{pair.disk}/sender.key", **more}
    return [f"[transport {name}]"] + [f"{key}={value}" for key, value in settings.items()]


class Collector:
    """`muster run` of a keyfile whose source is a network's; @outputs are the lines of its transports."""

    def __init__(self, pair, outputs, name="collector", namespace=None):
        self.pair = pair
        self.name = name
        self.address = "127.0.0.1" if namespace is None else namespace.far_address
        self.prefix = () if namespace is None else namespace.command  # of its command
        self.port = free_port()
        self.endpoint = f"tcp://{self.address}:{self.port}"
        self.process = None
        self.log = f"{pair.log}.{name}"
        self.keyfile = f"{pair.disk}/{name}.conf"
        write_lines(self.keyfile, [
            "[muster]", f"name={name}", f"runtime-dir={pair.memory}/{name}", "interval=1h",
            f"state-dir={pair.disk}/{name}-state", "drain-timeout=60s", "", "[source senders]", "type=network",
            f"bind={self.endpoint}", f"key-file={pair.disk}/collector.key", f"allow-file={pair.disk}/clients", "", *outputs])

    def start(self, fault=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, f"{self.pair.build}/cli/muster", "run", self.keyfile],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                            env=self.pair.environment(fault))

    revive = start

    def check(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise Failure(f"the {self.name} has ended with {self.process.returncode}: {log.read()[-500:]}")

    def kill(self):
        self.check()
        self.process.kill()
        self.process.wait()

    def stop(self):
        """An orderly stop."""
        self.check()
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise Failure(f"the {self.name} has stopped with {self.process.returncode}")

    def clear(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Sender:
    """The primary of a pair, spoken to as a collector is."""

    def __init__(self, pair):
        self.pair = pair

    @property
    def process(self):
        return self.pair.primary

    def start(self, fault=None):
        self.pair.start(fault)

    def kill(self):
        self.pair.kill_primary()

    def revive(self):
        self.pair.replace_primary()


class Pair(Cluster):
    """A sender with its two workers, each of whose two threads says @rate records a second, and a collector that writes the outputs."""

    def __init__(self, row, rate, *, spool_size="512MiB", proxy=None, namespace=None):
        self.row = row
        self.spool_size = spool_size
        self.proxy = proxy  # on the way to the collector, or None
        self.namespace = namespace  # where the collector is; None: here
        self.collectors = []  # in the order in which what is sent comes to them
        super().__init__(row, f"--threads=2 --rate={rate}", instances=2)
        self.sender = Sender(self)

    def _write_keyfile(self, *how):
        super()._write_keyfile(*how)
        self._make_keys()
        with open(self.keyfile, encoding="ascii") as file:
            lines = file.read().rstrip("\n").split("\n")
        first = lines.index(f"[transport {self.outputs[0]}]")
        self._add_collectors(lines[first:])
        write_lines(self.keyfile, lines[:first] + self._transports())

    def _make_keys(self):
        for name in ("collector", "sender"):
            subprocess.run([f"{self.build}/cli/muster", "keygen", f"{self.disk}/{name}.key"], check=True,
                           stdout=subprocess.DEVNULL)
        with open(f"{self.disk}/sender.key.pub", encoding="ascii") as key:
            write_lines(f"{self.disk}/clients", key.read().splitlines())

    def _add_collectors(self, outputs):
        self.collectors = [Collector(self, outputs, namespace=self.namespace)]
        if self.proxy is not None:
            self.proxy.target = (self.collector.address, self.collector.port)

    def _transports(self):
        """The lines of what the sender sends with."""
        return self._transport("central", self.collectors[0].endpoint if self.proxy is None else self.proxy.endpoint)

    def _transport(self, name, endpoint):
        return network_transport(self, name, endpoint, **{"spool-size": self.spool_size})

    @property
    def collector(self):
        """The one that writes the outputs."""
        return self.collectors[-1]

    def arrived(self):
        """Bytes in the protobuf file."""
        try:
            return os.path.getsize(self.path("protobuf"))
        except OSError:
            return 0

    def wait_arriving(self, seconds=30.0, more=1 << 16):
        before = self.arrived()
        wait_for(lambda: self.arrived() > before + more, "records arrive at the collector", seconds)

    def begin(self):
        """All run, and records arrive."""
        for collector in reversed(self.collectors):
            collector.start()
        self.start()
        self.wait_life(1)
        self.wait_arriving()

    def finish(self, seconds=60.0):
        super().finish(seconds)
        for collector in self.collectors:
            collector.stop()

    def judge(self):
        """What has come of it, for the table."""
        self.row.take(self)

    def clear(self):
        for collector in self.collectors:
            collector.clear()
        super().clear()


@contextmanager
def running(pair):
    """One that runs while a group of rounds is played, and is stopped while records arrive, and judged, then."""
    with pair:
        pair.begin()
        yield pair
        pair.wait_arriving()
        pair.finish()
        pair.judge()


def pair_at(rate):
    """The world of a plain pair."""
    return lambda row: running(Pair(row, rate))
