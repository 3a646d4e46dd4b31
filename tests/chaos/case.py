# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case of the table in docs/reliability.md is, and how one is played: rounds in groups, each in a world of its own."""

import os
from dataclasses import dataclass
from functools import partial
from typing import Callable

CASES = []


@dataclass
class Case:
    """A case of the table: its rounds in the long run and in the short one, and what it may declare."""

    name: str
    help: str
    rounds: int
    short: int
    run: Callable
    may_declare: tuple = ("torn",)
    skip: Callable = lambda build: None


def case(name, rounds, short, help, **more):
    """Makes a case of a function that takes a Row."""
    def add(function):
        CASES.append(Case(name, help, rounds, short, function, **more))
        return function
    return add


def played(name, rounds, short, help, world, *, size=10, note=None, **more):
    """Makes a case of a function that does one round: it takes a Row, and what @world, a context for one group, made of it.
    @note says in the end what has been counted in row.counts."""
    def add(function):
        case(name, rounds, short, help, **more)(partial(play, world=world, act=function, size=size, note=note))
        return function
    return add


def groups(row, size):
    """Rounds in groups, each a runtime directory of its own, so that files stay small."""
    left = row.wanted
    while left > 0:
        yield min(size, left)
        left -= size


def play(row, world, act, size, note):
    """All rounds of a case."""
    for rounds in groups(row, size):
        with world(row) as made:
            for _ in range(rounds):
                act(row, made)
                row.rounds += 1
    if note is not None:
        row.note(note.format_map(row.counts))


def has_no_points(build):
    with open(os.path.join(build, "config.h"), encoding="ascii") as config:
        if "#define MUSTER_FAULT_INJECTION" not in config.read():
            return "needs a build with -Dfault-injection=true"
    return None
