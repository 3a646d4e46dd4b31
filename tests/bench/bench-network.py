#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records a second from workers to a collector's file, over loopback with CURVE, until all is acknowledged.

    bench-network.py BUILD_DIR FORMAT WORKERS RECORDS [KEY=VALUE...]

A spool's header says what has been appended and what is acknowledged (core/muster-journal-layout-private.h). The keys are the
network transport's.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

DEADLINE = 120


def is_all_acknowledged(spool):
    with open(spool, "rb") as file:
        file.seek(1024)
        reserved = struct.unpack("<Q", file.read(8))[0] & 0xFFFFFFFF
        file.seek(1152)
        return reserved == struct.unpack("<Q", file.read(8))[0] >> 3 & 0xFFFFFFFF


def write_keyfiles(build, directory, form, workers, records, keys):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("collector", "sender"):
        subprocess.run([f"{build}/cli/muster", "keygen", f"{directory}/{name}.key"], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(f"{directory}/sender.key.pub", f"{directory}/clients")
    with open(f"{directory}/collector.conf", "w", encoding="ascii") as file:
        file.write(f"""[muster]
name=collector
runtime-dir={directory}/collector-run
state-dir={directory}/collector-state
[source senders]
type=network
bind=tcp://127.0.0.1:{port}
key-file={directory}/collector.key
allow-file={directory}/clients
[transport out]
type=file
path={directory}/out
format={form}
""")
    with open(f"{directory}/sender.conf", "w", encoding="ascii") as file:
        file.write(f"""[muster]
name=sender
runtime-dir={directory}/run
state-dir={directory}/state
[worker load]
exec={build}/tests/bench/bench-worker load {records} {directory}/results
instances={workers}
restart=no
block-timeout=10s
[transport central]
type=network
endpoint=tcp://127.0.0.1:{port}
server-key-file={directory}/collector.key.pub
key-file={directory}/sender.key
linger=10s
""" + "".join(f"{key}\n" for key in keys))


def measure(directory, workers, records, running):
    """Waits until all that the workers have logged is acknowledged by the collector."""
    deadline = time.monotonic() + DEADLINE
    while not os.path.exists(f"{directory}/state/transports/central.spool") or len(
            os.listdir(f"{directory}/results")) < workers or not is_all_acknowledged(
            f"{directory}/state/transports/central.spool"):
        if time.monotonic() > deadline or any(process.poll() is not None for process in running):
            sys.exit("not everything was acknowledged")
        time.sleep(0.002)
    end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    starts = []
    for name in os.listdir(f"{directory}/results"):
        with open(f"{directory}/results/{name}", encoding="ascii") as file:
            starts += [int(line.split()[1]) for line in file if line.startswith("start ")]
    return workers * records / ((end - min(starts)) / 1e9)


def main():
    build, form, workers, records = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    directory = tempfile.mkdtemp(prefix="muster-bench-network-")
    running = []
    try:
        os.mkdir(f"{directory}/results")
        write_keyfiles(build, directory, form, workers, records, sys.argv[5:])
        for name in ("collector", "sender"):
            running.append(subprocess.Popen([f"{build}/cli/muster", "run", f"{directory}/{name}.conf"]))
        print(f"{measure(directory, workers, records, running):.0f}")
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()
        shutil.rmtree(directory)


main()
