"""Terminal output → HTML: colours become classes, every other control sequence is dropped. Pure.

The style goes on from one piece of a log to the next, and so does an escape sequence cut in two.
"""

import re
from dataclasses import dataclass, replace
from html import escape

CONTROL = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"  # colours and weights
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # cursor moves, erasing
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f]",
    re.DOTALL,
)
CUT_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,256})?$")
URL = re.compile(r"https?://[^\s<>\"'`\x00-\x1f]+[^\s<>\"'`\x00-\x1f.,;:!?)\]}]")
# Approximate hues of the 6x6x6 cube and of true colours: the pages have eight, for both themes.
BASE = ((0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16), (36, 114, 200), (188, 63, 188), (17, 168, 205))
WHITE = (229, 229, 229)


@dataclass(frozen=True, slots=True)
class Style:
    """What the next character looks like; `cut` is the start of a sequence whose end is still to come."""

    marks: frozenset[int] = frozenset()
    colour: int | None = None
    background: int | None = None
    cut: str = ""


PLAIN = Style()
MARKS_OFF = {21: {1}, 22: {1, 2}, 23: {3}, 24: {4}, 27: {7}, 29: {9}}


def to_html(text: str, state: Style = PLAIN) -> tuple[str, Style]:
    """Escaped HTML of `text`, and the style after it. Web addresses become links.

    The only tags are <span class="…"> and <a>, each closed; feeding pieces one by one gives the same text.
    """
    text = state.cut + text
    style = replace(state, cut="")
    if cut := CUT_SEQUENCE.search(text):
        style = replace(style, cut=cut.group())
        text = text[: cut.start()]
    parts: list[str] = []
    at = 0
    for control in CONTROL.finditer(text):
        parts.append(_span(text[at : control.start()], style))
        at = control.end()
        if (codes := control["sgr"]) is not None:
            style = _after(style, codes)
    parts.append(_span(text[at:], style))
    return "".join(parts), style


def _span(text: str, style: Style) -> str:
    if not text:
        return ""
    classes = [f"a{mark}" for mark in sorted(style.marks)]
    if style.colour is not None:
        classes.append(f"a{style.colour}")
    if style.background is not None:
        classes.append(f"b{style.background}")
    html = _linked(text)
    return f'<span class="{" ".join(classes)}">{html}</span>' if classes else html


def _linked(text: str) -> str:
    if "://" not in text:
        return escape(text)
    parts: list[str] = []
    at = 0
    for url in URL.finditer(text):
        address = escape(url.group())
        parts += [escape(text[at : url.start()]), f'<a href="{address}" rel="noopener nofollow">{address}</a>']
        at = url.end()
    return "".join([*parts, escape(text[at:])])


def _after(style: Style, codes: str) -> Style:
    numbers = [int(code[:4] or 0) for code in re.split("[;:]", codes)]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code in (38, 48):
            colour, used = _extended(numbers[at:])
            at += used
            if colour is not None:
                style = replace(style, colour=colour) if code == 38 else replace(style, background=colour + 10)
        else:
            style = _one(style, code)
    return style


def _one(style: Style, code: int) -> Style:
    match code:
        case 0:
            return replace(style, marks=frozenset(), colour=None, background=None)
        case 1 | 2 | 3 | 4 | 7 | 9:
            return replace(style, marks=style.marks | {code})
        case _ if code in MARKS_OFF:
            return replace(style, marks=style.marks - MARKS_OFF[code])
        case 39:
            return replace(style, colour=None)
        case 49:
            return replace(style, background=None)
        case _ if 30 <= code <= 37 or 90 <= code <= 97:
            return replace(style, colour=code)
        case _ if 40 <= code <= 47 or 100 <= code <= 107:
            return replace(style, background=code)
        case _:
            return style


def _extended(rest: list[int]) -> tuple[int | None, int]:
    """The nearest of our colours (30–37, 90–97) for `5;n` or `2;r;g;b`, and how many numbers that took."""
    match rest:
        case [5, index, *_]:
            return _of_palette(index), 2
        case [2, red, green, blue, *_]:
            return _nearest(red, green, blue), 4
        case _:
            return None, len(rest)


def _of_palette(index: int) -> int:
    if index < 16:
        return 30 + index if index < 8 else 82 + index
    if index >= 232:
        grey = 8 + 10 * (min(index, 255) - 232)
        return _nearest(grey, grey, grey)
    cube = index - 16
    red, green, blue = (0 if part == 0 else 55 + 40 * part for part in (cube // 36, cube // 6 % 6, cube % 6))
    return _nearest(red, green, blue)


def _nearest(red: int, green: int, blue: int) -> int:
    candidates = (*BASE, WHITE)
    distances = [(red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2 for r, g, b in candidates]
    return 30 + distances.index(min(distances))
