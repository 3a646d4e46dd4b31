#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes an SVG picture of what a program printed on a terminal, in its own colours. Standard library only.

docs/quickstart.svg is the quickstart around its first crash:

    script -qec './dev run --for=9s' typescript
    docs/make-picture.py --title '$ ./dev run' --around 'last words' --before 6 --after 30 <typescript >docs/quickstart.svg
"""
import argparse
import re
import sys
from html import escape

BACKGROUND, BAR, TEXT = "#282c34", "#21252b", "#abb2bf"
# The sixteen colours that a number stands for, in the shades of the same theme (One Dark).
PALETTE = [
    "#3f4451", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#ffffff",
]
FONT_SIZE, CELL, LINE, MARGIN = 13, 7.8, 17, 14


class Style:
    """What SGR sequences (ECMA-48, 8.3.117) have made of the text that follows."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.fill, self.bold, self.faint, self.italic, self.underline = None, False, False, False, False

    def key(self):
        return (self.fill, self.bold, self.faint, self.italic, self.underline)

    def apply(self, numbers):
        numbers = [int(n or 0) for n in re.split("[;:]", numbers)]
        while numbers:
            self.apply_one(numbers.pop(0), numbers)

    def apply_one(self, number, rest):
        flags = {1: ("bold", True), 2: ("faint", True), 3: ("italic", True), 4: ("underline", True),
                 22: ("bold", False), 23: ("italic", False), 24: ("underline", False)}
        if number == 0:
            self.reset()
        elif number in flags:
            setattr(self, *flags[number])
            self.faint = self.faint and number != 22
        elif 30 <= number <= 37 or 90 <= number <= 97:
            self.fill = PALETTE[number - 30 if number < 40 else number - 82]
        elif number in (38, 48):
            colour = self.colour(rest)
            self.fill = colour if number == 38 else self.fill
        elif number == 39:
            self.fill = None

    @staticmethod
    def colour(rest):
        kind = rest.pop(0)
        if kind == 2:
            red, green, blue = rest.pop(0), rest.pop(0), rest.pop(0)
            return f"#{red:02x}{green:02x}{blue:02x}"
        number = rest.pop(0)
        if number < 16:
            return PALETTE[number]
        if number >= 232:
            return "#" + f"{8 + 10 * (number - 232):02x}" * 3
        number -= 16
        return "#" + "".join(f"{(0, 95, 135, 175, 215, 255)[n]:02x}" for n in (number // 36, number // 6 % 6, number % 6))

    def attributes(self):
        yield f'fill="{self.fill or TEXT}"'
        if self.bold:
            yield 'font-weight="bold"'
        if self.faint:
            yield 'opacity="0.7"'
        if self.italic:
            yield 'font-style="italic"'
        if self.underline:
            yield 'text-decoration="underline"'


def parse(line, style, columns):
    """Runs of text in one style: [(column, text, attributes)]; what goes beyond the last column is cut, and says so."""
    runs, column = [], 0
    for part in re.split(r"(\x1b\[[0-9;:?]*[A-Za-z])", line):
        sequence = re.fullmatch(r"\x1b\[([0-9;:]*)m", part)
        if sequence:
            style.apply(sequence[1])
        elif not part.startswith("\x1b") and part:
            if column < columns:
                text = part if column + len(part) <= columns else part[: columns - column - 1] + "…"
                runs.append((column, text, " ".join(style.attributes())))
            column += len(part)
    return runs


def plain(line):
    return re.sub(r"\x1b\[[0-9;:?]*[A-Za-z]", "", line)


def choose(lines, options):
    if options.around is None:
        return lines
    found = next((i for i, line in enumerate(lines) if re.search(options.around, plain(line))), None)
    if found is None:
        sys.exit(f"no line matches {options.around!r}")
    return lines[max(found - options.before, 0) : found + options.after + 1]


def draw(lines, options):
    width = 2 * MARGIN + options.columns * CELL
    top = 30
    height = top + len(lines) * LINE + 2 * MARGIN - 6
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT_SIZE}">'
    )
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield f'<path d="M0 {top}V8a8 8 0 0 1 8-8H{width - 8:g}a8 8 0 0 1 8 8V{top}z" fill="{BAR}"/>'
    yield f'<text x="{MARGIN}" y="20" fill="{TEXT}" font-weight="bold">{escape(options.title)}</text>'
    style = Style()
    for number, line in enumerate(lines):
        y = top + MARGIN + number * LINE + 8
        for column, text, attributes in parse(line, style, options.columns):
            # Each word in its place, whatever the font.
            for word in re.finditer(r"\S+", text):
                x, size = MARGIN + (column + word.start()) * CELL, len(word[0]) * CELL
                yield f'<text x="{x:g}" y="{y}" textLength="{size:g}" {attributes}>{escape(word[0])}</text>'
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", default="", help="what stands in the bar")
    parser.add_argument("--columns", type=int, default=112, help="longer lines are cut (%(default)s)")
    parser.add_argument("--around", metavar="REGEX", help="only the lines around the first that matches")
    parser.add_argument("--before", type=int, default=20, help="how many before it (%(default)s)")
    parser.add_argument("--after", type=int, default=10, help="how many after it (%(default)s)")
    options = parser.parse_args()
    lines = [line.rstrip("\r") for line in sys.stdin.read().split("\n")]
    print("\n".join(draw(choose(lines, options), options)))


if __name__ == "__main__":
    main()
