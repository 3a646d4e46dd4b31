# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to a sender, a collector and what is between them: the cases of the network."""

import signal
import time
from contextlib import contextmanager

from case import has_no_points, played
from cluster import Failure, end, wait_for
from pair import Collector, Pair, network_transport, pair_at, running
from proxy import Proxy
from wires import Namespace, cannot_disturb, cannot_make_networks, make_disturbable

# -- either end dies --------------------------------------------------------------------------------------


@played("net-kill-collector", 200, 3, "kill -9 the collector under full load", pair_at(20000))
def kill_collector(row, pair):
    time.sleep(row.random.uniform(0.01, 0.15))
    pair.collector.kill()
    time.sleep(row.random.uniform(0, 0.05))
    pair.collector.start()
    pair.wait_arriving()


@played("net-kill-sender", 100, 3, "kill -9 the sender's primary under full load", pair_at(20000))
def kill_sender(row, pair):
    time.sleep(row.random.uniform(0.01, 0.15))
    pair.kill_primary()
    pair.replace_primary(row.random.uniform(0, 0.05))


@played("net-kill-both", 50, 2, "kill -9 the sender's primary and the collector together", pair_at(20000))
def kill_both(row, pair):
    time.sleep(row.random.uniform(0.01, 0.2))
    victims = [pair.sender, pair.collector]
    row.random.shuffle(victims)
    for victim in victims:
        victim.kill()
        time.sleep(row.random.choice((0, 0, 0.002)))
    pair.collector.start()
    pair.replace_primary()
    pair.wait_arriving()


@played("net-stop-collector", 20, 1, "SIGSTOP the collector for 1 to 10 s (a second in the short run), then SIGCONT",
        pair_at(5000))
def stop_collector(row, pair):
    end(pair.collector.process.pid, signal.SIGSTOP)
    time.sleep(1 if row.is_short else row.random.uniform(1, 10))
    end(pair.collector.process.pid, signal.SIGCONT)
    pair.wait_arriving()


class Chain(Pair):
    """From the sender to a relay, a collector that keeps nothing, and on to one that writes the outputs."""

    def _add_collectors(self, outputs):
        last = Collector(self, outputs)
        self.collectors = [Collector(self, network_transport(self, "on", last.endpoint), "relay"), last]

    def judge(self):
        super().judge()
        labels = {(record["cluster"], record["worker"]) for record in self.records("--worker=w-*")}
        if labels != {("fury", "w-1"), ("fury", "w-2")}:
            self.row.problem(f"the workers have come as {labels}")


@played("net-chain", 50, 2, "kill -9 any of a sender's primary, a collector that sends on, and the next collector",
        lambda row: running(Chain(row, 5000)))
def chain(row, pair):
    time.sleep(row.random.uniform(0.01, 0.2))
    relay, collector = pair.collectors
    victims = row.random.sample((pair.sender, relay, collector), row.random.choice((1, 1, 2, 3)))
    for victim in victims:
        victim.kill()
    for one in (collector, relay, pair.sender):
        if one in victims:
            one.revive()
    pair.wait_arriving()


# -- what is between them ---------------------------------------------------------------------------------


@contextmanager
def slow(row):
    """A way of 100 ms."""
    with Proxy(0.1) as proxy, running(Pair(row, 2000, proxy=proxy)) as pair:
        yield pair


@contextmanager
def cuttable(row):
    """A wire that can be cut."""
    with Namespace() as namespace, running(Pair(row, 2000, namespace=namespace)) as pair:
        yield pair


@contextmanager
def disturbed(row, proxy=None, **how):
    """A bad wire, but for the beginning and the end; with @proxy before it."""
    with make_disturbable(row.random.random()) as namespace, \
            running(Pair(row, 2000, proxy=proxy, namespace=namespace)) as pair:
        namespace.disturb(**how)
        yield pair
        pair.wait_arriving(seconds=60)
        row.note(namespace.seen())
        namespace.disturb()


