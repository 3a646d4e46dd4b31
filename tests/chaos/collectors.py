# SPDX-License-Identifier: LGPL-2.1-or-later
"""One sender and two collectors: the second where the first does not answer (failover), or both at once (fan-out)."""

import os
import re
import subprocess
import time

from case import played
from cluster import LANES, Failure
from pair import Collector, Pair, running

RECORD = re.compile(rb"chaos (\d+) (\d+) (\d+) ")


class Twins(Pair):
    """Each collector has its own port, directories and files; the key is one."""

    SIDES = (0, 1)

    def __init__(self, row, rate):
        super().__init__(row, rate)
        self.root = self.output_dir

    def _add_collectors(self, outputs):
        self.collectors = []
        for side in self.SIDES:
            os.mkdir(f"{self.disk}/{side}")
            of_side = [line.replace(f"path={self.disk}/", f"path={self.disk}/{side}/") for line in outputs]
            self.collectors.append(Collector(self, of_side, f"collector-{side}"))

    def _transports(self):
        return self._transport("central", ";".join(collector.endpoint for collector in self.collectors))

    def look_at(self, side):
        """What is asked of files is answered by those of this side."""
        self.output_dir = f"{self.root}/{side}"

    def arrived_at(self, side):
        self.look_at(side)
        return self.arrived()

    def wait_arriving_at(self, side):
        self.look_at(side)
        super().wait_arriving()

    def active_side(self):
        """Where records arrive."""
        before = [self.arrived_at(side) for side in self.SIDES]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for side in self.SIDES:
                if self.arrived_at(side) > before[side] + 4096:
                    return side
            time.sleep(0.001)
        raise Failure("records arrive at neither collector")

    def wait_arriving(self):
        self.active_side()

    def judge(self):
        self.row.counts["at_both"] += take_union(self, self.row)


# -- the verdict on what lies in two places ---------------------------------------------------------------


def numbers_in(path, row):
    """The numbers of each lane in a file of lines, as a set; complains of those that are twice in it, or not in order."""
    lanes = {}
    last = {}
    with open(path, "rb") as file:
        for life, lane, number in RECORD.findall(file.read()):
            key, number = (int(life), int(lane)), int(number)
            numbers = lanes.setdefault(key, set())
            if number in numbers:
                row.twice += 1
            elif number < last.get(key, 0):
                row.problem(f"{path}: life {key[0]} lane {key[1]}: {number} comes after {last[key]}")
            numbers.add(number)
            last[key] = max(number, last.get(key, 0))
    return lanes


def numbers_at(twins, side, row):
    """Of one collector, by output."""
    twins.look_at(side)
    decoded = f"{twins.disk}/{side}/decoded"
    with open(decoded, "wb") as file:
        subprocess.run([f"{twins.build}/cli/muster", "cat", "--format=json", twins.path("protobuf")], check=True,
                       stdout=file, env=twins.environment())
    return {"protobuf": numbers_in(decoded, row), "json": numbers_in(twins.path("json"), row),
            "text": numbers_in(twins.path("text"), row)}


def take_lane(twins, row, sides, life, lane):
    """What a lane said must be at either, in each of the formats; returns how much is at both."""
    begun, returned = twins.page.lane(life, lane)[:2]
    at_both = 0
    row.returned += returned
    for output in twins.outputs:
        here, there = (side[output].get((life, lane), set()) for side in sides)
        together = here | there
        missing = set(range(1, returned + 1)) - together
        row.unaccounted += len(missing)
        if missing:
            row.problem(f"{output}: life {life} lane {lane}: {len(missing)} are at neither, from {min(missing)}")
        if together and max(together) > begun:
            row.problem(f"{output}: life {life} lane {lane}: {max(together)} was never said")
        if output == "protobuf":
            row.delivered += len(together)
            at_both = len(here & there)
    return at_both


def check_declared(twins, row):
    """No collector says that something is lost, for nothing is."""
    for side in twins.SIDES:
        twins.look_at(side)
        with open(twins.path("json"), "rb") as file:
            gaps = [line for line in file if b'"gap":' in line]
        row.declared += len(gaps)
        for line in gaps[:3]:
            row.problem(f"collector {side} declares {line.decode(errors='replace').strip()}")


def take_union(twins, row):
    """What was on its way at a kill may be at both, and at one of them in some of its files: they have checkpoints of
    their own. Returns how much is at both."""
    sides = [numbers_at(twins, side, row) for side in twins.SIDES]
    at_both = sum(take_lane(twins, row, sides, life, lane)
                  for life in range(twins.page.n_lives) for lane in range(LANES))
    check_declared(twins, row)
    if not row.is_good and row.keep:
        twins.kept = True
        row.problem(f"kept: {twins.memory} {twins.disk}")
    return at_both


@played("net-failover", 30, 1,
        "kill -9 one or the other of two collectors, mostly where records arrive: they go on to the other",
        lambda row: running(Twins(row, 5000)),
        note="{n_active} times where records arrived; {at_both:,} records are at both collectors")
def failover(row, twins):
    active = twins.active_side()
    side = row.random.choice((active, active, 1 - active))
    row.counts["n_active"] += side == active
    time.sleep(row.random.uniform(0.01, 0.2))
    twins.collectors[side].kill()
    twins.wait_arriving_at(1 - side)
    time.sleep(row.random.uniform(0, 0.2))
    twins.collectors[side].start()


class Fan(Twins):
    """To both at once, a transport for each."""

    def _transports(self):
        names = ("central", "second")
        return [line for name, collector in zip(names, self.collectors)
                for line in [*self._transport(name, collector.endpoint), ""]]

    def wait_arriving(self):
        for side in self.SIDES:
            self.wait_arriving_at(side)

    def judge(self):
        for side in self.SIDES:
            self.look_at(side)
            self.row.take(self)


@played("net-fan-out", 20, 2, "kill -9 one of two collectors that both get everything: each is complete (both are counted)",
        lambda row: running(Fan(row, 5000)))
def fan_out(row, twins):
    side = row.random.choice(twins.SIDES)
    time.sleep(row.random.uniform(0.01, 0.2))
    twins.collectors[side].kill()
    twins.wait_arriving_at(1 - side)
    twins.collectors[side].start()
    twins.wait_arriving_at(side)
