#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two primaries send to a collector: what they measured in the same interval is one dataset there, besides their own."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MUSTER = os.environ["MUSTER_COMMAND"]
SENDERS = ("north", "south")

COLLECTOR = """[muster]
name=collector
interval=500ms

[source senders]
type=network
bind=tcp://127.0.0.1:{port}
merge-datasets={merges}

[transport all]
type=file
path={directory}/all.pb
format=protobuf
"""

SENDER = """[muster]
name={name}
interval=500ms

[transport central]
type=network
endpoint=tcp://127.0.0.1:{port}
spool-size=16MiB
"""


def environment(directory, name):
    own = dict(os.environ, RUNTIME_DIRECTORY=f"{directory}/{name}-run", STATE_DIRECTORY=f"{directory}/{name}-state")
    own["MUSTER_PLUGIN_PATH"] += ":" + os.path.join(os.environ["MUSTER_BUILD_DIR"], "transports", "network")
    return own


def write(directory, merges):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(f"{directory}/collector.conf", "w", encoding="ascii") as file:
        file.write(COLLECTOR.format(port=port, directory=directory, merges=merges))
    for name in SENDERS:
        with open(f"{directory}/{name}.conf", "w", encoding="ascii") as file:
            file.write(SENDER.format(port=port, name=name))


def read(directory):
    """The collector's datasets: those that were merged, and how many others there are of each primary, by its pid."""
    merged, others = [], {}
    files = glob.glob(f"{directory}/*.pb")
    text = files and subprocess.run([MUSTER, "cat", "--format=json", *files], stdout=subprocess.PIPE, text=True,
                                    check=False, env=environment(directory, "collector")).stdout
    for line in text.splitlines() if text else []:
        dataset = json.loads(line).get("dataset")
        if dataset is None:
            continue
        if dataset["complete"].get("merged"):
            merged.append(dataset)
        else:
            pid = dataset["data"]["master"]["pid"]["value"]["val"]
            others[pid] = others.get(pid, 0) + 1
    return merged, others


def wait_for(directory, senders, is_there):
    """Until @is_there says so of what was merged, and of the least number of datasets that came of any sender."""
    deadline = time.monotonic() + 30
    while True:
        merged, others = read(directory)
        if is_there(merged, min(others.get(pid, 0) for pid in senders)):
            return None
        if time.monotonic() > deadline:
            return f"it does not arrive; there are: {read(directory)}"
        time.sleep(0.1)


def run(directory, is_there):
    """None, or what is wrong."""
    running = []
    try:
        for name in ("collector", *SENDERS):
            running.append(subprocess.Popen([MUSTER, "run", f"{directory}/{name}.conf"],
                                            env=environment(directory, name)))
        problem = wait_for(directory, [process.pid for process in running[1:]], is_there)
    finally:
        statuses = []
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            statuses.append(process.wait(30))
    return problem or (f"they ended with {statuses}" if any(statuses) else None)


def clusters(dataset):
    """Of which each process's name tells; the host is this one."""
    return sorted(name.split("/")[1] for name in dataset["data"]["workers"])


def check_merged(directory):
    problem = run(directory,
                  lambda merged, least: least >= 2 and sum(clusters(one) == [*SENDERS] for one in merged) >= 2)
    if problem:
        return problem
    merged, _ = read(directory)
    host = os.uname().nodename
    for dataset in merged:
        complete = dataset["complete"]
        names = [f"{host}/{cluster}/master" for cluster in clusters(dataset)]
        if sorted(dataset["data"]["workers"]) != names or complete["reported"] < len(names):
            return f"this is not what was sent: {dataset}"
    audit = subprocess.run([MUSTER, "audit", "--complete", *glob.glob(f"{directory}/*.pb")], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    return None if audit.returncode == 0 else audit.stdout


def check_off(directory):
    problem = run(directory, lambda merged, least: least >= 4)
    merged, _ = read(directory)
    return problem or (f"these were merged: {merged}" if merged else None)


def rewrite(path, *changes):
    with open(path, encoding="ascii") as file:
        text = file.read()
    for old, new in changes:
        text = text.replace(old, new)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def is_interrupted(dataset):
    return dataset["complete"].get("interrupted", False)


def check_killed(directory):
    """The collector is killed when it has one primary's datasets, and before it is time to merge them; the next one, which gets the
    other's of that interval, says that they may not be all."""
    with socket.socket() as probe:  # where south sends to, and only the second collector listens
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for path in glob.glob(f"{directory}/*.conf"):
        rewrite(path, ("interval=500ms", "interval=4s"))  # it is merged 2 s behind its end: the kill comes between
    with open(f"{directory}/south.conf", "w", encoding="ascii") as file:
        file.write(SENDER.format(name="south", port=port).replace("interval=500ms", "interval=4s"))
    running = {}

    def start(name):
        running[name] = subprocess.Popen([MUSTER, "run", f"{directory}/{name}.conf"], env=environment(directory, name))

    try:
        for name in ("collector", *SENDERS):
            start(name)
        problem = wait_for(directory, [running["north"].pid], lambda merged, least: least >= 1)
        running["collector"].kill()
        running["collector"].wait()
        before, _ = read(directory)
        with open(f"{directory}/collector.conf", "a", encoding="ascii") as file:
            file.write(f"\n[source more]\ntype=network\nbind=tcp://127.0.0.1:{port}\n")
        start("collector")
        problem = problem or wait_for(
            directory, [running["south"].pid],
            lambda merged, least: any(is_interrupted(one) and clusters(one) == ["south"] for one in merged)
            and any(not is_interrupted(one) and clusters(one) == [*SENDERS] for one in merged))
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    return problem or (f"it was merged before the kill: {before}" if before else None)


def main():
    print("1..3")
    failed = 0
    for number, (check, merges, what) in enumerate([
            (check_merged, "true", "datasets of two primaries are merged at the collector"),
            (check_off, "false", "merge-datasets=false leaves them as they are"),
            (check_killed, "true", "what a killed collector had not merged is not missing without a word")], 1):
        directory = tempfile.mkdtemp(prefix="muster-merge-")
        try:
            write(directory, merges)
            problem = check(directory)
        finally:
            shutil.rmtree(directory)
        if problem:
            print("\n".join(f"# {line}" for line in problem.splitlines()))
            failed += 1
        print(f"{'not ok' if problem else 'ok'} {number} - {what}", flush=True)
    return 1 if failed else 0


sys.exit(main())
