"""The imports of a Python script: packages, other scripts, and those inference does not see."""

import ast
import re
import sys
from dataclasses import dataclass

from scripts_app.requirements.import_names import BASE_MODULES, requirement_of

PIN = re.compile(r"#\s*(?P<kind>pin|repin):(?P<text>[^#]+)$", re.IGNORECASE)
SCRIPT_ROOTS = frozenset({"f", "u"})


@dataclass(frozen=True, slots=True)
class ScriptImport:
    """An import of another script: `f.folder.name` (level 0), or relative to the script's own folder."""

    module: str
    names: tuple[str, ...]
    level: int
    line: int


@dataclass(frozen=True, slots=True)
class PackageImport:
    """An imported package, the requirement it comes from, and the pins written on its line."""

    module: str
    requirement: str
    line: int
    pins: tuple[str, ...] = ()
    repins: tuple[str, ...] = ()


type Import = ast.Import | ast.ImportFrom


def packages_of(module: ast.Module, lines: list[str]) -> list[PackageImport]:
    """Packages imported at the top level; standard library, `wmill` and other scripts left out."""
    return [
        PackageImport(name, requirement_of(name), statement.lineno, *_pins(statement, lines))
        for statement in module.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for name in _package_names(statement)
    ]


def scripts_of(module: ast.Module) -> list[ScriptImport]:
    """Imports of other scripts at the top level."""
    found: list[ScriptImport] = []
    for statement in module.body:
        match statement:
            case ast.ImportFrom(module=name, names=names, level=level) if level or _root(name or "") in SCRIPT_ROOTS:
                found.append(ScriptImport(name or "", tuple(one.name for one in names), level, statement.lineno))
            case ast.Import(names):
                found += [
                    ScriptImport(one.name, (), 0, statement.lineno) for one in names if _root(one.name) in SCRIPT_ROOTS
                ]
    return found


def unseen_packages(module: ast.Module) -> list[tuple[str, int]]:
    """(module, line) of packages imported only inside functions, `if` or `try`."""
    top_level = {id(statement) for statement in module.body}
    return [
        (name, node.lineno)
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top_level
        for name in _package_names(node)
    ]


def _package_names(statement: Import) -> list[str]:
    """Dotted names; of `from google.cloud import storage` the parts, as they decide the package."""
    match statement:
        case ast.Import(names):
            dotted = [one.name for one in names]
        case ast.ImportFrom(module=str(name), names=names, level=0):
            dotted = [f"{name}.{one.name}" for one in names]
        case _:
            dotted = []
    return [name for name in dotted if _is_package(_root(name))]


def _is_package(root: str) -> bool:
    return root not in sys.stdlib_module_names and root not in BASE_MODULES and root not in SCRIPT_ROOTS


def _root(module: str) -> str:
    return module.partition(".")[0]


def _pins(statement: Import, lines: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pins: list[str] = []
    repins: list[str] = []
    for line in lines[statement.lineno - 1 : statement.end_lineno]:
        if found := PIN.search(line):
            (pins if found["kind"].lower() == "pin" else repins).append(found["text"].strip())
    return tuple(pins), tuple(repins)