@contextmanager
def lossy(row):
    """A bad wire, with a proxy before it that can reset."""
    with Proxy() as proxy, disturbed(row, proxy, loss=0.05) as pair:
        yield pair


def wait_second(_row, _pair):
    time.sleep(1)


def reset(row, pair):
    time.sleep(1)
    row.counts["resets"] += pair.proxy.reset()


RESETS = "{resets} connections were reset"

played("net-reset", 120, 3, "the connection is reset each second (the number of rounds), on a way of 100 ms", slow,
       size=30, note=RESETS)(reset)


@played("net-partition", 50, 1, "the wire to the collector is cut for 1 to 30 s (1 to 2 s in the short run)", cuttable,
        skip=cannot_make_networks)
def partition(row, pair):
    pair.namespace.set_wire(False)
    time.sleep(row.random.uniform(1, 2 if row.is_short else 30))
    pair.namespace.set_wire(True)
    pair.wait_arriving(seconds=60)


played("net-loss", 120, 3, "5 % of the packets are lost, both ways, and the connection is reset each second (the rounds)",
       lossy, size=120, note=RESETS, skip=cannot_disturb)(reset)
played("net-delay", 60, 2, "100 ms of delay, both ways", lambda row: disturbed(row, delay=0.1), size=60,
       skip=cannot_disturb)(wait_second)
played("net-reorder", 60, 2, "a quarter of the packets overtake others by 20 ms, both ways, and 1 % is lost",
       lambda row: disturbed(row, delay=0.02, overtaking=0.25, loss=0.01), size=60, skip=cannot_disturb)(wait_second)


# -- a spool that waits -----------------------------------------------------------------------------------


class SmallSpool(Pair):
    """One whose spool a second without a collector fills."""

    def __init__(self, row, rate):
        super().__init__(row, rate, spool_size="1MiB")

    def judge(self):
        # A worker's snapshot that has no room either is declared, and was no call's.
        if not self.row.take(self, ("overdeclared",))["declared"]["spool-full"]:
            self.row.problem("nothing is declared: the spool was not full")


@played("net-spool-full", 10, 1, "the collector is away until a small spool is full, and longer: what has no room is declared",
        lambda row: running(SmallSpool(row, 5000)), size=1, may_declare=("spool-full",))
def spool_full(row, pair):
    pair.collector.kill()
    time.sleep(row.random.uniform(0.5, 1.5))
    if row.random.random() < 0.5:
        pair.kill_primary()
        pair.replace_primary()
        time.sleep(row.random.uniform(0, 0.5))
    pair.collector.start()
    pair.wait_arriving()


# -- at named points --------------------------------------------------------------------------------------

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


@contextmanager
def without(row, choose):
    """One end of the pair is dead before the rounds, and comes back behind them."""
    with running(Pair(row, 20000)) as pair:
        choose(pair).kill()
        yield pair
        choose(pair).revive()


def add_point(name, point, most, whose, choose):
    """Makes the case of an end of the pair that runs until it passes @point, again and again."""
    @played(name, 20, 2, f"kill -9 {whose} at {point}", lambda row: without(row, choose), skip=has_no_points)
    def kill_at(row, pair):
        victim = choose(pair)
        victim.start(fault=f"{point}:{row.random.randint(1, most)}")
        wait_for(lambda: victim.process.poll() is not None, f"{point} is passed", 20)
        if victim.process.returncode != -9:
            raise Failure(f"ended with {victim.process.returncode} instead of at {point}: {pair.log}")


for passed, passings in SENDER_POINTS.items():
    add_point(f"net-sender@{passed}", passed, passings, "the sender's primary", lambda pair: pair.sender)
for passed, passings in COLLECTOR_POINTS.items():
    add_point(f"net-collector@{passed}", passed, passings, "the collector", lambda pair: pair.collector)
