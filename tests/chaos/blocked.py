# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk is full, or a transport stands still: what is said has to wait."""

import os
import subprocess
import tempfile
import threading
import time
from statistics import median

from case import case, groups
from cluster import Cluster, Failure, end, wait_for
from deaths import check_refused, note_refused

# -- the disk is full -------------------------------------------------------------------------------------


class SmallDisk:
    """A tmpfs that grows on demand."""

    def __init__(self, megabytes):
        self.path = tempfile.mkdtemp(prefix="muster-chaos-disk-")
        self.megabytes = megabytes
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", self.path], check=True)

    def free(self):
        """Bytes that are left."""
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_bsize

    def grow(self, megabytes):
        self.megabytes += megabytes
        subprocess.run(["mount", "-o", f"remount,size={self.megabytes}m", self.path], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        subprocess.run(["umount", self.path], check=True)
        os.rmdir(self.path)


def cannot_mount(_build):
    try:
        with SmallDisk(1):
            return None
    except (OSError, subprocess.CalledProcessError):
        return "needs the right to mount a tmpfs"


def fill_disk(row, meanwhile):
    """The disk is full and nothing moves; then @meanwhile, then there is room."""
    for rounds in groups(row, 10):
        with SmallDisk(6) as disk, Cluster(row, "--threads=2 --rate=40000", instances=2, output_dir=disk.path,
                                           group={"journal-size": "256KiB"}) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for _ in range(rounds):
                before = []

                def is_stuck():
                    before.append(cluster.page.all_returned())
                    return len(before) > 50 and before[-1] == before[-50]
                wait_for(is_stuck, "everything waits for room")
                time.sleep(row.random.uniform(0, 0.1))
                meanwhile(cluster)
                disk.grow(5)
                wait_for(lambda: cluster.page.all_returned() > before[-1], "it goes on")
                row.rounds += 1
            cluster.page.set_quiet(1)
            disk.grow(60)
            cluster.finish()
            row.take(cluster)
            said = sum("No space left" in record.get("message", "") for record in cluster.records("--level=warning"))
            if not 1 <= said <= 3 * (rounds + 1) * (1 if meanwhile is nothing else 2):
                row.problem(f"it was said {said} times")


def nothing(_cluster):
    pass


@case("disk-full", 20, 2, "the log disk (a small tmpfs) is full, then freed", skip=cannot_mount)
def disk_full(row):
    fill_disk(row, nothing)


@case("disk-full-kill", 20, 2, "the log disk is full, and the primary is killed, or a worker, or both; then it is freed",
      skip=cannot_mount)
def disk_full_kill(row):
    def kill(cluster):
        if row.random.random() < 0.5:
            end(cluster.page.pid(row.random.choice(cluster.page.living())))
        if row.random.random() < 0.7:
            cluster.kill_primary()
            cluster.start()
            time.sleep(row.random.choice((0, 0, 0.1)))
    fill_disk(row, kill)


# -- a transport is stalled -------------------------------------------------------------------------------


class Pipe:
    """A pipe behind the primary's standard output; read into a file, or not."""

    def __init__(self, path):
        self.read_fd, self.write_fd = os.pipe()
        self.path = path
        self.thread = None

    def drain(self):
        os.close(self.write_fd)
        self.thread = threading.Thread(target=self._drain)
        self.thread.start()

    def _drain(self):
        with open(self.path, "wb") as file:
            while data := os.read(self.read_fd, 1 << 16):
                file.write(data)

    def close(self):
        self.thread.join()
        os.close(self.read_fd)


STALL_JOURNAL_MIB = 256  # of each of two workers
STALL_WINDOW = (16 << 20, 240 << 20)  # of the file's growth: over long before a journal can be full
STALL_PAIRS = 31


def measure_rate(cluster):
    """Bytes a second into the protobuf file, while both journals have room."""
    path = cluster.path("protobuf")
    cluster.wait_life(1)
    sizes = []
    for wanted in STALL_WINDOW:
        wait_for(lambda: os.path.getsize(path) >= wanted, "the file grows", step=0.0002)
        sizes.append((time.monotonic(), os.path.getsize(path)))
    (begun, small), (ended, large) = sizes
    full = [journal for journal in cluster.journals() if journal.used > 0.85 * journal.ring_size]
    return None if full else (large - small) / (ended - begun)


def rate_of(row, console):
    """The healthy transport's rate beside @console, which nobody reads; None: alone."""
    for _ in range(5):  # once more where one worker was so much faster that its journal filled meanwhile
        with Cluster(row, "--threads=1", instances=2, outputs=["protobuf"], console=console,
                     group={"journal-size": f"{STALL_JOURNAL_MIB}MiB"}) as cluster:
            pipe = os.pipe()
            cluster.start(stdout=pipe[1])
            rate = measure_rate(cluster)
            for fd in pipe:
                os.close(fd)
            if rate is not None:
                return rate
    raise Failure("the journals are full before the rate is measured")


def stalled(row, console, least):
    """Pairs of runs one after the other, in any order, so that what else this machine does hits both; the medians."""
    pairs = []
    for _ in range(1 if row.is_short else STALL_PAIRS):
        kinds = [None, console]
        row.random.shuffle(kinds)
        rates = {kind is None: rate_of(row, kind) for kind in kinds}
        pairs.append((rates[True], rates[False]))
    ratio = median(beside / alone for alone, beside in pairs)
    row.note(f"the healthy one: {median(alone for alone, _ in pairs) / 1e6:.0f} MB/s alone, "
             f"{median(beside for _, beside in pairs) / 1e6:.0f} MB/s beside it; in {len(pairs)} pairs of runs it keeps "
             f"{ratio:.0%} of its rate in the median, {min(b / a for a, b in pairs):.0%} to "
             f"{max(b / a for a, b in pairs):.0%}")
    if ratio < least and not row.is_short:  # a single pair says nothing on a machine that does something else
        row.problem(f"the healthy one keeps {ratio:.0%} of its rate")


def resident(pid):
    """Anonymous memory, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


@case("stalled-required", 3, 1, "a required transport that stands still beside a healthy one")
def stalled_required(row):
    stalled(row, {"required": "true"}, 0.9)
    for _ in groups(row, 1):
        with Cluster(row, "--threads=2", instances=2, outputs=["protobuf"], console={"required": "true"},
                     group={"journal-size": "4MiB"}) as cluster:
            pipe = Pipe(cluster.console)
            cluster.start(stdout=pipe.write_fd)
            cluster.wait_life(1)
            before = []

            def is_stuck():
                before.append(cluster.page.all_returned())
                return len(before) > 50 and before[-1] == before[-50]
            wait_for(is_stuck, "the journals are full")
            memory = resident(cluster.primary.pid)
            if memory > (2 * 4 + 16 + 8) << 20:
                row.problem(f"the primary has {memory >> 20} MiB, for journals of 8")
            row.most_memory = max(getattr(row, "most_memory", 0), memory >> 20)
            pipe.drain()
            wait_for(lambda: cluster.page.all_returned() > before[-1], "it goes on")
            time.sleep(0.1)
            cluster.page.set_quiet(1)
            cluster.finish()
            pipe.close()
            row.take(cluster)
            row.rounds += 1
    row.note(f"the primary has {row.most_memory} MiB at most, for journals of 8")


@case("stalled-refusing", 3, 1, "a required transport stands still for 5 s (1 s in the short run): calls keep to "
      "block-timeout; declared is what was refused", may_declare=("torn", "journal-full"))
def stalled_refusing(row):
    for _ in groups(row, 1):
        with Cluster(row, "--threads=2 --rate=5000 --late-us=200000", instances=2, outputs=["protobuf"],
                     console={"required": "true"}, group={"journal-size": "256KiB", "block-timeout": "100ms"}) as cluster:
            pipe = Pipe(cluster.console)
            cluster.start(stdout=pipe.write_fd)
            cluster.wait_life(1)
            time.sleep(1 if row.is_short else 5)
            pipe.drain()
            time.sleep(0.3)
            cluster.page.set_quiet(1)
            time.sleep(0.05)
            drops = sum(journal.drops for journal in cluster.journals())
            cluster.finish()
            pipe.close()
            check_refused(row, row.take(cluster), drops)
            row.rounds += 1
    note_refused(row)


@case("stalled-best-effort", 3, 1, "a best-effort transport that stands still beside a healthy one")
def stalled_best_effort(row):
    stalled(row, {"required": "false"}, 0.95)
    for _ in groups(row, 1):
        with Cluster(row, "--threads=2", instances=2, outputs=["protobuf"], console={"required": "false"}) as cluster:
            pipe = os.pipe()
            cluster.start(stdout=pipe[1])
            cluster.wait_life(1)
            time.sleep(0.3)
            cluster.finish()
            for fd in pipe:
                os.close(fd)
            row.take(cluster)
            row.rounds += 1
