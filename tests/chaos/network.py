# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to a sender, a collector and what is between them: the cases of the network."""

import os
import signal
import socket
import subprocess
import time
from functools import partial

from cases import Case, CASES, groups, has_no_points
from cluster import Cluster, Failure, end, wait_for


def free_port():
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pair(Cluster):
    """A sender with its workers, and a collector that writes the outputs."""

    def __init__(self, row, worker="", *, network=None, **more):
        self.network = network or {}
        self.port = free_port()
        self.collector = None
        super().__init__(row, worker, **more)

    def _write_keyfile(self, exec_line, instances, group, transport, console):
        super()._write_keyfile(exec_line, instances, group, transport, console)
        for name in ("collector", "sender"):
            subprocess.run([f"{self.build}/cli/muster", "keygen", f"{self.disk}/{name}.key"], check=True,
                           stdout=subprocess.DEVNULL)
        self.allow = f"{self.disk}/clients"
        with open(f"{self.disk}/sender.key.pub", encoding="ascii") as key, open(self.allow, "w", encoding="ascii") as file:
            file.write(key.read())
        with open(self.keyfile, encoding="ascii") as file:
            lines = file.read().split("\n")
        worker, outputs = lines.index("[worker w]"), lines.index(f"[transport {self.outputs[0]}]")
        self._write_collector(lines[outputs:])
        settings = {"type": "network", "endpoint": f"tcp://127.0.0.1:{self.port}", "linger": "30s",
                    "server-key-file": f"{self.disk}/collector.key.pub", "key-file": f"{self.disk}/sender.key",
                    "spool-size": "512MiB"}
        settings.update(self.network)
        with open(self.keyfile, "w", encoding="ascii") as file:
            file.write("\n".join(lines[:worker] + lines[worker:outputs] + ["[transport central]"]
                                 + [f"{key}={value}" for key, value in settings.items()]) + "\n")

    def _write_collector(self, outputs):
        lines = ["[muster]", "name=collector", f"runtime-dir={self.memory}/collector", "interval=1h",
                 f"state-dir={self.disk}/collector-state", "drain-timeout=60s", "", "[source senders]", "type=network",
                 f"bind=tcp://127.0.0.1:{self.port}", f"key-file={self.disk}/collector.key", f"allow-file={self.allow}", ""]
        self.collector_keyfile = f"{self.disk}/collector.conf"
        with open(self.collector_keyfile, "w", encoding="ascii") as file:
            file.write("\n".join(lines + outputs) + "\n")

    @property
    def spool(self):
        return f"{self.disk}/state/transports/central.spool"

    def start_collector(self, fault=None):
        with open(self.log + ".collector", "ab") as log:
            self.collector = subprocess.Popen([f"{self.build}/cli/muster", "run", self.collector_keyfile],
                                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                              env=self.environment(fault))

    def check_collector(self):
        if self.collector.poll() is not None:
            with open(self.log + ".collector", encoding="utf-8") as log:
                raise Failure(f"the collector has ended with {self.collector.returncode}: {log.read()[-500:]}")

    def kill_collector(self):
        self.check_collector()
        self.collector.kill()
        self.collector.wait()

    def arrived(self):
        """Bytes in the protobuf file."""
        try:
            return os.path.getsize(self.path("protobuf"))
        except OSError:
            return 0

    def wait_arriving(self, more=1 << 16, seconds=30.0):
        before = self.arrived()
        wait_for(lambda: self.arrived() > before + more, "records arrive at the collector", seconds)

    def finish(self, seconds=60.0):
        super().finish(seconds)
        self.check_collector()
        self.collector.terminate()
        if self.collector.wait(60) != 0:
            raise Failure(f"the collector has stopped with {self.collector.returncode}")

    def clear(self):
        if self.collector is not None and self.collector.poll() is None:
            self.collector.kill()
            self.collector.wait()
        super().clear()


def case(name, rounds, short, help, **more):
    """Makes a case of a function that takes a Row."""
    def add(function):
        CASES.append(Case(name, help, rounds, short, function, **more))
        return function
    return add


