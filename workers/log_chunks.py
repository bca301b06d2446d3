"""Log text → chunks of lines for templates/ui/log_lines.html. Pure.

A log comes in pieces that end anywhere: numbers, colours and an unfinished last line go on in the next piece.
"""

from dataclasses import dataclass, replace

from django.utils.safestring import SafeString

from workers import ansi

CHUNK_LINES = 200
MAX_LINE = 20_000  # characters; a longer line is cut for the page, the download has it whole


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered line, escaped."""

    number: int
    html: SafeString


@dataclass(frozen=True, slots=True)
class Chunk:
    """Up to 200 lines, part `part` of segment `seq`. `continues`: the first is the rest of the last line before."""

    seq: int
    part: int
    lines: tuple[Line, ...]
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a log stands after a piece: lines begun so far, whether the last one is still open, and the style."""

    lines: int = 0
    is_open: bool = False
    style: ansi.Style = ansi.PLAIN


START = Position()


def chunks(text: str, seq: int, position: Position = START) -> tuple[list[Chunk], Position]:
    """The chunks of one piece of a log and the position after it. An empty piece gives no chunk."""
    if not text:
        return [], position
    continues = position.is_open
    numbered, position = _lines(text, position)
    found = [
        Chunk(seq, part, tuple(numbered[start : start + CHUNK_LINES]), continues and part == 0)
        for part, start in enumerate(range(0, len(numbered), CHUNK_LINES))
    ]
    return found, position


def _lines(text: str, position: Position) -> tuple[list[Line], Position]:
    pieces = text.replace("\r\n", "\n").split("\n")
    is_open = pieces[-1] != ""
    if not is_open:
        pieces.pop()
    first = position.lines if position.is_open else position.lines + 1
    style = position.style
    numbered: list[Line] = []
    for number, piece in enumerate(pieces, first):
        # A progress bar redraws its line after each carriage return: what was drawn last is what a terminal shows.
        shown = piece.rstrip("\r").rpartition("\r")[2]
        html, style = ansi.to_html(_short(shown), style)
        numbered.append(Line(number, SafeString(html)))
    return numbered, replace(position, lines=first + len(pieces) - 1, is_open=is_open, style=style)


def _short(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} … {len(line) - MAX_LINE} more characters"
