"""One requirement as text: what is accepted, and how several stand on one line."""

import re

OPERATOR = r"(?:===|~=|==|!=|<=|>=|<|>)"
VERSION = rf"\s*{OPERATOR}\s*[A-Za-z0-9.*+!_-]+"
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
MARKER = r"(?:\s*;[A-Za-z0-9 _.,'\"()<>=!~-]+)?"
REQUIREMENT = re.compile(
    rf"""(?P<name>{NAME}) \s* (?P<extras>\[ [A-Za-z0-9 ,._-]* \])?
        (?: \s* @ \s* (?P<url>https://[^\s$\\;@]+\.whl(?:\#\S+)?)
          | (?P<version>{VERSION} (?: \s*,{VERSION} )* | \s*\( {VERSION} (?: \s*,{VERSION} )* \s*\) )? )
        {MARKER}""",
    re.VERBOSE | re.ASCII,
)
MAX_LENGTH = 500
STARTS_WITH_OPERATOR = re.compile(rf"\s*{OPERATOR}")


def is_requirement(text: str) -> bool:
    """Whether `text` names a package, with extras, versions and a marker, or the https address of a wheel.

    Options (`--index-url`), local paths and version control addresses are none: they would make the
    installer read the host's files or run code outside the jobs' sandbox.
    """
    return len(text) <= MAX_LENGTH and REQUIREMENT.fullmatch(text) is not None


def package_name(requirement: str) -> str:
    """The normalised name of the package.

    >>> package_name("Psycopg2_Binary[x]>=2")
    'psycopg2-binary'
    """
    found = re.match(NAME, requirement, re.ASCII)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement


def split_line(text: str) -> list[str]:
    """The requirements of one line, separated by commas.

    >>> split_line("a, b>=1,<2, c[x,y]")
    ['a', 'b>=1,<2', 'c[x,y]']
    """
    entries: list[str] = []
    for part in text.split(","):
        last = entries[-1] if entries else ""
        is_open = "[" in last and "]" not in last
        is_inside = bool(last) and len(last) <= MAX_LENGTH and (is_open or STARTS_WITH_OPERATOR.match(part) is not None)
        if is_inside:
            entries[-1] += f",{part}"
        else:
            entries.append(part)
    return [entry.strip() for entry in entries if entry.strip()]
