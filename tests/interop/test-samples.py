#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sample keyfiles of two machines work as they are printed; what differs here are places, given by variables."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

DATA = os.path.join(os.environ["MUSTER_SOURCE_DIR"], "data")
MUSTER = os.environ["MUSTER_COMMAND"]


def environment(directory, name):
    with open(os.path.join(directory, "port"), encoding="ascii") as file:
        port = file.read()
    own = dict(os.environ, MUSTER_CONFIG=directory, MUSTER_OUTPUT=directory, MUSTER_BIND=f"tcp://127.0.0.1:{port}",
               MUSTER_ENDPOINT=f"tcp://127.0.0.1:{port}", RUNTIME_DIRECTORY=f"{directory}/{name}-run",
               STATE_DIRECTORY=f"{directory}/{name}-state")
    own["MUSTER_PLUGIN_PATH"] += ":" + os.path.join(os.environ["MUSTER_BUILD_DIR"], "transports", "network")
    return own


def prepare(directory):
    """What the comments in the samples say."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with open(os.path.join(directory, "port"), "w", encoding="ascii") as file:
            file.write(str(probe.getsockname()[1]))
    for name in ("collector", "shop"):
        subprocess.run([MUSTER, "keygen", f"{directory}/{name}.key", f"--name={name}"], check=True,
                       stdout=subprocess.DEVNULL)
    shutil.copy(f"{directory}/shop.key.pub", f"{directory}/clients")


def said(directory):
    """What has arrived: the output of `muster cat`."""
    files = glob.glob(f"{directory}/*.pb")
    if not files:
        return ""
    return subprocess.run([MUSTER, "cat", "--format=json", *files], stdout=subprocess.PIPE, text=True, check=False,
                          env=environment(directory, "collector")).stdout


def check(directory):
    """None, or what is wrong."""
    running = []
    try:
        for name in ("collector", "sender"):
            running.append(subprocess.Popen([MUSTER, "run", f"{DATA}/{name}.conf"], env=environment(directory, name)))
        deadline = time.monotonic() + 30
        while said(directory).count("the time is") < 2:
            if time.monotonic() > deadline:
                return f"the sender's records do not arrive; there are: {said(directory)}"
            time.sleep(0.1)
    finally:
        statuses = []
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            statuses.append(process.wait(30))
    if any(statuses):
        return f"they ended with {statuses}"
    audit = subprocess.run([MUSTER, "audit", "--complete", *glob.glob(f"{directory}/*.pb")], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    return None if audit.returncode == 0 else audit.stdout


def main():
    print("1..1")
    directory = tempfile.mkdtemp(prefix="muster-samples-")
    try:
        prepare(directory)
        problem = check(directory)
    finally:
        shutil.rmtree(directory)
    if problem:
        print("\n".join(f"# {line}" for line in problem.splitlines()))
    print(f"{'not ok' if problem else 'ok'} 1 - sender.conf and collector.conf work as printed")
    return 1 if problem else 0


sys.exit(main())
