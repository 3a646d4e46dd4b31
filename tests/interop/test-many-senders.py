#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thousand senders at one collector, which know docs/protocol.md and nothing else: all of them are welcomed and acknowledged."""

import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

try:
    import zmq
except ImportError:
    print("1..0 # SKIP python3-zmq is not installed")
    sys.exit(0)

MUSTER = os.environ["MUSTER_COMMAND"]
PLUGINS = os.environ["MUSTER_PLUGIN_PATH"] + ":" + os.path.join(os.environ["MUSTER_BUILD_DIR"], "transports", "network")
HELLO, WELCOME, BATCH, ACK = 1, 2, 3, 4
BATCHES, RECORDS = 5, 10
MEMORY_MAX = 256 << 20


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def batch(stream, first, sender):
    origin = field(1, stream) + b"\x10" + varint(first) + field(3, b"host-%d" % sender) + field(5, b"w-1")
    log = field(1, field(1, origin))
    for number in range(first, first + RECORDS):
        record = b"\x08\x07\x11" + struct.pack("<Q", 1) + field(4, b"record %d of %d" % (number, sender))
        log += field(1, field(2, record))
    return log


def header(kind, number, count=0):
    return struct.pack("<BBHIQII", 1, kind, 0, count, number, 0, 0)


class Collector:
    """As a process, with a file of clients."""

    def __init__(self, directory, keys):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self.out = f"{directory}/out.pb"
        subprocess.run([MUSTER, "keygen", f"{directory}/key"], check=True, stdout=subprocess.DEVNULL)
        with open(f"{directory}/key.pub", "rb") as file:
            self.key = file.read()[:40]
        with open(f"{directory}/clients", "wb") as file:
            file.write(b"".join(public + b" sender\n" for public, _secret in keys))
        with open(f"{directory}/collector.conf", "w", encoding="ascii") as file:
            file.write(f"[muster]\nruntime-dir={directory}/run\nstate-dir={directory}/state\n[source senders]\ntype=network\n"
                       f"bind={self.address}\nkey-file={directory}/key\nallow-file={directory}/clients\n"
                       f"[transport out]\ntype=file\npath={self.out}\nformat=protobuf\n")
        self.process = subprocess.Popen([MUSTER, "run", f"{directory}/collector.conf"],
                                        env=dict(os.environ, MUSTER_PLUGIN_PATH=PLUGINS))

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon"))


def connect(context, collector, pair):
    sender = context.socket(zmq.DEALER)
    sender.curve_serverkey = collector.key
    sender.curve_publickey, sender.curve_secretkey = pair
    sender.linger = 0
    sender.connect(collector.address)
    sender.send_multipart([header(HELLO, 1), bytes(32) + os.urandom(16) + bytes(4)])
    return sender


def send_all(sender, number):
    stream = os.urandom(16)
    for i in range(BATCHES):
        sender.send_multipart([header(BATCH, 1 + i, 1), batch(stream, 1 + i * RECORDS, number)])


def exchange(collector, keys):
    """How many were acknowledged, and the most memory that the collector had."""
    context = zmq.Context()
    context.max_sockets = len(keys) + 16
    senders = {connect(context, collector, pair): number for number, pair in enumerate(keys)}
    poller = zmq.Poller()
    for sender in senders:
        poller.register(sender, zmq.POLLIN)
    acknowledged, memory, deadline = set(), 0, time.monotonic() + 60
    while len(acknowledged) < len(keys) and time.monotonic() < deadline:
        for sender, _events in poller.poll(1000):
            kind, number = struct.unpack_from("<xBxxxxxxQ", sender.recv_multipart()[0])
            if kind == WELCOME:
                send_all(sender, senders[sender])
            elif kind == ACK and number == 1 + BATCHES:
                acknowledged.add(sender)
        memory = max(memory, collector.memory())
    context.destroy(0)
    return len(acknowledged), memory


def check(directory, count):
    """None, or what is wrong."""
    keys = [zmq.curve_keypair() for _ in range(count)]
    collector = Collector(directory, keys)
    try:
        acknowledged, memory = exchange(collector, keys)
    finally:
        collector.process.terminate()
        status = collector.process.wait(60)
    print(f"# {acknowledged} of {count} senders acknowledged; the collector had {memory >> 20} MiB at most")
    if acknowledged < count or status != 0:
        return f"{acknowledged} of {count} were acknowledged; the collector ended with {status}"
    if memory > MEMORY_MAX and "MUSTER_SANITIZED" not in os.environ:
        return f"the collector had {memory} bytes"
    audit = subprocess.run([MUSTER, "audit", collector.out], stdout=subprocess.PIPE, text=True, check=False)
    if audit.returncode != 0 or f"{count + 1} streams" not in audit.stdout:
        return "\n".join(audit.stdout.splitlines()[-3:])
    return None


def main():
    print("1..1")
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = tempfile.mkdtemp(prefix="muster-many-")
    try:
        problem = check(directory, 1000 if hard >= 8192 else 100)
    finally:
        shutil.rmtree(directory)
    if problem:
        print("\n".join(f"# {line}" for line in problem.splitlines()))
    print(f"{'not ok' if problem else 'ok'} 1 - many senders, all acknowledged")
    return 1 if problem else 0


sys.exit(main())
