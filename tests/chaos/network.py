# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to a sender, a collector and what is between them: the cases of the network."""

import os
import queue
import signal
import socket
import struct
import subprocess
import threading
import time
from functools import partial

from cases import Case, CASES, groups, has_no_points
from cluster import Cluster, Failure, end, wait_for
from wires import Namespace, cannot_disturb, cannot_make_networks, make_disturbable


def free_port():
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pair(Cluster):
    """A sender with its workers, and a collector that writes the outputs."""

    def __init__(self, row, worker="", *, network=None, bind="127.0.0.1", connect=None, prefix=(), **more):
        self.network = network or {}
        self.port = free_port()
        self.bind = bind
        self.connect = connect or f"{bind}:{self.port}"
        self.prefix = list(prefix)  # of the collector's command
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
        settings = {"type": "network", "endpoint": f"tcp://{self.connect}", "linger": "30s",
                    "server-key-file": f"{self.disk}/collector.key.pub", "key-file": f"{self.disk}/sender.key",
                    "spool-size": "512MiB"}
        settings.update(self.network)
        with open(self.keyfile, "w", encoding="ascii") as file:
            file.write("\n".join(lines[:worker] + lines[worker:outputs] + ["[transport central]"]
                                 + [f"{key}={value}" for key, value in settings.items()]) + "\n")

    def _write_collector(self, outputs):
        lines = ["[muster]", "name=collector", f"runtime-dir={self.memory}/collector", "interval=1h",
                 f"state-dir={self.disk}/collector-state", "drain-timeout=60s", "", "[source senders]", "type=network",
                 f"bind=tcp://{self.bind}:{self.port}", f"key-file={self.disk}/collector.key", f"allow-file={self.allow}", ""]
        self.collector_keyfile = f"{self.disk}/collector.conf"
        with open(self.collector_keyfile, "w", encoding="ascii") as file:
            file.write("\n".join(lines + outputs) + "\n")

    @property
    def spool(self):
        return f"{self.disk}/state/transports/central.spool"

    def start_collector(self, fault=None):
        with open(self.log + ".collector", "ab") as log:
            self.collector = subprocess.Popen([*self.prefix, f"{self.build}/cli/muster", "run", self.collector_keyfile],
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


class Chain(Pair):
    """From the sender to a collector that keeps nothing, and on to one that writes the outputs."""

    def __init__(self, row, worker="", **more):
        self.relay = None
        self.last_port = free_port()
        super().__init__(row, worker, **more)

    def _write_collector(self, outputs):
        relay = ["[transport on]", "type=network", f"endpoint=tcp://127.0.0.1:{self.last_port}", "linger=30s",
                 f"server-key-file={self.disk}/collector.key.pub", f"key-file={self.disk}/sender.key"]
        super()._write_collector(relay)
        self.relay_keyfile = f"{self.disk}/relay.conf"
        with open(self.collector_keyfile, encoding="ascii") as file:
            lines = file.read().replace("name=collector", "name=relay").replace("/collector\n", "/relay\n")
        with open(self.relay_keyfile, "w", encoding="ascii") as file:
            file.write(lines.replace("collector-state", "relay-state"))
        port, self.port = self.port, self.last_port
        super()._write_collector(outputs)
        self.port = port

    def start_relay(self):
        with open(self.log + ".relay", "ab") as log:
            self.relay = subprocess.Popen([f"{self.build}/cli/muster", "run", self.relay_keyfile],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                          env=self.environment())

    def kill_relay(self):
        if self.relay.poll() is not None:
            raise Failure(f"the relay has ended with {self.relay.returncode}")
        self.relay.kill()
        self.relay.wait()

    def finish(self, seconds=60.0):
        Cluster.finish(self, seconds)
        self.relay.terminate()
        if self.relay.wait(60) != 0:
            raise Failure(f"the relay has stopped with {self.relay.returncode}")
        self.check_collector()
        self.collector.terminate()
        if self.collector.wait(60) != 0:
            raise Failure(f"the collector has stopped with {self.collector.returncode}")

    def clear(self):
        if self.relay is not None and self.relay.poll() is None:
            self.relay.kill()
            self.relay.wait()
        super().clear()


@case("net-chain", 50, 2, "kill -9 any of a sender's primary, a collector that sends on, and the next collector")
def chain(row):
    for rounds in groups(row, 10):
        with Chain(row, "--threads=2 --rate=5000", instances=2) as pair:
            pair.start_collector()
            pair.start_relay()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.2))
                victims = row.random.sample(("sender", "relay", "collector"), row.random.choice((1, 1, 2, 3)))
                for victim in victims:
                    {"sender": pair.kill_primary, "relay": pair.kill_relay, "collector": pair.kill_collector}[victim]()
                if "collector" in victims:
                    pair.start_collector()
                if "relay" in victims:
                    pair.start_relay()
                if "sender" in victims:
                    restart_sender(pair)
                pair.wait_arriving()
                row.rounds += 1
            pair.finish()
            row.take(pair)
            labels = {(record["cluster"], record["worker"]) for record in pair.records("--worker=w-*")}
            if labels != {("fury", "w-1"), ("fury", "w-2")}:
                row.problem(f"the workers have come as {labels}")


# -- what is between them ---------------------------------------------------------------------------------


