#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A collector that is away while its sender's spool fills, and comes back while records still arrive.

    bench-spool.py BUILD_DIR MEBIBYTES RATE

At least so much is spooled; RATE records a second arrive all the time. Prints name, figure and unit, with tabs between: the
sender's anonymous memory, the most that was seen, and how many records a second the collector wrote until it had caught up.
"""

import os
import sys
import time

from pair import Pair

# A spool that holds no more than this has been caught up with: what arrives within some hundredths of a second.
LIVE = 4 << 20


def count_lines(path, size):
    n = 0
    with open(path, "rb") as file:
        while size > 0 and (piece := file.read(min(size, 1 << 20))):
            n += piece.count(b"\n")
            size -= len(piece)
    return n


def main():
    size, rate = int(sys.argv[2]) << 20, int(sys.argv[3])
    peak = 0
    with Pair(sys.argv[1], "text") as pair:
        results = f"{pair.directory}/results"

        def is_over(until):
            nonlocal peak
            peak = max(peak, pair.get_anonymous_memory("sender"))
            return until()

        # A record of the bench takes about 100 bytes: at least 80.
        pair.start_sender(pair.worker("pace", "pace", rate, results) + pair.worker("load", "load", size // 80, results),
                          [f"spool-size={size + size // 2}"])
        pair.wait(lambda: is_over(lambda: (pair.count_waiting() or 0) >= size), "the spool is filled")
        waiting = pair.count_waiting()
        pair.start_collector()
        begin = time.monotonic()
        pair.wait(lambda: is_over(lambda: pair.count_waiting() <= LIVE), "the collector has caught up")
        seconds = time.monotonic() - begin
        written = os.path.getsize(pair.output)
        name = f"network, {waiting >> 20} MiB spooled and {rate:,} records/s arriving: "
        print(f"{name}sender's anonymous memory, most\t{peak >> 10}\tKiB")
        print(f"{name}caught up\t{count_lines(pair.output, written) / seconds:.0f}\trecords/s")


main()
