"""Docstring → what the form says: a first paragraph, and one text per argument.

Understood are Google (`Args:`), NumPy (`Parameters` underlined) and reST (`:param x:`) sections.
"""

import re
from dataclasses import dataclass

GOOGLE_ARGS = re.compile(r"^(?:args|arguments|parameters|params):$", re.IGNORECASE)
GOOGLE_ITEM = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")
NUMPY_ITEM = re.compile(r"^\*{0,2}(?P<names>\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
REST_ITEM = re.compile(
    r"^:(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(?P<name>\w+)\s*:\s*(?P<text>.*)$"
)
REST_FIELD = re.compile(r"^:\w+[^:]*:")
GOOGLE_SECTION = re.compile(r"^[A-Z][A-Za-z ]{2,30}:$")
UNDERLINE = re.compile(r"^(?:-{3,}|={3,})$")
MAX_LINES = 2000


@dataclass(frozen=True, slots=True)
class Docstring:
    summary: str
    args: dict[str, str]


def read_docstring(text: str) -> Docstring:
    """Summary (first paragraph, on one line) and argument descriptions of a cleaned docstring."""
    lines = [line.rstrip() for line in text.splitlines()[:MAX_LINES]]
    args = _rest(lines) | _numpy(lines) | _google(lines)
    return Docstring(_summary(lines), {name: described for name, described in args.items() if described})


def _summary(lines: list[str]) -> str:
    paragraph: list[str] = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        starts_section = GOOGLE_SECTION.match(line) or GOOGLE_ARGS.match(line) or REST_FIELD.match(line)
        if starts_section or UNDERLINE.match(below.strip()) or (not line and paragraph):
            break
        if line:
            paragraph.append(line.strip())
    return " ".join(paragraph)


def _google(lines: list[str]) -> dict[str, str]:
    for number, line in enumerate(lines):
        if GOOGLE_ARGS.match(line.strip()):
            return _items(_indented_below(lines, number), GOOGLE_ITEM, "name")
    return {}


def _numpy(lines: list[str]) -> dict[str, str]:
    for number, line in enumerate(lines[:-1]):
        if line.strip().lower() in ("parameters", "arguments") and UNDERLINE.match(lines[number + 1].strip()):
            return _numpy_items(lines[number + 2 :])
    return {}


def _numpy_items(lines: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for number, line in enumerate(lines):
        if number + 1 < len(lines) and UNDERLINE.match(lines[number + 1].strip()):
            break
        if line.startswith((" ", "\t")):
            for name in names:
                found[name].append(line.strip())
        elif item := NUMPY_ITEM.match(line):
            names = re.findall(r"\w+", item["names"])
            found |= {name: [] for name in names}
        elif line:
            names = []
    return {name: _joined(texts) for name, texts in found.items()}


def _rest(lines: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in map(str.strip, lines):
        if item := REST_ITEM.match(line):
            current = found.setdefault(item["name"], [])
            current.append(item["text"])
        elif not line or REST_FIELD.match(line):
            current = None
        elif current is not None:
            current.append(line)
    return {name: _joined(texts) for name, texts in found.items()}


def _indented_below(lines: list[str], number: int) -> list[str]:
    """The lines after `number` that are indented deeper, and empty ones between them."""
    own = _indent(lines[number])
    block: list[str] = []
    for line in lines[number + 1 :]:
        if line and _indent(line) <= own:
            break
        block.append(line)
    return block


def _items(block: list[str], pattern: re.Pattern[str], key: str) -> dict[str, str]:
    """`name: text` items at the block's first indentation; deeper lines continue the item."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    first = next((_indent(line) for line in block if line), 0)
    for line in block:
        item = pattern.match(line.strip()) if line and _indent(line) <= first else None
        if item:
            current = found.setdefault(item[key], [])
            current.append(item["text"])
        elif line and current is not None:
            current.append(line.strip())
    return {name: _joined(texts) for name, texts in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(texts: list[str]) -> str:
    return " ".join(text for text in texts if text)