@case("net-kill-collector", 200, 3, "kill -9 the collector under full load")
def kill_collector(row):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=20000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.15))
                pair.kill_collector()
                time.sleep(row.random.uniform(0, 0.05))
                pair.start_collector()
                pair.wait_arriving()
                row.rounds += 1
            pair.finish()
            row.take(pair)


def restart_sender(pair, down=0.0):
    before = pair.marks()
    time.sleep(down)
    pair.start()
    pair.wait_adopted(before)


@case("net-kill-sender", 100, 3, "kill -9 the sender's primary under full load")
def kill_sender(row):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=20000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.15))
                pair.kill_primary()
                restart_sender(pair, row.random.uniform(0, 0.05))
                row.rounds += 1
            pair.finish()
            row.take(pair)


@case("net-kill-both", 50, 2, "kill -9 the sender's primary and the collector together")
def kill_both(row):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=20000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.2))
                steps = [pair.kill_primary, pair.kill_collector]
                row.random.shuffle(steps)
                for step in steps:
                    step()
                    time.sleep(row.random.choice((0, 0, 0.002)))
                pair.start_collector()
                restart_sender(pair)
                pair.wait_arriving()
                row.rounds += 1
            pair.finish()
            row.take(pair)


@case("net-stop-collector", 20, 1, "SIGSTOP the collector for 1 to 10 s (a second in the short run), then SIGCONT")
def stop_collector(row):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=5000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                end(pair.collector.pid, signal.SIGSTOP)
                time.sleep(1 if row.is_short else row.random.uniform(1, 10))
                end(pair.collector.pid, signal.SIGCONT)
                pair.wait_arriving()
                row.rounds += 1
            pair.finish()
            row.take(pair)


# Each with the most passings before the one that kills.
SENDER_POINTS = {
    "network.append.before": 100,
    "network.append.after": 100,
    "network.commit.after": 100,
    "network.send.before": 100,
    "network.send.after": 100,
    "network.acknowledge.before": 30,
    "network.acknowledge.after": 30,
    "file.checkpoint.before": 100,
    "file.checkpoint.between": 100,
    "file.checkpoint.after": 100,
    "file.checkpoint.applying": 100,
    "file.checkpoint.applied": 100,
}
COLLECTOR_POINTS = {
    "network.push.before": 100,
    "network.ack.before": 30,
    "network.ack.after": 30,
    "file.write.before": 100,
    "file.write.after": 100,
    "file.checkpoint.before": 100,
    "file.checkpoint.between": 100,
    "file.checkpoint.after": 100,
    "file.checkpoint.applying": 100,
    "file.checkpoint.applied": 100,
}


def await_kill(process, point, log):
    wait_for(lambda: process.poll() is not None, f"{point} is passed", 20)
    if process.returncode != -9:
        raise Failure(f"ended with {process.returncode} instead of at {point}: {log}")


def kill_sender_at(row, point, most):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=20000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            pair.kill_primary()
            for _ in range(rounds):
                pair.start(fault=f"{point}:{row.random.randint(1, most)}")
                await_kill(pair.primary, point, pair.log)
                row.rounds += 1
            restart_sender(pair)
            pair.wait_arriving()
            pair.finish()
            row.take(pair)


def kill_collector_at(row, point, most):
    for rounds in groups(row, 10):
        with Pair(row, "--threads=2 --rate=20000", instances=2) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            pair.kill_collector()
            for _ in range(rounds):
                pair.start_collector(fault=f"{point}:{row.random.randint(1, most)}")
                await_kill(pair.collector, point, pair.log)
                row.rounds += 1
            pair.start_collector()
            pair.wait_arriving()
            pair.finish()
            row.take(pair)


for name, most in SENDER_POINTS.items():
    CASES.append(Case(f"net-sender@{name}", f"kill -9 the sender's primary at {name}", 20, 2,
                      partial(kill_sender_at, point=name, most=most), skip=has_no_points))
for name, most in COLLECTOR_POINTS.items():
    CASES.append(Case(f"net-collector@{name}", f"kill -9 the collector at {name}", 20, 2,
                      partial(kill_collector_at, point=name, most=most), skip=has_no_points))
