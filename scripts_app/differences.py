"""What changed between two sources, line by line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

CONTEXT = 3
MAX_LINES = 5000


@dataclass(frozen=True)
class DiffLine:
    """`old` and `new` are line numbers from 1, None where the line is not there; `gap` stands for lines left out."""

    kind: Literal["same", "added", "removed", "gap"]
    text: str = ""
    old: int | None = None
    new: int | None = None


def diff_lines(before: str, after: str) -> list[DiffLine] | None:
    """The changed lines with three around them; [] for no change, None when the sources are too long to compare.

    >>> [(line.kind, line.text) for line in diff_lines("a\\nb", "a\\nc") or ()]
    [('same', 'a'), ('removed', 'b'), ('added', 'c')]
    """
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MAX_LINES:
        return None
    found: list[DiffLine] = []
    for group in SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(CONTEXT):
        if found or group[0][1]:
            found.append(DiffLine("gap"))
        for kind, i1, i2, j1, j2 in group:
            if kind == "equal":
                found += [DiffLine("same", old[i], i + 1, j1 + i - i1 + 1) for i in range(i1, i2)]
                continue
            found += [DiffLine("removed", old[i], old=i + 1) for i in range(i1, i2)]
            found += [DiffLine("added", new[j], new=j + 1) for j in range(j1, j2)]
    return found
