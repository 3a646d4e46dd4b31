#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of fuzz-symbols: the smallest 64-bit little-endian ELF files that have symbol tables and a build id.

    tests/fuzz/make-symbols-seeds.py tests/fuzz/seeds/symbols
"""
import pathlib
import struct
import sys

SHT_SYMTAB, SHT_STRTAB, SHT_DYNSYM = 2, 3, 11
PT_NOTE = 4
FUNC, LOCAL, GLOBAL = 2, 0, 1
BUILD_ID = bytes(range(20))

# name, value, size, binding, section
SYMBOLS = [(b"outer", 0x1000, 0x100, GLOBAL, 1), (b"inner", 0x1040, 0x10, LOCAL, 1), (b"alias", 0x1040, 0x10, GLOBAL, 1),
           (b"absent", 0x1000, 0x100, GLOBAL, 0), (b"unsized", 0x2000, 0, GLOBAL, 1)]


def elf(tables=(SHT_SYMTAB,), symbols=SYMBOLS, build_id=BUILD_ID, link=None, size=None, kind=3):
    """Header, one segment for the notes, then each part in turn, then the section headers."""
    out = bytearray(64 + 56)
    sections = [(0, 0, 0, 0, 0)]

    def put(data):
        while len(out) % 8:
            out.append(0)
        out.extend(data)
        return len(out) - len(data)

    notes = struct.pack("<III", 4, len(build_id), 3) + b"GNU\0" + build_id
    struct.pack_into("<IIQQQQQQ", out, 64, PT_NOTE, 4, put(notes), 0, 0, len(notes), len(notes), 4)
    for table in tables:
        strings = b"\0"
        entries = bytes(24)
        for name, value, length, binding, section in symbols:
            entries += struct.pack("<IBBHQQ", len(strings), binding << 4 | FUNC, 0, section, value, length)
            strings += name + b"\0"
        at = put(entries)
        sections.append((table, at, len(entries) if size is None else size,
                         len(sections) + 1 if link is None else link, 24))
        sections.append((SHT_STRTAB, put(strings), len(strings), 0, 0))
    headers = put(b"".join(struct.pack("<IIQQQQIIQQ", 0, type, 0, 0, at, length, to, 0, 8, entry)
                           for type, at, length, to, entry in sections))
    struct.pack_into("<16sHHIQQQIHHHHHH", out, 0, b"\x7fELF\2\1\1", kind, 62, 1, 0, 64, headers, 0, 64, 56, 1, 64,
                     len(sections), 0)
    return bytes(out)


SEEDS = {
    "symtab": elf(),
    "dynsym": elf(tables=(SHT_DYNSYM,)),
    "both": elf(tables=(SHT_DYNSYM, SHT_SYMTAB)),
    "executable": elf(kind=2),
    "stripped": elf(tables=()),
    "bad-link": elf(link=77),
    "self-link": elf(link=1),
    "endless": elf(size=2**63),
    "truncated": elf()[:200],
    "not-elf": b"#!/bin/sh\nexit 0\n",
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        pathlib.Path(sys.argv[1], name).write_bytes(data)
