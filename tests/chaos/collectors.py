# SPDX-License-Identifier: LGPL-2.1-or-later
"""One sender and two collectors: the second where the first does not answer (failover), or both at once (fan-out)."""

import os
import re
import subprocess
import time

from cases import groups
from cluster import LANES, Cluster, Failure
from network import Pair, case, free_port

RECORD = re.compile(rb"chaos (\d+) (\d+) (\d+) ")


class Twins(Pair):
    """Each collector has its own port, directories and files; the key is one."""

    SIDES = (0, 1)

    def __init__(self, row, worker="", **more):
        self.ports = [free_port() for _ in self.SIDES]
        self.collectors = [None for _ in self.SIDES]
        self.endpoints = [f"tcp://127.0.0.1:{port}" for port in self.ports]
        super().__init__(row, worker, network={"endpoint": ";".join(self.endpoints)}, **more)
        self.root = self.output_dir

    def _write_collector(self, outputs):
        self.keyfiles = []
        text = "\n".join(outputs)
        for side in self.SIDES:
            os.mkdir(f"{self.disk}/{side}")
            self.port = self.ports[side]
            super()._write_collector(text.replace(f"path={self.disk}/", f"path={self.disk}/{side}/").split("\n"))
            with open(self.collector_keyfile, encoding="ascii") as file:
                text_of_side = file.read().replace("name=collector", f"name=collector-{side}")
            text_of_side = text_of_side.replace(f"{self.memory}/collector", f"{self.memory}/collector-{side}")
            self.keyfiles.append(f"{self.disk}/collector-{side}.conf")
            with open(self.keyfiles[side], "w", encoding="ascii") as file:
                file.write(text_of_side.replace("/collector-state", f"/collector-{side}-state"))

    def start_side(self, side):
        with open(f"{self.log}.collector-{side}", "ab") as log:
            self.collectors[side] = subprocess.Popen([f"{self.build}/cli/muster", "run", self.keyfiles[side]],
                                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                                                     env=self.environment())

    def check_side(self, side):
        if self.collectors[side].poll() is not None:
            raise Failure(f"collector {side} has ended with {self.collectors[side].returncode}")

    def kill_side(self, side):
        self.check_side(side)
        self.collectors[side].kill()
        self.collectors[side].wait()

    def look_at(self, side):
        """What is asked of files is answered by those of this side."""
        self.output_dir = f"{self.root}/{side}"

    def arrived_at(self, side):
        self.look_at(side)
        return self.arrived()

    def wait_arriving_at(self, sides, more=1 << 16):
        for side in sides:
            self.look_at(side)
            self.wait_arriving(more)

    def finish(self, seconds=60.0):
        Cluster.finish(self, seconds)
        for side in self.SIDES:
            self.check_side(side)
            self.collectors[side].terminate()
            if self.collectors[side].wait(60) != 0:
                raise Failure(f"collector {side} has stopped with {self.collectors[side].returncode}")

    def clear(self):
        for process in self.collectors:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        super().clear()

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


@case("net-failover", 30, 1,
      "kill -9 one or the other of two collectors, mostly where records arrive: they go on to the other")
def failover(row):
    at_both = n_active = 0
    for rounds in groups(row, 10):
        with Twins(row, "--threads=2 --rate=5000", instances=2) as twins:
            for side in twins.SIDES:
                twins.start_side(side)
            twins.start()
            twins.wait_life(1)
            for _ in range(rounds):
                active = twins.active_side()
                side = row.random.choice((active, active, 1 - active))
                n_active += side == active
                time.sleep(row.random.uniform(0.01, 0.2))
                twins.kill_side(side)
                twins.wait_arriving_at([1 - side])
                time.sleep(row.random.uniform(0, 0.2))
                twins.start_side(side)
                row.rounds += 1
            twins.active_side()
            twins.finish()
            at_both += take_union(twins, row)
    row.note(f"{n_active} times where records arrived; {at_both:,} records are at both collectors")


class Fan(Twins):
    """To both at once, a transport for each."""

    def _write_keyfile(self, exec_line, instances, group, transport, console):
        super()._write_keyfile(exec_line, instances, group, transport, console)
        with open(self.keyfile, encoding="ascii") as file:
            text = file.read()
        first = text[text.index("[transport central]"):]
        both = ";".join(self.endpoints)
        second = first.replace("[transport central]", "[transport second]").replace(both, self.endpoints[1])
        with open(self.keyfile, "w", encoding="ascii") as file:
            file.write(text.replace(both, self.endpoints[0]) + "\n" + second)


@case("net-fan-out", 20, 2, "kill -9 one of two collectors that both get everything: each is complete (both are counted)")
def fan_out(row):
    for rounds in groups(row, 10):
        with Fan(row, "--threads=2 --rate=5000", instances=2) as twins:
            for side in twins.SIDES:
                twins.start_side(side)
            twins.start()
            twins.wait_life(1)
            twins.wait_arriving_at(twins.SIDES)
            for _ in range(rounds):
                side = row.random.choice(twins.SIDES)
                time.sleep(row.random.uniform(0.01, 0.2))
                twins.kill_side(side)
                twins.wait_arriving_at([1 - side])
                twins.start_side(side)
                twins.wait_arriving_at([side])
                row.rounds += 1
            twins.finish()
            for side in twins.SIDES:
                twins.look_at(side)
                row.take(twins)
