#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-elf: the smallest 64-bit little-endian shared objects that export a plugin descriptor.

    tests/fuzz/make-elf-seeds.py tests/fuzz/seeds/elf
"""
import pathlib
import struct
import sys

SYMBOL = b"muster_plugin_descriptor"
DT = {"hash": 4, "strtab": 5, "symtab": 6, "rela": 7, "relasz": 8, "strsz": 10, "gnu_hash": 0x6FFFFEF5}
R_X86_64_64, R_X86_64_RELATIVE = 1, 8


def gnu_hash(name):
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def module(hash_style="gnu", relocate="rela", symbol=SYMBOL, major=1, minor=0, strings=(b"tiny", b"1", b"Tiny", b"MIT"),
           types=((1, b"one"), (2, b"two"))):
    """One segment, address = offset: header, program headers, and then each part in turn."""
    out = bytearray(64 + 2 * 56)
    relocations = []

    def put(data):
        while len(out) % 8:
            out.append(0)
        out.extend(data)
        return len(out) - len(data)

    def pointer(at, target):
        if relocate == "rela":
            relocations.append((at, R_X86_64_RELATIVE, target))
        elif relocate == "symbol":  # symbol 2 is at the address 64
            relocations.append((at, 2 << 32 | R_X86_64_64, target - 64))
        else:
            struct.pack_into("<Q", out, at, target)

    strtab = put(b"\0" + symbol + b"\0other\0")
    texts = [put(text + b"\0") for text in strings]
    names = [put(name + b"\0") for _, name in types]
    table = put(bytes(24 * (len(types) + 1)))
    for i, (kind, _) in enumerate(types):
        struct.pack_into("<I", out, table + 24 * i, kind)
        pointer(table + 24 * i + 8, names[i])
    descriptor = put(struct.pack("<II", major, minor) + bytes(5 * 8 + 4 * 8))
    for i, target in enumerate(texts + [table]):
        pointer(descriptor + 8 + 8 * i, target)
    symtab = put(bytes(24) + struct.pack("<IBBHQQ", 1, 0x11, 0, 1, descriptor, 80)
                 + struct.pack("<IBBHQQ", 2 + len(symbol), 0x11, 0, 1, 64, 8))
    if hash_style == "gnu":
        chain = [gnu_hash(symbol) & ~1, gnu_hash(b"other") | 1]
        hashes = put(struct.pack("<IIIIQIII", 1, 1, 1, 0, 2**64 - 1, 1, *chain))
    else:
        hashes = put(struct.pack("<IIIIII", 1, 3, 1, 0, 2, 0))
    rela = put(b"".join(struct.pack("<QQq", *entry) for entry in relocations))
    dynamic_entries = [(DT["strtab"], strtab), (DT["strsz"], len(symbol) + 8), (DT["symtab"], symtab),
                       (DT["gnu_hash" if hash_style == "gnu" else "hash"], hashes),
                       (DT["rela"], rela), (DT["relasz"], 24 * len(relocations)), (0, 0)]
    dynamic = put(b"".join(struct.pack("<QQ", *entry) for entry in dynamic_entries))
    size = len(out)
    struct.pack_into("<16sHHIQQQIHHHHHH", out, 0, b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    struct.pack_into("<IIQQQQQQ", out, 64, 1, 6, 0, 0, 0, size, size, 4096)
    struct.pack_into("<IIQQQQQQ", out, 64 + 56, 2, 6, dynamic, dynamic, dynamic, 16 * len(dynamic_entries),
                     16 * len(dynamic_entries), 8)
    return bytes(out)


SEEDS = {
    "gnu-hash": module(),
    "sysv-hash": module(hash_style="sysv"),
    "in-place": module(relocate="in-place"),
    "symbolic": module(relocate="symbol"),
    "no-symbol": module(symbol=b"muster_plugin_descriptors"),
    "other-major": module(major=2),
    "newer-minor": module(minor=1),
    "no-types": module(types=()),
    "truncated": module()[:400],
    "not-elf": b"#!/bin/sh\nexit 0\n",
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        pathlib.Path(sys.argv[1], name).write_bytes(data)
