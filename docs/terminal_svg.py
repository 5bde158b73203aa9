#!/usr/bin/env python3
"""Draws a captured terminal as SVG: how the picture in the README is made from a real run.

  tmux new-session -d -s demo -x 100 -y 24 'make demo; sleep 60'
  tmux capture-pane -e -p -t demo | docs/terminal_svg.py > docs/demo.svg
"""
import html
import re
import sys

CELL, LINE, MARGIN = 8.4, 18, 14  # pixels of a 14 px monospace cell
PAPER, INK = "#10151c", "#d7dde5"
COLOURS = {30: "#5c6773", 31: "#f07178", 32: "#7fd962", 33: "#e6b450", 34: "#59c2ff",
           35: "#d2a6ff", 36: "#95e6cb", 37: "#d7dde5", 90: "#7a8490", 91: "#f07178",
           92: "#aad94c", 93: "#ffb454", 94: "#73b8ff", 95: "#dfbfff", 96: "#95e6cb", 97: "#ffffff"}


def spans(line):
    """(text, colour, bold, dim) for each run of one style."""
    colour, bold, dim = INK, False, False
    for part in re.split(r"(\x1b\[[0-9;]*m)", line.rstrip("\n")):
        if not part.startswith("\x1b["):
            if part:
                yield part, colour, bold, dim
            continue
        for code in map(int, filter(None, (part[2:-1] or "0").split(";"))):
            if code == 0:
                colour, bold, dim = INK, False, False
            elif code == 1:
                bold = True
            elif code == 2:
                dim = True
            elif code == 39:
                colour = INK
            else:
                colour = COLOURS.get(code, colour)


def main():
    lines = sys.stdin.read().rstrip().split("\n")
    columns = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    width, height = columns * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
          f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>')
    for row, line in enumerate(lines):
        column = 0
        y = MARGIN + row * LINE + 13
        for text, colour, bold, dim in spans(line):
            if text.strip():
                style = ' font-weight="bold"' * bold + ' opacity="0.6"' * dim
                print(f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{colour}"{style} '
                      f'textLength="{len(text) * CELL:.1f}" xml:space="preserve">'
                      f'{html.escape(text)}</text>')
            column += len(text)
    print("</svg>")


if __name__ == "__main__":
    main()
