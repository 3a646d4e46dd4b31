#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-metrics-area: ./make-metrics-area-seeds.py seeds/metrics-area

The layout is that of core/muster-metrics-area-layout-private.h; fuzz-metrics-area.c says how a seed is put together."""
import math
import os
import struct
import sys

BASE = 0x7F0000000000
METRICS = 512 + 65536
SLOT = 192
NAMES_SIZE = 512
BEFORE, RUNNING, ENDED = range(3)
NONE, SET, INC, SAMPLE, TIMED_SAMPLE = range(5)
BEGIN = 1795299990000000000
END = 1795300000000000000


class Area:
    def __init__(self):
        self.metrics = []
        self.names = b""
        self.sketches = bytearray(512)  # the first page is never used
        self.n = 8

    def name(self, data):
        address = BASE + METRICS + self.n * SLOT + len(self.names)
        self.names += data + b"\0" * (-len(data) % 16)
        return address

    def directory(self, first, entries):
        """Of blocks: None, or log2 of a counter's size and bytes. Returns its address."""
        at = len(self.sketches)
        self.sketches += bytes(64)
        numbers = []
        for entry in entries:
            if entry is None:
                numbers.append(0)
                continue
            shift, counters = entry
            numbers.append(len(self.sketches) // 64 | shift << 30)
            self.sketches += counters.ljust(64 << shift, b"\0")
        base = BASE + METRICS + self.n * SLOT + NAMES_SIZE
        head = struct.pack("=QiHH", base, first, len(entries), 0) + struct.pack("=%dI" % len(entries), *numbers)
        self.sketches[at : at + len(head)] = head
        return base + at

    def metric(self, kind, key, values, sequence=0, text=None, sketch=(0, 0, 0, 0, 0)):
        key_bytes = b"".join(part.encode() + b"\0" for part in key)
        key_address = self.name(key_bytes)
        text_address = 0
        if text is not None:
            text_address = self.name(struct.pack("=II", len(text) + 8, len(text)) + text + b"\0")
        reset = (0, 0.0, math.inf, -math.inf, 0.0, 0.0)
        pair = [reset, reset]
        pair[sequence >> 1 & 1] = values
        self.metrics.append(
            struct.pack("=IBBHQ", sequence, kind, text is not None, len(key_bytes), 1234)
            + b"".join(struct.pack("=Qddddd", *value) for value in pair)
            + struct.pack("=QQ", key_address, text_address)
            + struct.pack("=QQQiB", *sketch).ljust(64, b"\0")
        )

    def write(self, path, state=RUNNING, snapshot=None, staged=b"", overflow=0, persist=0, arrived=0):
        snapshot = snapshot or {}
        header = struct.pack("=8sIIQqdII", b"MUSTERA2", 512, self.n, BASE, 10**10, 1.0, persist, 99)
        header = header.ljust(128, b"\0")
        header += struct.pack("=QII", overflow, len(self.metrics), 1)
        header += b"\0" * 24 + struct.pack("=qqII", BEGIN, END, state, 0)
        header += struct.pack("=II", 0, 0)
        header += struct.pack(
            "=qqQQQIIIIIIII",
            BEGIN - 10**10,
            BEGIN,
            snapshot.get("overflow_before", 0),
            snapshot.get("overflow_after", 0),
            snapshot.get("mark", 0),
            snapshot.get("is_active", 0),
            0,
            snapshot.get("is_last", 0),
            snapshot.get("part", 0),
            len(staged),
            snapshot.get("next", 0),
            snapshot.get("sequence", 0),
            snapshot.get("end", 0),
        )
        header = header.ljust(344, b"\0")
        header += struct.pack("=QQ", METRICS + self.n * SLOT + NAMES_SIZE, len(self.sketches))
        header = header.ljust(512, b"\0")
        body = b"".join(self.metrics).ljust(self.n * SLOT, b"\0") + self.names.ljust(NAMES_SIZE, b"\0") + self.sketches
        with open(path, "wb") as out:
            out.write(bytes([arrived]) + header + struct.pack("<H", len(staged)) + staged + body)


def filled():
    area = Area()
    area.metric(INC, ["http", "GET", "requests"], (7, 7.5, math.inf, -math.inf, 0.0, 0.0), sequence=2)
    area.metric(SAMPLE, ["size"], (2, 6.0, 3.0, 3.0, 3.0, 0.0))
    area.metric(TIMED_SAMPLE, ["caf\u00e9", ""], (1, 6.0, 6.0, 6.0, 6.0, 0.0), sequence=4)
    area.metric(SET, ["queue"], (3, 42.0, math.inf, -math.inf, 0.0, 0.0), sequence=6)
    area.metric(SET, ["state"], (1, 0.0, math.inf, -math.inf, 0.0, 0.0), text="on fire \u00e9".encode())
    area.metric(INC, ["torn"], (4, 4.0, math.inf, -math.inf, 0.0, 0.0), sequence=1)
    area.metric(NONE, ["idle"], (0, 0.0, math.inf, -math.inf, 0.0, 0.0))
    return area


def sketched():
    """A sketch of three samples, one that was being added to, and one whose directory makes no sense."""
    area = Area()
    up = area.directory(-1, [(0, b"\0" * 63 + b"\1"), (1, b"\1\0\1\0")])
    area.metric(SAMPLE, ["size"], (3, 6.0, 1.0, 3.0, 2.0, 2.0), sketch=(up, 0, 0, 0, 0))
    up = area.directory(0, [(0, b"\2")])
    down = area.directory(-2, [None, (0, b"\1\1")])
    area.metric(SAMPLE, ["torn"], (4, 6.0, -1.0, 3.0, 2.0, 2.0), sequence=1, sketch=(up, down, 1, -63 * 4 + 2, 0))
    bad = area.directory(0, [(3, b"\2" * 8)] * 2)
    area.metric(TIMED_SAMPLE, ["bad"], (4, 6.0, -1.0, 3.0, 2.0, 2.0), sketch=(bad + 4, bad, 1, 0, 0))
    area.metric(SAMPLE, ["lost"], (1, 6.0, 6.0, 6.0, 6.0, 0.0), sketch=(0, 0, 0, 0, 1))
    return area


def main(folder):
    # A packed Metric: path "a", id "x", type "inc", count 1, sum 1.
    metric = b"\x0a\x01a\x12\x01x\x1a\x03inc\x20\x01"
    staged = bytes([0x3A, len(metric)]) + metric

    def path(name):
        return os.path.join(folder, name)

    os.makedirs(folder, exist_ok=True)
    filled().write(path("running"), overflow=3)
    filled().write(path("persist"), persist=1)
    filled().write(path("before"), state=BEFORE)
    filled().write(path("ended"), state=ENDED)
    Area().write(path("empty"))
    cut = {"is_active": 1, "part": 1, "next": 6, "sequence": 1, "end": 6, "mark": 1 << 32 | 5}
    filled().write(path("cut"), snapshot=cut, staged=staged, overflow=2)
    filled().write(path("cut-arrived"), snapshot=cut, staged=staged, overflow=2, arrived=1)
    last = dict(cut, is_last=1, next=3, sequence=9, overflow_after=2)
    filled().write(path("last"), snapshot=last, staged=staged * 5, overflow=4)
    filled().write(path("last-arrived"), snapshot=last, staged=staged, overflow=4, arrived=1)
    liar = filled()
    liar.metrics = liar.metrics[:1] * 8
    liar.write(path("same-name"))
    sketched().write(path("sketches"))


main(sys.argv[1])
