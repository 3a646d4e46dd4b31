# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to a cluster: one function for each case of the table in docs/reliability.md."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from functools import partial
from statistics import median

from case import CASES, Case, case, groups, has_no_points
from cluster import Cluster, Failure, end, is_alive, wait_for

# -- workers die ------------------------------------------------------------------------------------------


def kill_workers(row, threads):
    for rounds in groups(row, 25):
        with Cluster(row, f"--threads={threads}") as cluster:
            cluster.start()
            for life in range(rounds):
                cluster.wait_life(life)
                time.sleep(row.random.uniform(0, 0.12))
                end(cluster.page.pid(life))
                row.rounds += 1
            cluster.wait_life(rounds)
            cluster.finish()
            check_ends(row, row.take(cluster), signal=9, but_last=True)


def check_ends(row, result, signal=None, status=None, but_last=False, backtrace=False, stderr=False):
    """Every life has its death record, as the last entry of its own stream."""
    lives = result["lives"][:-1] if but_last else result["lives"]
    for life in lives:
        missing = [what for what in ("ended", "last", "run_time", "rss") if not life[what]]
        missing += ["backtrace"] if backtrace and not life["backtrace"] else []
        missing += ["stderr"] if stderr and not life["stderr"] else []
        if missing:
            row.problem(f"the death record of pid {life['pid']} lacks: {', '.join(missing)}")
        if signal is not None and life["signal"] != signal or status is not None and life["status"] != status:
            row.problem(f"pid {life['pid']}: signal {life['signal']}, status {life['status']}")


@case("kill-worker-1", 300, 6, "kill -9 a worker of one thread under full load, at a random time")
def kill_worker_1(row):
    kill_workers(row, 1)


@case("kill-worker-8", 300, 6, "kill -9 a worker of eight threads under full load, at a random time")
def kill_worker_8(row):
    kill_workers(row, 8)


# -- the primary dies -------------------------------------------------------------------------------------


def replace_primary(row, cluster, down=0.0):
    """After the primary has died: another one; the longest that it takes to adopt all is kept."""
    row.longest = max(getattr(row, "longest", 0), cluster.replace_primary(down))


def check_second_primary(row, cluster):
    """While one lives, another one is refused, and says so."""
    second = subprocess.run([f"{row.build}/cli/muster", "run", cluster.keyfile], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=cluster.environment(), timeout=10)
    if second.returncode == 0 or b"another primary" not in second.stderr:
        row.problem(f"a second primary ends with {second.returncode}: {second.stderr.decode()}")


@case("kill-primary", 300, 6, "kill -9 the primary under full load; its workers are adopted within 5 s")
def kill_primary(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.15))
                cluster.kill_primary()
                replace_primary(row, cluster, row.random.uniform(0, 0.05))
                row.rounds += 1
            check_second_primary(row, cluster)
            if cluster.page.n_lives != 2:
                row.problem(f"{cluster.page.n_lives} lives instead of 2: not adopted, but started again")
            cluster.finish()
            row.take(cluster)
    row.note(f"adopted within {row.longest:.2f} s")


@case("kill-primary-rotating", 100, 4, "kill -9 the primary while files rotate at 512 KiB, and are opened anew at random "
      "times")
def kill_primary_rotating(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2, transport=ROTATING) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.1))
                if row.random.random() < 0.5:
                    end(cluster.primary.pid, signal.SIGHUP)
                    time.sleep(row.random.uniform(0, 0.02))
                cluster.kill_primary()
                replace_primary(row, cluster)
                row.rounds += 1
            cluster.finish()
            row.take(cluster)
            row.files = getattr(row, "files", 0) + len(cluster.pieces("protobuf"))
    row.note(f"{row.files} protobuf files, adopted within {row.longest:.2f} s")


@case("kill-primary-split", 50, 2, "kill -9 the primary while each worker has files of its own")
def kill_primary_split(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2 --lines", instances=3, stem="{worker}") as cluster:
            cluster.start()
            cluster.wait_life(2)
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.1))
                cluster.kill_primary()
                replace_primary(row, cluster)
                row.rounds += 1
            cluster.finish()
            row.take(cluster)


