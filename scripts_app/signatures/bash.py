"""Bash: lines `name="$1"`, `name="${2}"`, `name="${3:-default}"` at the start of a line."""

import re

from scripts_app.signatures.types import Arg, Invalid, Signature, Text, clean_text

ARGUMENT = re.compile(
    r"""^(?P<name>[A-Za-z_][A-Za-z0-9_]*)="\$
        (?: (?P<bare>[1-9]) | \{ (?P<number>[1-9][0-9]{0,3}) (?: :?- (?P<default>.*?) )? \} )
        "[ \t]*(?:[#].*)?\r?$""",
    re.VERBOSE | re.MULTILINE | re.ASCII,
)


def parse_bash(code: str, entrypoint: str) -> Signature | Invalid:
    """The arguments in the order of `$1`, `$2`, …; a hole in the numbering ends the list.

    Indented, unquoted and exported lines are not arguments. The file itself is the entry point, so
    `entrypoint` has no meaning here; nothing is ever invalid.
    """
    by_number: dict[int, Arg] = {}
    for found in ARGUMENT.finditer(code):
        default = found["default"]
        arg = Arg(
            name=found["name"],
            typ=Text(),
            default=None if default is None else clean_text(default),
            has_default=default is not None,
        )
        by_number.setdefault(int(found["bare"] or found["number"]), arg)
    args: list[Arg] = []
    while arg := by_number.get(len(args) + 1):
        args.append(arg)
    return Signature(args=tuple(args))
