#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads our files with Google's protobuf library, which shares no code with us.

read-log.py MODULES everything FILE   the file that `make-log FILE` wrote, member by member
read-log.py MODULES count FILE        prints the numbers of records and of entries that gaps declare, and the SHA-256
                                      of all messages, with a line feed behind each
read-log.py MODULES write FILE        writes a file with this library, for our command to read

MODULES is the directory where `protoc --python_out` put muster_pb2.py.
"""

import hashlib
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import muster_pb2  # noqa: E402  (made by the test)

TIME = 1714564800000000000


def read(path):
    log = muster_pb2.Log()
    with open(path, "rb") as file:
        log.ParseFromString(file.read())
    return log


def expect(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def everything(path):
    log = read(path)
    kinds = [entry.WhichOneof("kind") for entry in log.entries]
    expect(kinds, ["origin", "record", "gap", "record", "snapshot", "origin", "record"])

    origin = log.entries[0].origin
    expect(origin.stream, b"\x01" * 16)
    expect((origin.first_seq, origin.host, origin.cluster, origin.worker, origin.pid), (5, "alpha", "shop", "web-1", 1001))

    record = log.entries[1].record
    expect((record.level, record.time), (muster_pb2.WARNING, TIME + 123456789))
    expect((record.domain, record.message), ("disk", "nearly full"))
    expect((record.trace.file, record.trace.line, record.trace.function), ("server.c", 217, "check"))
    expect((record.payload.type_url, record.payload.value), ("type.example/Order", b"\x00\x01\xfe\xff"))
    fields = [(f.key, f.WhichOneof("value"), getattr(f, f.WhichOneof("value"))) for f in record.fields]
    expect(
        fields,
        [
            ("user", "text", "Änna € 🙂"),
            ("smallest", "integer", -(2**63)),
            ("minus", "integer", -1),
            ("largest", "natural", 2**64 - 1),
            ("third", "number", 1 / 3),
            ("yes", "flag", True),
            ("no", "flag", False),
            ("data", "data", b"\x00\x01\xfe\xff"),
            ("empty", "text", ""),
        ],
    )

    gap = log.entries[2].gap
    expect((gap.count, gap.reason), (70000, muster_pb2.Gap.TORN))
    escaped = log.entries[3].record
    expect((escaped.level, escaped.message, escaped.raw), (muster_pb2.DEBUG, "caf\\xe9", b"caf\xe9"))
    expect((log.entries[4].snapshot.name, log.entries[4].snapshot.pid), ("fast", 7))
    expect((log.entries[5].origin.worker, log.entries[5].origin.first_seq), ("other", 70008))
    expect((log.entries[6].record.level, log.entries[6].record.message), (muster_pb2.EMERGENCY, ""))
    # Nothing that this library had to put aside, and nothing lost on the way through it.
    with open(path, "rb") as file:
        expect(muster_pb2.Log.FromString(log.SerializeToString()), muster_pb2.Log.FromString(file.read()))


def count(path):
    messages = hashlib.sha256()
    records = missing = 0
    for entry in read(path).entries:
        if entry.HasField("record"):
            records += 1
            messages.update(entry.record.message.encode() + b"\n")
        missing += entry.gap.count
    print(records, missing, messages.hexdigest())


def write(path):
    log = muster_pb2.Log()
    origin = log.entries.add().origin
    origin.stream = b"\x07" * 16
    origin.first_seq = 1
    origin.worker = "python-1"
    record = log.entries.add().record
    record.level = muster_pb2.ERROR
    record.time = TIME
    record.message = "Grüße"
    field = record.fields.add()
    field.key = "depth"
    field.integer = -5
    log.entries.add().gap.count = 4
    end = log.entries.add().record
    end.level = muster_pb2.NOTICE
    end.time = TIME
    event = end.fields.add()
    event.key = "event"
    event.text = "exit"
    with open(path, "wb") as file:
        file.write(log.SerializeToString())


{"everything": everything, "count": count, "write": write}[sys.argv[2]](sys.argv[3])
