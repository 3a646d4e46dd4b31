#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records a second from workers to a collector's file, over loopback with CURVE, until all is acknowledged.

    bench-network.py BUILD_DIR FORMAT WORKERS RECORDS [KEY=VALUE...]

The keys are the network transport's.
"""

import sys
import time

from pair import Pair


def main():
    form, workers, records = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with Pair(sys.argv[1], form) as pair:
        pair.start_collector()
        pair.start_sender(pair.worker("load", "load", records, f"{pair.directory}/results", instances=workers), sys.argv[5:])
        pair.wait(lambda: len(pair.read_results("start")) == workers and pair.count_waiting() == 0, "all is acknowledged")
        end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        start = min(int(value) for value in pair.read_results("start"))
        print(f"{workers * records / ((end - start) / 1e9):.0f}")


main()