@case("kill-primary-refusing", 20, 2, "kill -9 the primary of workers that never wait: declared is what was refused",
      may_declare=("torn", "journal-full"))
def kill_primary_refusing(row):
    for rounds in groups(row, 5):
        with Cluster(row, "--threads=2 --rate=20000", instances=2,
                     group={"journal-size": "256KiB", "block-timeout": "0"}) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.1))
                cluster.kill_primary()
                replace_primary(row, cluster, row.random.uniform(0, 0.3))
                row.rounds += 1
            cluster.page.set_quiet(1)
            time.sleep(0.05)
            drops = sum(journal.drops for journal in cluster.journals())
            cluster.finish()
            refused = row.take(cluster)["declared"]["journal-full"]
            if refused != drops:
                row.problem(f"{drops} calls were refused, {refused} declared")


@case("stop-and-start", 20, 3, "SIGTERM under full load, then another primary: nothing is left to adopt")
def stop_and_start(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2) as cluster:
            for number in range(rounds):
                cluster.start()
                cluster.wait_life(2 * number + 1)
                time.sleep(row.random.uniform(0, 0.1))
                cluster.finish()
                row.rounds += 1
            check_ends(row, row.take(cluster), signal=15)


@case("kill-both", 100, 4, "kill -9 the primary and a worker together")
def kill_both(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2", instances=2) as cluster:
            cluster.start()
            cluster.wait_life(1)
            for number in range(rounds):
                time.sleep(row.random.uniform(0.01, 0.15))
                victim = row.random.choice(cluster.page.living())
                steps = [lambda: end(cluster.page.pid(victim)), cluster.kill_primary]
                row.random.shuffle(steps)
                steps[0]()
                time.sleep(row.random.choice((0, 0, 0.002)))
                steps[1]()
                replace_primary(row, cluster)
                cluster.wait_life(2 + number)
                row.rounds += 1
            cluster.finish()
            row.take(cluster)
    row.note(f"adopted within {row.longest:.2f} s")


class Mixer:
    """Does one thing after the other to a cluster, and never waits until it has come to rest."""

    def __init__(self, row, cluster):
        self.random = row.random
        self.cluster = cluster

    def kill_worker(self):
        for life in self.random.sample(living := self.cluster.page.living(), min(len(living), self.random.randint(1, 2))):
            end(self.cluster.page.pid(life))

    def kill_primary(self):
        self.cluster.kill_primary()
        if self.random.random() < 0.3:
            time.sleep(self.random.uniform(0, 0.05))
            self.kill_worker()
        time.sleep(self.random.choice((0, 0, 0.03)))
        self.cluster.start()

    def kill_both(self):
        self.kill_worker()
        self.kill_primary()

    def stop_primary(self):
        self.cluster.stop_primary()
        time.sleep(self.random.uniform(0, 0.1))
        if self.random.random() < 0.5:
            self.kill_worker()
        self.cluster.continue_primary()

    def step(self):
        self.random.choice((self.kill_worker, self.kill_worker, self.kill_primary, self.kill_primary, self.kill_both,
                            self.stop_primary))()
        time.sleep(self.random.choice((0, 0.005, 0.03, 0.1)) * self.random.random())


@case("mixed", 400, 20, "workers and primaries are killed and stopped, while files rotate, again before all is at rest")
def mixed(row):
    for rounds in groups(row, 20):
        options = row.random.choice(("--threads=2", "--threads=2 --lines", "--threads=5 --rate=20000"))
        with Cluster(row, options, instances=3, transport=ROTATING, group={"journal-size": "512KiB"}) as cluster:
            mixer = Mixer(row, cluster)
            cluster.start()
            cluster.wait_life(2)
            for _ in range(rounds):
                mixer.step()
                row.rounds += 1
            before = cluster.marks()
            cluster.wait_adopted(before)
            wait_for(lambda: len(cluster.page.living()) == 3, "all workers run again")
            cluster.finish()
            row.take(cluster)


@case("printed-lines", 20, 3, "kill -9 the primary of a worker that prints a line each millisecond: they wait in its FIFO")
def printed_lines(row):
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=1 --rate=1000 --lines") as cluster:
            cluster.start()
            cluster.wait_life(0)
            for _ in range(rounds):
                time.sleep(row.random.uniform(0.02, 0.15))
                cluster.kill_primary()
                replace_primary(row, cluster, row.random.uniform(0, 0.1))
                row.rounds += 1
            time.sleep(0.05)
            cluster.page.set_quiet(1)
            time.sleep(0.05)
            cluster.finish()
            result = row.take(cluster)
            row.lines = [a + b for a, b in zip(getattr(row, "lines", (0, 0)), (result["captured"], result["printed"]))]
            if not result["printed"] - rounds <= result["captured"] <= result["printed"]:
                row.problem(f"of {result['printed']} lines {result['captured']} are there")
    row.note(f"{row.lines[0]} of {row.lines[1]} lines")


# -- at named points --------------------------------------------------------------------------------------

# Each with the most passings before the one that kills.
WORKER_POINTS = {
    "journal.reserve.before": 5000,
    "journal.reserve.after": 5000,
    "journal.publish.before": 5000,
    "journal.publish.after": 5000,
    "link.send.before": 40,
    "link.send.after": 40,
}
PRIMARY_POINTS = {
    "journal.reserve.before": 20,
    "journal.reserve.after": 20,
    "journal.publish.before": 20,
    "journal.publish.after": 20,
    "receiver.accept": 100,
    "receiver.ack.before": 100,
    "receiver.ack.after": 100,
    "receiver.drain.before": 1,
    "receiver.drain.after": 1,
    "journal.unlink.before": 1,
    "journal.unlink.after": 1,
    "worker.end.before": 1,
    "spawn.before": 1,
    "spawn.forked": 1,
    "spawn.known": 1,
    "adopt.before": 3,
    "adopt.after": 3,
    "file.write.before": 300,
    "file.write.after": 300,
    "file.checkpoint.before": 300,
    "file.checkpoint.between": 300,
    "file.checkpoint.after": 300,
    "file.checkpoint.applying": 300,
    "file.checkpoint.applied": 300,
    "file.checkpoint.replace": 3,
    "file.rotate.before-rename": 20,
    "file.rotate.after-rename": 20,
    "file.rotate.after-create": 20,
    "file.reopen": 3,
}
ROTATING = {"rotate-size": "512KiB", "keep": "9999"}
# These are passed where a worker dies.
DEATH_POINTS = ("receiver.drain", "journal.unlink", "spawn", "worker.end")


def kill_workers_at(row, point, most):
    for rounds in groups(row, 20):
        with Cluster(row, "--threads=4") as cluster:
            for life in range(rounds):
                cluster.page.set_fault(life, f"{point}:{row.random.randint(1, most)}")
            cluster.start()
            cluster.wait_life(rounds)
            row.rounds += rounds
            cluster.finish()
            check_ends(row, row.take(cluster), signal=9, but_last=True)


def kill_primary_at(row, point, most):
    dies = point.startswith(DEATH_POINTS)
    for rounds in groups(row, 10):
        with Cluster(row, "--threads=2" + (" --lines" if point.startswith("journal.") else ""),
                     instances=2, transport=ROTATING if point.startswith("file.rotate") else None) as cluster:
            cluster.start()
            cluster.wait_life(1)
            cluster.kill_primary()
            for _ in range(rounds):
                before = cluster.marks()
                cluster.start(fault=f"{point}:{row.random.randint(1, most)}")
                if dies:
                    time.sleep(row.random.uniform(0.03, 0.1))
                    for life in cluster.page.living()[:1]:
                        end(cluster.page.pid(life))
                if point == "file.reopen":
                    cluster.wait_adopted(before)
                    end(cluster.primary.pid, signal.SIGHUP)
                wait_for(lambda: cluster.primary.poll() is not None, f"the primary passes {point}", 10)
                if cluster.primary.returncode != -9:
                    raise Failure(f"the primary has ended with {cluster.primary.returncode}: {cluster.last_error()}")
                row.rounds += 1
            before = cluster.marks()
            cluster.start()
            cluster.wait_adopted(before)
            time.sleep(0.05)
            cluster.finish()
            row.take(cluster)


@case("primary@worker.end.stored", 20, 2, "kill -9 the primary when it has learnt how a worker of its own ended: the "
      "next one knows", skip=has_no_points)
def kill_primary_knowing(row):
    for _ in groups(row, 1):
        with Cluster(row, "--threads=2", instances=2) as cluster:
            cluster.start(fault="worker.end.stored")
            cluster.wait_life(1)
            time.sleep(row.random.uniform(0, 0.05))
            victim = cluster.page.pid(row.random.randrange(2))
            end(victim)
            wait_for(lambda: cluster.primary.poll() is not None, "the primary passes worker.end.stored", 10)
            if row.random.random() < 0.5:  # else the next one finds a zombie, which is not its child
                wait_for(lambda: not is_alive(victim), "its worker is reaped")
            cluster.start()
            cluster.wait_life(2)
            cluster.finish()
            result = row.take(cluster)
            check_ends(row, {"lives": [life for life in result["lives"] if life["pid"] == victim]}, signal=9)
            row.rounds += 1


def add_points():
    for point, most in WORKER_POINTS.items():
        CASES.append(Case(f"worker@{point}", f"kill -9 a worker at {point}", 20, 2,
                          partial(kill_workers_at, point=point, most=most), skip=has_no_points))
    for point, most in PRIMARY_POINTS.items():
        CASES.append(Case(f"primary@{point}", f"kill -9 the primary at {point}", 20, 2,
                          partial(kill_primary_at, point=point, most=most), skip=has_no_points))


add_points()


# -- workers crash ----------------------------------------------------------------------------------------


def crash_workers(row, how, backtrace=False, **expected):
    for rounds in groups(row, 20):
        with Cluster(row, f"--threads=3 --end={how} --after={row.random.randrange(100, 3000)}") as cluster:
            cluster.start()
            wait_for(lambda: cluster.page.n_lives > rounds, f"{rounds} lives have ended")
            row.rounds += rounds
            cluster.page.set_quiet(1)
            cluster.finish()
            result = row.take(cluster)
            result["lives"] = result["lives"][:rounds]
            check_ends(row, result, stderr=True, backtrace=backtrace, **expected)


@case("crash-segv", 20, 2, "a thread of a worker runs into SIGSEGV")
def crash_segv(row):
    crash_workers(row, "segv", signal=11, backtrace=True)


@case("crash-abort", 20, 2, "a thread of a worker calls abort()")
def crash_abort(row):
    crash_workers(row, "abort", signal=6, backtrace=True)


@case("crash-g-error", 20, 2, "a thread of a worker calls g_error()")
def crash_error(row):
    crash_workers(row, "error", signal=5, backtrace=True)


@case("crash-exit", 20, 2, "a thread of a worker calls exit() while others log")
def crash_exit(row):
    crash_workers(row, "exit", status=7)


# -- the primary stands still -----------------------------------------------------------------------------


@case("stop-primary", 3, 1, "SIGSTOP for 20 s (1 s in the short run): calls keep to block-timeout; declared is what was "
      "refused", may_declare=("torn", "journal-full"))
def stop_primary(row):
    seconds = 1 if row.is_short else 20
    for _ in groups(row, 1):
        with Cluster(row, "--threads=2 --rate=5000 --late-us=200000", instances=2,
                     group={"journal-size": "256KiB", "block-timeout": "100ms"}) as cluster:
            cluster.start()
            cluster.wait_life(1)
            time.sleep(row.random.uniform(0.05, 0.2))
            cluster.stop_primary()
            time.sleep(seconds)
            cluster.continue_primary()
            time.sleep(0.3)
            cluster.page.set_quiet(1)
            time.sleep(0.05)
            drops = sum(journal.drops for journal in cluster.journals())
            cluster.finish()
            check_refused(row, row.take(cluster), drops)
            row.rounds += 1
    note_refused(row)


def check_refused(row, result, drops):
    """What is declared is what was refused, and calls were not held up for longer than they may be."""
    declared = result["declared"]["journal-full"]
    if drops == 0 or declared != drops:
        row.problem(f"{drops} calls were refused, {declared} declared")
    row.refused = getattr(row, "refused", 0) + drops
    row.longest = max(getattr(row, "longest", 0), result["longest_us"] / 1000)


def note_refused(row):
    row.note(f"refused {row.refused:,}, longest call {row.longest:.0f} ms (block-timeout 100 ms)")


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
