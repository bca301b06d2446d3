"""The comments at the top of a Python script that say which packages and which Python it needs."""

import re
import tomllib
from dataclasses import dataclass, field

from scripts_app.requirements.requirement_text import is_requirement, split_line

LIST_HEAD = re.compile(r"^#\s*(?P<extra>extra[_-])?requirements:\s*(?P<rest>.*)$", re.IGNORECASE)
LIST_ITEM = re.compile(r"^#\s?(?P<text>\S.*)$")  # ends in blanks: `.*?\s*$` is quadratic in them
PYTHON_SPEC = re.compile(r"^#\s?py:\s*(?P<spec>\S.*)$")
PYTHON_MINOR = re.compile(r"^#\s?py3(?P<minor>\d{1,2})\s*$")
BARE_VERSION = re.compile(r"^3(?:\.\d+){1,2}$")
CLAUSE = r"(?:===|~=|==|!=|<=|>=|<|>)\s*[0-9][0-9a-z.*]*"
SPECIFIERS = re.compile(rf"^{CLAUSE}(?:\s*,\s*{CLAUSE})*$")
FLAGS = frozenset({"no_cache", "no_postinstall", "skip_result_postprocessing", "py_select_latest", "sandbox"})


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell the author about a line of the script."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(slots=True)
class Comments:
    """`explicit` not None: these requirements stand in place of the ones the imports name."""

    explicit: list[str] | None = None
    extra: list[str] = field(default_factory=list)
    python: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    errors: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)


def read_comments(code: str) -> Comments:
    """What the block of comment lines at the top says; blank lines in it are skipped."""
    found = Comments()
    lines = [line.rstrip("\r") for line in code.split("\n")]
    top = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    for at, line in enumerate(lines[:top]):
        if not line:
            continue
        if head := LIST_HEAD.match(line):
            _read_list(head, at, lines[:top], found)
        elif spec := PYTHON_SPEC.match(line):
            _read_python(spec["spec"].strip(), at + 1, found)
        elif minor := PYTHON_MINOR.match(line):
            found.python.append(f"==3.{minor['minor']}.*")
        found.flags |= FLAGS.intersection(line.lstrip("# ").split())
    if block := _script_block(lines):
        _read_block(block[1], block[0], found)
    return found


def _script_block(lines: list[str]) -> tuple[int, list[str]] | None:
    """The first complete `# /// script` … `# ///`: its line's number and the comment lines within."""
    begin: int | None = None
    for at, line in enumerate(lines):
        bare = line.rstrip(" \t")
        if begin is None:
            begin = at if bare == "# /// script" else None
        elif bare == "# ///":
            return begin + 1, lines[begin + 1 : at]
        elif line != "#" and not line.startswith("# "):
            begin = None
    return None


def _read_list(head: re.Match[str], at: int, lines: list[str], found: Comments) -> None:
    rest = head["rest"].strip()
    entries = split_line(rest)
    is_open = not rest or rest.endswith(",")
    valid = [entry for entry in entries if is_requirement(entry)]
    found.warnings += [_not_a_requirement(at + 1, entry) for entry in entries if not is_requirement(entry)]
    if entries and not valid:
        return  # a sentence that happens to start like a list: inference stays on
    if is_open:
        valid += _items_below(at, lines, found)
    if head["extra"]:
        found.extra += valid
    else:
        found.explicit = [*(found.explicit or []), *valid]


def _items_below(at: int, lines: list[str], found: Comments) -> list[str]:
    """The `# a>=1` lines right below; one with a space that is no requirement ends the list."""
    items: list[str] = []
    for number, line in enumerate(lines[at + 1 :], start=at + 2):
        item = LIST_ITEM.match(line)
        text = item["text"].rstrip() if item else ""
        if not text or text in FLAGS or PYTHON_MINOR.match(line) or LIST_HEAD.match(line):
            break
        if is_requirement(text):
            items.append(text)
        elif all(is_requirement(part) for part in split_line(text)):
            items += split_line(text)
        elif " " in text:
            break
        else:
            found.errors.append(_not_a_requirement(number, text))
    return items


def _not_a_requirement(line: int, entry: str) -> Note:
    return Note(line, f'"{entry[:80]}" is not a requirement. Write a package, optionally with a version: name>=1.2')


def _read_python(spec: str, line: int, found: Comments) -> None:
    if BARE_VERSION.match(spec):
        spec = f"=={spec}.*" if spec.count(".") == 1 else f"=={spec}"
    if SPECIFIERS.match(spec):
        found.python.append(re.sub(r"\s", "", spec))
    else:
        found.errors.append(Note(line, f'"{spec[:80]}" is not a Python version. Write one like this: # py: >=3.12'))


def _read_block(lines: list[str], line: int, found: Comments) -> None:
    """The inline script metadata of PEP 723: `dependencies` and `requires-python`."""
    try:
        block = tomllib.loads("".join(f"{one[2:]}\n" for one in lines))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found.errors.append(Note(line, f'The block "# /// script" is not valid TOML: {error}'))
        return
    dependencies = block.get("dependencies")
    if isinstance(dependencies, list):
        found.explicit = found.explicit or []
        for entry in map(str, dependencies):
            if is_requirement(entry.strip()):
                found.explicit.append(entry.strip())
            else:
                found.errors.append(_not_a_requirement(line, entry))
    if isinstance(spec := block.get("requires-python"), str):
        _read_python(spec.strip(), line, found)
