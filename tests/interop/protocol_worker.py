# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that follows docs/protocol.md and nothing else: ZeroMQ, protobuf, no Muster library, no journal.

As a program it is what test-protocol.py starts; its argument says how it shall behave.
"""
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

import zmq

sys.path.insert(0, os.environ.get("PROTO_DIR", "."))
import muster_pb2 as proto  # noqa: E402  made by protoc from data/muster.proto

HEADER = struct.Struct("<BBHIQII")
HELLO, WELCOME, BATCH, ACK, NACK, RESET, POSITION, MESSAGE, LEVEL, REFUSED = range(1, 11)


class Worker:
    def __init__(self):
        if os.environ.get("MUSTER_PID") != str(os.getpid()):
            raise SystemExit("no primary has started this process")
        fd = int(os.environ["MUSTER_JOURNAL_FD"])
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        header = os.pread(fd, 4096, 0)
        if header[:8] != b"MUSTERJ1" or struct.unpack_from("=I", header, 8)[0] != 1:
            raise SystemExit("the journal is of another version")
        self.stream, self.token = header[32:48], header[48:80]
        self.cluster = header[88:152].rstrip(b"\0").decode()
        self.metrics = dict(option.split("=") for option in os.environ["MUSTER_METRICS"].split(";"))
        self.socket = zmq.Context().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.immediate = 1
        self.socket.connect(os.environ["MUSTER_ENDPOINT"])
        self.unsafe = []  # (number, entry), not acknowledged
        self.next = 1
        self.sent = 1  # the next to be sent
        self.welcome = None
        self.seen = []  # types of what came
        self.refusal = None
        self.stopping = False

    def stop(self):
        self.stopping = True

    # -- entries

    def add(self, **kind):
        entry = proto.Log(entries=[proto.Entry(**kind)]).SerializeToString()
        self.unsafe.append((self.next, entry))
        self.next += 1

    def log(self, message, level=proto.INFO, **fields):
        record = proto.Record(level=level, time=time.time_ns(), domain="python", message=message)
        record.fields.extend(proto.Field(key=key, **value) for key, value in fields.items())
        self.add(record=record)

    def batch(self, first, entries):
        origin = proto.Origin(
            stream=self.stream, first_seq=first, host=socket.gethostname(), cluster=self.cluster,
            worker=os.environ["MUSTER_WORKER"], pid=os.getpid(),
        )
        return proto.Log(entries=[proto.Entry(origin=origin)]).SerializeToString() + b"".join(entries)

    # -- frames

    def send(self, kind, number=0, payload=None, count=0):
        parts = [HEADER.pack(1, kind, 0, count, number, 0, 0)]
        self.socket.send_multipart(parts if payload is None else parts + [payload])

    def say_hello(self, token=None):
        lowest = self.unsafe[0][0] if self.unsafe else self.next
        self.send(HELLO, lowest, struct.pack("<32s16sI", token or self.token, self.stream, os.getpid()))

    def send_unsent(self):
        rest = [entry for number, entry in self.unsafe if number >= self.sent]
        if self.welcome and rest:
            self.send(BATCH, self.sent, self.batch(self.sent, rest), len(rest))
            self.sent = self.next

    def receive(self, timeout_s):
        """Takes what comes within the time; the last frame's type, or None."""
        if not self.socket.poll(timeout_s * 1000):
            return None
        parts = self.socket.recv_multipart()
        version, kind, _, _, number, _, _ = HEADER.unpack(parts[0])
        assert version == 1, version
        self.seen.append(kind)
        if kind == WELCOME:
            self.welcome = struct.unpack("<Qqq", parts[1])
        if kind in (WELCOME, ACK):
            self.unsafe = [(n, entry) for n, entry in self.unsafe if n >= number]
        if kind in (WELCOME, NACK):
            self.sent = number
            self.send_unsent()
        elif kind == RESET:
            self.welcome = None
            time.sleep(0.05)
            self.say_hello()
        elif kind == REFUSED:
            self.refusal = parts[1].decode()
        return kind

    def connect(self):
        while self.welcome is None:
            self.say_hello()
            self.receive(1)

    def settle(self):
        """Until all is safe."""
        self.send_unsent()
        while self.unsafe and self.refusal is None:
            if self.receive(1) is None:
                self.send(POSITION, self.sent)


def say(worker):
    worker.connect()
    worker.log("one", where={"text": "Python"}, count={"integer": -3}, yes={"flag": True})
    worker.log("two", proto.WARNING)
    worker.settle()
    worker.log("three")
    worker.settle()


def repeat(worker):
    """As if acknowledgements had been lost: what was sent comes again, alone and with something new."""
    worker.connect()
    worker.log("one")
    worker.log("two")
    both = list(worker.unsafe)
    worker.settle()
    worker.send(BATCH, 1, worker.batch(1, [both[0][1]]), 1)
    assert worker.receive(5) == ACK
    worker.log("three")
    worker.unsafe = both + worker.unsafe
    worker.sent = 1
    worker.settle()


def leap(worker):
    """As if a batch had been lost: a later one comes first."""
    worker.connect()
    worker.log("one")
    worker.log("two")
    worker.send(BATCH, 2, worker.batch(2, [worker.unsafe[1][1]]), 1)
    worker.sent = 3
    worker.settle()
    assert NACK in worker.seen, worker.seen


def leave_out(worker):
    """A worker that has lost something says so by where it begins."""
    worker.next = worker.sent = 6
    worker.log("six")
    worker.connect()
    worker.settle()


def lie(worker):
    """Another one's token, then its own."""
    worker.say_hello(token=bytes(32))
    assert worker.receive(5) == RESET
    worker.log("it was me")
    worker.connect()
    worker.settle()


def babble(worker):
    worker.connect()
    worker.log("one")
    worker.settle()
    worker.log("two")
    worker.send(BATCH, 2, worker.batch(3, [worker.unsafe[0][1]]), 1)
    worker.sent = 3
    worker.settle()
    print(f"<5>refused: {worker.refusal}", flush=True)


def go_on(worker):
    """One record after another, whoever the primary is."""
    worker.connect()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    while not worker.stopping:
        worker.log(f"number {worker.next}")
        worker.settle()
        time.sleep(0.02)


def measure(worker):
    worker.connect()
    interval_ns = int(worker.metrics["interval"].removesuffix("ms")) * 1000000
    _, realtime_ns, boottime_ns = worker.welcome
    now_ns = realtime_ns + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boottime_ns
    end_ns = now_ns - now_ns % interval_ns + interval_ns
    time.sleep((end_ns - now_ns) / 1e9)
    worker.add(snapshot=proto.Snapshot(
        start=end_ns - interval_ns, end=end_ns, interval=interval_ns, scale_factor=float(worker.metrics["scale-factor"]),
        pid=os.getpid(), metrics=[
            proto.Metric(path=["a", "b"], id="counted", type="inc", count=2, sum=20),
            proto.Metric(id="said", type="set", count=1, text="hello"),
            proto.Metric(id="sampled", type="sample", count=2, sum=4, min=1, max=3, mean=2, m2=2),
        ],
    ))
    worker.settle()


def main():
    stopped, stop = os.pipe()
    os.set_blocking(stop, False)
    signal.set_wakeup_fd(stop)
    signal.signal(signal.SIGTERM, lambda *_: None)
    worker = Worker()
    globals()[sys.argv[1]](worker)
    select.select([stopped], [], [])  # until SIGTERM
    if worker.refusal is None:
        worker.log("bye")
        worker.settle()


if __name__ == "__main__":
    main()
