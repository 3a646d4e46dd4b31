# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers and primaries die, at random moments, at named points and by themselves, or stand still."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from functools import partial

from case import CASES, Case, case, groups, has_no_points, played
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
    row.counts["longest"] = max(row.counts["longest"], cluster.replace_primary(down))


def check_second_primary(row, cluster):
    """While one lives, another one is refused, and says so."""
    second = subprocess.run([f"{row.build}/cli/muster", "run", cluster.keyfile], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=cluster.environment(), timeout=10)
    if second.returncode == 0 or b"another primary" not in second.stderr:
        row.problem(f"a second primary ends with {second.returncode}: {second.stderr.decode()}")


ADOPTED = "adopted within {longest:.2f} s"
ROTATING = {"rotate-size": "512KiB", "keep": "9999"}


@contextmanager
def loaded(row, options="--threads=2", instances=2, judge=lambda row, cluster: row.take(cluster), **more):
    """A cluster under full load; it is stopped and judged when the rounds are over."""
    with Cluster(row, options, instances=instances, **more) as cluster:
        cluster.start()
        cluster.wait_life(instances - 1)
        yield cluster
        cluster.finish()
        judge(row, cluster)


@contextmanager
def adopting(row):
    """One whose workers must be the first to the last."""
    with loaded(row) as cluster:
        yield cluster
        check_second_primary(row, cluster)
        if cluster.page.n_lives != 2:
            row.problem(f"{cluster.page.n_lives} lives instead of 2: not adopted, but started again")


@played("kill-primary", 300, 6, "kill -9 the primary under full load; its workers are adopted within 5 s", adopting,
        note=ADOPTED)
def kill_primary(row, cluster):
    time.sleep(row.random.uniform(0.01, 0.15))
    cluster.kill_primary()
    replace_primary(row, cluster, row.random.uniform(0, 0.05))


def judge_files(row, cluster):
    row.take(cluster)
    row.counts["files"] += len(cluster.pieces("protobuf"))


@played("kill-primary-rotating", 100, 4, "kill -9 the primary while files rotate at 512 KiB, and are opened anew at random "
        "times", lambda row: loaded(row, transport=ROTATING, judge=judge_files), note="{files} protobuf files, " + ADOPTED)
def kill_primary_rotating(row, cluster):
    time.sleep(row.random.uniform(0.01, 0.1))
    if row.random.random() < 0.5:
        end(cluster.primary.pid, signal.SIGHUP)
        time.sleep(row.random.uniform(0, 0.02))
    cluster.kill_primary()
    replace_primary(row, cluster)


@played("kill-primary-split", 50, 2, "kill -9 the primary while each worker has files of its own",
        lambda row: loaded(row, "--threads=2 --lines", 3, stem="{worker}"))
def kill_primary_split(row, cluster):
    time.sleep(row.random.uniform(0.01, 0.1))
    cluster.kill_primary()
    replace_primary(row, cluster)


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


@played("kill-both", 100, 4, "kill -9 the primary and a worker together", loaded, note=ADOPTED)
def kill_both(row, cluster):
    time.sleep(row.random.uniform(0.01, 0.15))
    next_life = cluster.page.n_lives
    victim = row.random.choice(cluster.page.living())
    steps = [lambda: end(cluster.page.pid(victim)), cluster.kill_primary]
    row.random.shuffle(steps)
    steps[0]()
    time.sleep(row.random.choice((0, 0, 0.002)))
    steps[1]()
    replace_primary(row, cluster)
    cluster.wait_life(next_life)


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


class SmallMemory:
    """A control group whose processes may have so much memory; the kernel ends who wants more (cgroups(7))."""

    def __init__(self, megabytes):
        old = "/sys/fs/cgroup/memory"
        self.is_old = os.path.isdir(old)
        self.path = f"{old if self.is_old else '/sys/fs/cgroup'}/muster-chaos-{os.getpid()}"
        self.megabytes = megabytes

    def __enter__(self):
        os.mkdir(self.path)
        try:
            with open(f"{self.path}/{'memory.limit_in_bytes' if self.is_old else 'memory.max'}", "w",
                      encoding="ascii") as file:
                file.write(f"{self.megabytes}M")
        except OSError:
            os.rmdir(self.path)
            raise
        return self

    def __exit__(self, *unused):
        wait_for(self.remove, "the control group is empty")

    def remove(self):
        try:
            os.rmdir(self.path)
        except OSError:  # who was in it has not gone yet
            return False
        return True

    def count_kills(self):
        with open(f"{self.path}/{'memory.oom_control' if self.is_old else 'memory.events'}", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))


def has_no_cgroups(_build):
    try:
        with SmallMemory(64) as memory:
            memory.count_kills()
            return None
    except OSError:
        return "needs the right to make a control group with a limit of memory"


@case("crash-memory", 20, 2, "a worker eats more memory than its control group has: the kernel's OOM killer ends it",
      skip=has_no_cgroups)
def crash_memory(row):
    with SmallMemory(64) as memory:
        crash_workers(row, f"eat --cgroup={memory.path}", signal=9)
        if memory.count_kills() < row.rounds:
            row.problem(f"the kernel has ended {memory.count_kills()} processes in {row.rounds} rounds")
        row.note(f"{memory.count_kills()} by the kernel")


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
