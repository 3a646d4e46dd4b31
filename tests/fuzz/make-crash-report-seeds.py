#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-crash-report: the layout is in core/muster-journal-layout-private.h.

    tests/fuzz/make-crash-report-seeds.py tests/fuzz/seeds/crash-report
"""
import pathlib
import struct
import sys

NO_MODULE = 0xFFFF


def report(frames=((0x1234, 0, 1, 0), (0x7F0000001000, NO_MODULE, 0, 0)), modules=((b"id", b"/usr/bin/web"),), written=1,
           signal=11, flags=1, sender=0, name=b"worker"):
    listed = b"".join(bytes([len(build_id)]) + build_id + path + b"\0" for build_id, path in modules)
    head = struct.pack("<IIiiQQIIHHH16sH", written, 0, signal, 1, 0x10, 1, 77, sender, flags, len(frames), len(listed),
                       name, 0)
    body = b"".join(struct.pack("<QHHI", *frame) for frame in frames)
    return head + body.ljust(48 * 16, b"\0") + listed.ljust(1216, b"\0")


SEEDS = {
    "plain": report(),
    "full": report(frames=[(i, i % 2, 0, i) for i in range(48)], modules=((b"", b"/a"), (b"x" * 20, b"/b" * 300))),
    "sent": report(signal=6, flags=0, sender=5, frames=()),
    "overflow": report(flags=7),
    "not-utf8": report(modules=((b"", b"/\xff\xfe"),)),
    "nothing": report(written=0),
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        pathlib.Path(sys.argv[1], name).write_bytes(data)
