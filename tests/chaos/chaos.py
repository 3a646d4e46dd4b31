#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills, stops, fills disks, corrupts rings, and then compares what was said with what arrived, record by record.

`./dev chaos [--rounds=N] [--seed=S] [--case=NAME]` builds what this needs, with the named fault points, and runs it.
"""

import argparse
import fnmatch
import os
import random
import sys
import time
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from case import CASES  # noqa: E402
import deaths  # noqa: E402, F401  these add theirs, in this order
import blocked  # noqa: E402, F401
import damage  # noqa: E402, F401
import conduct  # noqa: E402, F401
import network  # noqa: E402, F401
import collectors  # noqa: E402, F401
from cluster import Failure, become_reaper  # noqa: E402

COLUMNS = ("case", "rounds", "returned", "delivered", "twice", "declared", "unaccounted", "verdict")
WIDTHS = (30, 7, 11, 11, 6, 9, 12, 8)


class Row:
    """What a case has counted so far."""

    def __init__(self, case, arguments, seed):
        self.name = case.name
        self.is_short = arguments.short
        self.wanted = arguments.rounds or (case.short if arguments.short else case.rounds)
        self.build = os.path.abspath(arguments.build)
        self.random = random.Random(f"{seed} {case.name}")
        self.may_declare = case.may_declare
        self.keep = arguments.keep
        self.rounds = self.returned = self.delivered = self.twice = self.declared = self.unaccounted = 0
        self.reasons = {}
        self.counts = Counter()  # what else a case counts, for its note
        self.problems = []
        self.notes = []

    def problem(self, text):
        if text not in self.problems:
            self.problems.append(text)

    def note(self, text):
        self.notes.append(text)

    def check_missing(self, result):
        """No call that had returned may hide behind a gap that stands for calls that had not: these are torn."""
        others = sum(count for reason, count in result["declared"].items() if reason != "torn")
        if result["missing"] > others + result["uncountable"]:
            self.problem(f"{result['missing']} calls that had returned are missing, {others} declared as such")

    def take(self, cluster, unchecked=()):
        """Judges what has come of a cluster that has ended; returns what the verifier said."""
        result = cluster.verify()
        outputs = [result[output] for output in cluster.outputs]
        self.returned += result["returned"]
        self.delivered += result["protobuf"]["delivered"]
        self.twice += sum(output["twice"] for output in outputs)
        self.declared += result["declared_sum"] - result["declared"]["torn"]
        self.check_missing(result)
        self.unaccounted += result["unaccounted"]
        for reason, count in result["declared"].items():
            if count:
                self.reasons[reason] = self.reasons.get(reason, 0) + count
        bad = {key: result[key] for key in ("overdeclared", "differing", "uncountable", "unhit", "audit", "late")}
        for key in ("disordered", "torn", "phantom"):
            bad[key] = sum(output[key] for output in outputs)
        for key, count in bad.items():
            if count and key not in unchecked:
                self.problem(f"{key} {count}")
        if not self.is_good:
            for example in result["examples"][:5]:
                self.problem(example)
            cluster.kept = self.keep
            if self.keep:
                self.problem(f"kept: {cluster.memory} {cluster.disk}")
        return result

    @property
    def undue(self):
        return sum(count for reason, count in self.reasons.items() if reason not in self.may_declare)

    @property
    def is_good(self):
        return not self.problems and self.twice == 0 and self.unaccounted == 0 and self.undue == 0

    def cells(self):
        return (self.name, self.rounds, self.returned, self.delivered, self.twice, self.declared, self.unaccounted,
                "good" if self.is_good else "BAD")


def print_row(cells, out=sys.stdout):
    """A row of the table, in columns."""
    text = "  ".join(f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}"
                     for i, (cell, width) in enumerate(zip(cells, WIDTHS)))
    print(text.rstrip(), file=out, flush=True)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build-chaos", help="the build directory")
    parser.add_argument("--rounds", type=int, help="rounds of each case, instead of its own number")
    parser.add_argument("--seed", type=int, help="repeats the decisions of an earlier run")
    parser.add_argument("--case", action="append", help="only these cases (a pattern; may be given again)")
    parser.add_argument("--short", action="store_true", help="a few rounds of each case, for every day")
    parser.add_argument("--list", action="store_true", help="name the cases, and their rounds")
    parser.add_argument("--keep", action="store_true", help="keep what a case that fails has left")
    return parser.parse_args()


def choose(arguments):
    """The cases that are wanted."""
    chosen = [case for case in CASES
              if not arguments.case or any(fnmatch.fnmatch(case.name, pattern) for pattern in arguments.case)]
    if not chosen:
        sys.exit(f"no such case; there are: {', '.join(case.name for case in CASES)}")
    skipped = {}
    for case in chosen:
        skipped.setdefault(case.skip(os.path.abspath(arguments.build)), []).append(case)
    for reason, cases in skipped.items():
        if reason:
            print(f"{len(cases)} cases skipped, {cases[0].name} and so on: {reason}")
    return skipped.get(None, [])


def run(case, arguments, seed):
    """One case: whether its verdict is good."""
    row = Row(case, arguments, seed)
    begun = time.monotonic()
    try:
        case.run(row)
    except Failure as failure:
        row.problem(str(failure))
    print_row(row.cells())
    if torn := row.reasons.pop("torn", 0):
        row.note(f"of calls that had not returned {torn} are declared torn")
    if row.reasons:
        row.note("declared: " + ", ".join(f"{count:,} {reason}" for reason, count in sorted(row.reasons.items())))
    row.note(f"{time.monotonic() - begun:.1f} s")
    for text in row.problems:
        print(f"    ! {text}", flush=True)
    print(f"    {'; '.join(row.notes)}", flush=True)
    return row.is_good


def main():
    arguments = parse()
    if arguments.list:
        for case in CASES:
            print(f"{case.name:<{WIDTHS[0]}} {case.rounds:>5}  {case.help}")
        return 0
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    become_reaper()
    print(f"seed {seed}")
    chosen = choose(arguments)
    print_row(COLUMNS)
    bad = [case.name for case in chosen if not run(case, arguments, seed)]
    print(f"seed {seed}: " + (f"BAD: {', '.join(bad)}" if bad else "all is good"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
