"""What a script's source names: variables, resources, scripts and flows it uses. Pure; nothing is looked up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts_app.signatures.python_source import parse_module
from workspaces.paths import parse_item_path

_CALLS = {
    "get_variable": "variable",
    "set_variable": "variable",
    "get_resource": "resource",
    "set_resource": "resource",
    "run_script": "script",
    "run_script_async": "script",
    "run_script_by_path": "script",
    "run_script_by_path_async": "script",
    "run_flow": "flow",
    "run_flow_async": "flow",
}
_INTERPOLATED = re.compile(r"\$(var|res):([\w/-]+)", re.ASCII)
_URLS = re.compile(
    r"/(variables/get_value|variables/get|resources/get_value_interpolated|resources/get_value|resources/get"
    r"|jobs/run/p|jobs/run_wait_result/p|jobs/run/f|jobs/run_wait_result/f)/([ufg]/[\w/-]+)",
    re.ASCII,
)
_OF_URL = {"variables": "variable", "resources": "resource", "p": "script", "f": "flow"}


@dataclass(frozen=True, order=True)
class Used:
    kind: str
    path: str


def find_references(language: str, content: str) -> frozenset[Used]:
    """The items whose paths stand in `content` as literals.

    >>> sorted(use.path for use in find_references("python3", 'x = wmill.get_resource("f/db/main")'))
    ['f/db/main']
    >>> sorted(use.path for use in find_references("bash", 'curl "$URL/api/w/w/variables/get_value/f/a/b"'))
    ['f/a/b']
    """
    found = {*_named_in_text(content)}
    if language == "python3":
        found.update(_named_in_calls(content))
    return frozenset(use for use in found if _is_path(use.path))


def _named_in_text(content: str) -> Iterator[Used]:
    for kind, path in _INTERPOLATED.findall(content):
        yield Used("variable" if kind == "var" else "resource", path.rstrip("/"))
    for call, path in _URLS.findall(content):
        yield Used(_OF_URL.get(call.split("/")[0]) or _OF_URL[call.rsplit("/", 1)[1]], path.rstrip("/"))


def _named_in_calls(content: str) -> Iterator[Used]:
    module = parse_module(content)
    if not isinstance(module, ast.AST):
        return
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and re.match(r"[fu]\.\w+\.\w", node.module):
            yield Used("script", node.module.replace(".", "/"))
        elif isinstance(node, ast.Call) and (kind := _CALLS.get(_name_of(node.func))):
            first = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "path"), None)
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Used(kind, first.value)


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_path(text: str) -> bool:
    try:
        parse_item_path(text)
    except ValueError:
        return False
    return True