class Proxy:
    """A way to the collector that is slow, or breaks."""

    def __init__(self, delay=0.0):
        self.delay = delay
        self.target = None  # address and port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
                there = socket.create_connection(self.target, timeout=5)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue
            there.settimeout(None)
            self.sockets += [here, there]
            for one, other in ((here, there), (there, here)):
                pieces = queue.Queue(256)
                threading.Thread(target=self._read, args=(one, pieces), daemon=True).start()
                threading.Thread(target=self._write, args=(pieces, other), daemon=True).start()

    @staticmethod
    def _read(source, pieces):
        data = b"begin"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            pieces.put((time.monotonic(), data))

    def _write(self, pieces, target):
        while True:
            came, data = pieces.get()
            time.sleep(max(0.0, came + self.delay - time.monotonic()))
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                data = b""

    def reset(self):
        """All connections end by RST, whatever is on its way."""
        sockets, self.sockets = self.sockets, []
        for one in sockets:
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
                one.close()
            except OSError:
                pass
        return len(sockets) // 2

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()
        self.reset()


@case("net-reset", 120, 3, "the connection is reset each second (the number of rounds), on a way of 100 ms")
def reset(row):
    for rounds in groups(row, 30):
        with Proxy(0.1) as proxy, Pair(row, "--threads=2 --rate=2000", instances=2,
                                       connect=f"127.0.0.1:{proxy.port}") as pair:
            proxy.target = (pair.bind, pair.port)
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                time.sleep(1)
                row.resets = getattr(row, "resets", 0) + proxy.reset()
                row.rounds += 1
            pair.wait_arriving()
            pair.finish()
            row.take(pair)
    row.note(f"{row.resets} connections were reset")


def far_pair(namespace, row, worker, **more):
    """A pair whose collector is in that network."""
    return Pair(row, worker, instances=2, bind=f"{namespace.net}.2", prefix=("ip", "netns", "exec", namespace.name), **more)


@case("net-partition", 50, 1, "the wire to the collector is cut for 1 to 30 s (1 to 2 s in the short run)",
      skip=cannot_make_networks)
def partition(row):
    for rounds in groups(row, 10):
        with Namespace() as namespace, far_pair(namespace, row, "--threads=2 --rate=2000") as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            for _ in range(rounds):
                namespace.set_wire(False)
                time.sleep(row.random.uniform(1, 2 if row.is_short else 30))
                namespace.set_wire(True)
                pair.wait_arriving(seconds=60)
                row.rounds += 1
            pair.finish()
            row.take(pair)


def disturbed(row, rounds, proxy=None, **how):
    """Each round is a second on a bad wire; with a proxy before it, that resets all connections then."""
    connect = f"127.0.0.1:{proxy.port}" if proxy is not None else None
    with make_disturbable(row.random.random()) as namespace, \
            far_pair(namespace, row, "--threads=2 --rate=2000", connect=connect) as pair:
        if proxy is not None:
            proxy.target = (pair.bind, pair.port)
        pair.start_collector()
        pair.start()
        pair.wait_life(1)
        pair.wait_arriving()
        namespace.disturb(**how)
        for _ in range(rounds):
            time.sleep(1)
            if proxy is not None:
                row.resets = getattr(row, "resets", 0) + proxy.reset()
            row.rounds += 1
        pair.wait_arriving(seconds=60)
        row.note(namespace.seen())
        namespace.disturb()
        pair.finish()
        row.take(pair)


@case("net-loss", 120, 3, "5 % of the packets are lost, both ways, and the connection is reset each second (the rounds)",
      skip=cannot_disturb)
def loss(row):
    for rounds in groups(row, 120):
        with Proxy() as proxy:
            disturbed(row, rounds, proxy, loss=0.05)
    row.note(f"{row.resets} connections were reset")


@case("net-delay", 60, 2, "100 ms of delay, both ways", skip=cannot_disturb)
def delay(row):
    for rounds in groups(row, 60):
        disturbed(row, rounds, delay=0.1)


@case("net-reorder", 60, 2, "a quarter of the packets overtake others by 20 ms, both ways, and 1 % is lost",
      skip=cannot_disturb)
def reorder(row):
    for rounds in groups(row, 60):
        disturbed(row, rounds, delay=0.02, overtaking=0.25, loss=0.01)


# -- a spool that waits -----------------------------------------------------------------------------------


@case("net-spool-full", 10, 1, "the collector is away until a small spool is full, and longer: what has no room is declared",
      may_declare=("spool-full",))
def spool_full(row):
    for _ in groups(row, 1):
        with Pair(row, "--threads=2 --rate=5000", instances=2, network={"spool-size": "1MiB"}) as pair:
            pair.start_collector()
            pair.start()
            pair.wait_life(1)
            pair.wait_arriving()
            pair.kill_collector()
            time.sleep(row.random.uniform(0.5, 1.5))
            if row.random.random() < 0.5:
                pair.kill_primary()
                restart_sender(pair)
                time.sleep(row.random.uniform(0, 0.5))
            pair.start_collector()
            pair.wait_arriving()
            pair.finish()
            # A worker's snapshot that has no room either is declared, and was no call's.
            if not row.take(pair, ("overdeclared",))["declared"]["spool-full"]:
                row.problem("nothing is declared: the spool was not full")
            row.rounds += 1


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
