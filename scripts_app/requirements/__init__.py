"""Python source → the packages, Python version and other scripts it needs. Pure: nothing is looked up."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from scripts_app.requirements.comments import Note, read_comments
from scripts_app.requirements.import_names import requirement_of
from scripts_app.requirements.imports import PackageImport, ScriptImport, packages_of, scripts_of, unseen_packages
from scripts_app.requirements.requirement_text import is_requirement, package_name
from scripts_app.signatures.python_source import parse_module

__all__ = ["Combined", "Note", "PackageImport", "Requirements", "ScriptImport", "combine", "python_requirements"]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What one script says it needs.

    `explicit` not None means inference is off. `python` is a specifier set, "" for any. `errors` make
    a lock impossible, `warnings` are told to the author.
    """

    explicit: tuple[str, ...] | None
    extra: tuple[str, ...]
    packages: tuple[PackageImport, ...]
    scripts: tuple[ScriptImport, ...]
    python: str
    flags: frozenset[str]
    errors: tuple[Note, ...]
    warnings: tuple[Note, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The requirements to resolve for this script alone."""
        return combine([self]).names


@dataclass(frozen=True, slots=True)
class Combined:
    """What a script and all it imports need together."""

    names: tuple[str, ...]
    python: str


def python_requirements(code: str) -> Requirements:
    """The needs of one Python script, from its comments and top-level imports.

    >>> python_requirements("import yaml, os, wmill").names
    ('pyyaml',)
    """
    comments = read_comments(code)
    module = parse_module(code)
    errors, warnings = list(comments.errors), list(comments.warnings)
    packages: list[PackageImport] = []
    scripts: list[ScriptImport] = []
    if isinstance(module, ast.Module):
        packages = packages_of(module, code.split("\n"))
        scripts = scripts_of(module)
        errors += _bad_pins(packages)
        if comments.explicit is None:
            warnings += _unseen(module, packages, comments.extra)
    else:
        errors.append(Note(module.line, module.error.partition(": ")[2] or module.error))
    return Requirements(
        explicit=None if comments.explicit is None else tuple(comments.explicit),
        extra=tuple(comments.extra),
        packages=tuple(packages),
        scripts=tuple(scripts),
        python=",".join(comments.python),
        flags=frozenset(comments.flags),
        errors=tuple(errors),
        warnings=tuple(warnings),
    )


def combine(parts: Iterable[Requirements]) -> Combined:
    """The needs of a script (the first part) and of the scripts it imports, as one list.

    The first one's explicit list stands alone. Otherwise all lists are joined; an import with pins
    needs exactly these, pins of all parts adding up, and a `repin` replaces every pin of its package.
    """
    scripts = list(parts)
    python = ",".join(dict.fromkeys(part.python for part in scripts if part.python))
    if scripts and scripts[0].explicit is not None:
        return Combined(_wanted(scripts[0].explicit), python)
    imports = [one for part in scripts if part.explicit is None for one in part.packages]
    pins: dict[str, list[str]] = {}
    repins: dict[str, list[str]] = {}
    for one in imports:
        pins.setdefault(one.requirement, []).extend(one.pins)
        repins.setdefault(one.requirement, []).extend(one.repins)
    inferred = [
        name for one in imports for name in repins[one.requirement] or pins[one.requirement] or [one.requirement]
    ]
    listed = [name for part in scripts for name in (*(part.explicit or ()), *part.extra)]
    return Combined(_wanted(inferred + listed), python)


def _wanted(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order; a bare `wmill` is always there already."""
    return tuple(dict.fromkeys(name for name in names if name.lower() != "wmill"))


def _bad_pins(packages: list[PackageImport]) -> list[Note]:
    return [
        Note(one.line, f'"{pin[:80]}" is not a requirement. Write the pin like this: # pin: {one.requirement}==1.2')
        for one in packages
        for pin in (*one.pins, *one.repins)
        if not is_requirement(pin)
    ]


def _unseen(module: ast.Module, packages: list[PackageImport], extra: list[str]) -> list[Note]:
    known = {package_name(one.requirement) for one in packages} | {package_name(name) for name in extra}
    unseen = {requirement_of(name): (name, line) for name, line in reversed(unseen_packages(module))}
    return [
        Note(
            line,
            f'The import of "{name}" is not at the top level, so it adds no package. '
            f"Import it at the top, or add the comment lines # extra_requirements: and # {requirement}",
        )
        for requirement, (name, line) in sorted(unseen.items(), key=lambda item: item[1][1])
        if package_name(requirement) not in known
    ]
