# SPDX-License-Identifier: LGPL-2.1-or-later
"""Journals are damaged: what was hit is declared, and nothing else is lost."""

import os
import subprocess

from case import case, groups
from cluster import Cluster, end, is_alive, wait_for
from deaths import check_ends

# -- journals are damaged ---------------------------------------------------------------------------------


def damage(row, cluster, life, hurt):
    """The worker's journal fills, the worker is killed, the journal is hurt. Meanwhile the primary stands still, and has
    part of it in its memory; or it is dead, and all has to come out of the journal."""
    pid = cluster.page.pid(life)
    journal = cluster.journal_of(pid)
    stands = row.random.random() < 0.5
    if stands:
        cluster.stop_primary()
    else:
        cluster.kill_primary()
    wait_for(lambda: journal.used > journal.ring_size * 0.8, "its journal is full")
    end(pid)
    wait_for(lambda: not is_alive(pid), "it has ended")
    hurt(journal)
    if stands:
        cluster.continue_primary()
    else:
        cluster.start()


def flip_bytes(row, options, per_journal, unchecked=()):
    for flips in groups(row, per_journal * 10):
        with Cluster(row, "--threads=2", instances=2, group={"journal-size": "4MiB"}) as cluster:
            cluster.hits = []

            def hurt(journal):
                command = [f"{row.build}/tests/chaos/chaos-flip", journal.path, f"--flips={per_journal}",
                           f"--seed={row.random.randrange(1 << 31)}", *options]
                cluster.hits.append(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            cluster.start()
            cluster.wait_life(1)
            for life in range(2, 2 + flips // per_journal):
                damage(row, cluster, life - 2, hurt)
                cluster.wait_life(life)
                row.rounds += per_journal
            cluster.finish()
            row.take(cluster, unchecked)
            row.hits = getattr(row, "hits", 0) + len(set("".join(cluster.hits).splitlines()))
    row.note(f"{row.hits} records were hit")


@case("flip-bytes", 2000, 100, "bytes of a dead worker's journal are flipped before it is drained: what was hit is "
      "declared, and nothing else", may_declare=("torn", "corrupt"))
def flip_ring(row):
    flip_bytes(row, [], 25)


@case("flip-header", 200, 10, "bytes of a dead worker's journal's header are flipped: nothing is lost",
      may_declare=("torn", "corrupt", "unknown", "journal-full"))
def flip_header(row):
    flip_bytes(row, ["--header"], 5, unchecked=("overdeclared",))


@case("flip-area", 500, 50, "bytes of a dead worker's metrics area are flipped: no record is lost, and nobody is hurt")
def flip_area(row):
    flip_bytes(row, ["--area"], 25)


def truncate_journals(row, size):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2, group={"journal-size": "4MiB"}) as cluster:
            cluster.hits = "all"
            cluster.start()
            cluster.wait_life(1)
            for life in range(2, 2 + rounds):
                damage(row, cluster, life - 2, lambda journal: os.truncate(journal.path, size(journal)))
                cluster.wait_life(life)
                row.rounds += 1
            cluster.finish()
            result = row.take(cluster, unchecked=("uncountable",))
            row.uncountable = getattr(row, "uncountable", 0) + result["uncountable"]
            yield result["lives"][:rounds]
    row.note(f"{row.uncountable} records are lost in what is declared UNKNOWN")


@case("truncate-journal", 20, 3, "a dead worker's journal is truncated to 0: its loss is declared UNKNOWN",
      may_declare=("torn", "unknown"))
def truncate_journal(row):
    for lives in truncate_journals(row, lambda journal: 0):
        for life in lives:
            if not life["unknown"]:
                row.problem(f"pid {life['pid']}: nothing is declared UNKNOWN")


@case("shorten-journal", 20, 3, "a dead worker's journal is truncated somewhere",
      may_declare=("torn", "corrupt", "unknown"))
def shorten_journal(row):
    for _ in truncate_journals(row, lambda journal: row.random.randrange(1, 4096 + journal.ring_size)):
        pass


@case("truncate-living", 20, 3, "a living worker's journal is truncated to 0: SIGBUS ends it, and nobody else",
      may_declare=("torn", "unknown"))
def truncate_living(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2, group={"journal-size": "4MiB"}) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for life in range(2, 2 + rounds):
                os.truncate(cluster.journal_of(cluster.page.pid(life - 2)).path, 0)
                cluster.wait_life(life)
                row.rounds += 1
            cluster.finish()
            check_ends(row, {"lives": row.take(cluster, unchecked=("uncountable",))["lives"][:rounds]}, signal=7)
