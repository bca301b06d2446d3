"""Does a Python version satisfy a specifier set (PEP 440, release numbers only)?"""

import re
from collections.abc import Iterable

CLAUSE = re.compile(r"^\s*(===|~=|==|!=|<=|>=|<|>)\s*([0-9.]+?)(\.\*)?\s*$")


def satisfies(version: str, specifiers: str) -> bool:
    """Whether `version` ("3.12.1") fits every clause of `specifiers` (">=3.11,<3.13"); "" fits all.

    A clause that is no release number (a pre-release, say) fits nothing.

    >>> satisfies("3.12.1", ">=3.11,!=3.13.*"), satisfies("3.12.1", "~=3.11.0"), satisfies("3.12.1", "==3.12.*")
    (True, False, True)
    """
    release = _numbers(version)
    return all(_fits(release, clause) for clause in specifiers.split(",") if clause.strip())


def newest(versions: Iterable[str], specifiers: str) -> str | None:
    """The highest of `versions` that satisfies `specifiers`."""
    fitting = [version for version in versions if satisfies(version, specifiers)]
    return max(fitting, key=_numbers, default=None)


def _fits(release: tuple[int, ...], clause: str) -> bool:
    found = CLAUSE.match(clause)
    if found is None:
        return False
    operator, text, wildcard = found.groups()
    wanted = _numbers(text)
    if wildcard:
        is_prefix = release[: len(wanted)] == wanted
        return is_prefix if operator == "==" else operator == "!=" and not is_prefix
    length = max(len(release), len(wanted))
    left, right = _padded(release, length), _padded(wanted, length)
    match operator:
        case "==" | "===":
            return left == right
        case "!=":
            return left != right
        case ">=":
            return left >= right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case "<":
            return left < right
        case _:  # ~=: at least this, and the same but for the last number
            return left >= right and release[: len(wanted) - 1] == wanted[:-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version))


def _padded(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    return numbers + (0,) * (length - len(numbers))
