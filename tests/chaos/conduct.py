# SPDX-License-Identifier: LGPL-2.1-or-later
"""What workers do by themselves: they fork, log in signal handlers, and die as soon as they start."""

import os
import re
import time

from case import case, groups
from cluster import Cluster, wait_for

# -- fork, threads, signals -------------------------------------------------------------------------------


@case("fork", 3, 1, "forked children log, while threads log")
def fork(row):
    for _ in groups(row, 1):
        with Cluster(row, "--threads=4 --rate=20000 --forks=20") as cluster:
            cluster.start()
            cluster.wait_life(0)
            wait_for(lambda: cluster.page.forked(0) + cluster.page.hung(0) == 20, "the children end")
            time.sleep(0.1)
            cluster.finish()
            row.take(cluster)
            row.rounds += 1
            if cluster.page.hung(0):
                row.problem(f"{cluster.page.hung(0)} children hung")
            said = [match.group() for record in cluster.records()
                    if (match := re.search(r"child \d+ of 0 says \d+", record.get("message", "")))]
            if len(said) != 2000 or len(set(said)) != 2000:
                row.problem(f"of 2000 records of children {len(set(said))} are there, {len(said)} times")


def signal_handlers(row, count, options, journal_size):
    for _ in groups(row, 1):
        with Cluster(row, f"--threads=2 --signals={count} {options}", group={"journal-size": journal_size}) as cluster:
            cluster.start()
            cluster.wait_life(0)

            def handled():
                return cluster.page.lane(0, 2)[1] + cluster.page.lane(0, 3)[1] >= count
            wait_for(handled, f"{count} signals are handled", 300)
            cluster.finish()
            row.longest = max(getattr(row, "longest", 0), row.take(cluster)["longest_us"] / 1000)
            row.rounds += 1
    row.note(f"longest call {row.longest:.0f} ms")


@case("signal-handler", 3, 1, "a signal handler logs 10^6 times (10^4 in the short run) during logging")
def signal_handler(row):
    signal_handlers(row, 10_000 if row.is_short else 1_000_000, "--rate=20000", "1MiB")


@case("signal-handler-full", 3, 1, "a signal handler logs during logging, while a small journal is always full")
def signal_handler_full(row):
    signal_handlers(row, 2_000, "", "256KiB")


# -- restarts ---------------------------------------------------------------------------------------------


@case("restart-storm", 3, 1, "a worker that dies at once: backoff, then failed, then an idle primary")
def restart_storm(row):
    for _ in groups(row, 1):
        with Cluster(row, exec_line="/bin/false", group={"restart-delay": "10ms", "restart-delay-max": "200ms",
                                                         "restart-limit": "8", "restart-window": "1min"}) as cluster:
            cluster.start()

            def has_failed():
                cluster.check_primary()
                return any(event(record) == "failed" for record in cluster.records())
            time.sleep(1.2)
            wait_for(has_failed, "the worker is given up", 10, 0.2)
            before = spent(cluster.primary.pid)
            time.sleep(1)
            after = spent(cluster.primary.pid)
            cluster.finish()
            row.take(cluster)
            row.rounds += 1
            idle = (f"in an idle second the primary takes {(after[0] - before[0]) * 1000:.0f} ms of processor time and "
                    f"wakes {after[1] - before[1]} times")
            if after[0] - before[0] > 0.01 or after[1] - before[1] > 20:
                row.problem(idle)
            row.note(f"restarts after {check_backoff(row, cluster.records())} ms; the storm takes "
                     f"{before[0] * 1000:.0f} ms of processor time in all, {idle}")


def event(record):
    return record.get("fields", {}).get("event")


def spent(pid):
    """Processor time in seconds, and how often it went to sleep."""
    with open(f"/proc/{pid}/stat", encoding="latin-1") as stat:
        fields = stat.read().rpartition(")")[2].split()
    sleeps = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            sleeps += next(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), sleeps


def check_backoff(row, records):
    """8 restarts after 10, 20, 40, ... 200 ms, each 20 % more or less, and what a start costs: none may come early, and most
    must come in time; on a busy machine some come late. Returns what they were."""
    starts = [seconds_of(record["time"]) for record in records if event(record) == "start"]
    if len(starts) != 9:
        row.problem(f"{len(starts)} starts instead of 9")
    pauses = []
    late = []
    for number, (one, two) in enumerate(zip(starts, starts[1:])):
        delay = min(0.01 * 2 ** number, 0.2)
        pauses.append(f"{(two - one) * 1000:.0f} (of {delay * 1000:.0f})")
        if two - one < 0.8 * delay - 0.001:
            row.problem(f"restart {number + 1} came after {two - one:.3f} s instead of about {delay:.3f} s")
        if two - one > 1.2 * delay + 0.1:
            late.append(number + 1)
    if len(late) > 3:
        row.problem(f"the restarts {late} came late: {', '.join(pauses)} ms")
    return ", ".join(pauses)


def seconds_of(text):
    """2026-01-01T12:00:00.123456789Z, within a day."""
    match = re.search(r"T(\d+):(\d+):([\d.]+)", text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
