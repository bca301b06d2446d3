"""The walk over references: a generator that asks for rows (`Ask`) and is given them, then fills them in.

First level by level all that is referred to is gathered, then everything is put in place. What a principal may not
read is as if it were not there. Resources may hold references: eight levels deep, without circles, within a total size.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from vault import crypto, keys, sealing
from vault.items import require_secret_reader
from workspaces import clock, policy, scopes
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.jsontext import dumps
from workspaces.principal import Principal

MAX_DEPTH = 8
MAX_CHARS = 16_000_000
_VARIABLE, _JSON_VARIABLE, _RESOURCE, _ENCRYPTED = "$var:", "$jsonvar:", "$res:", "$encrypted:"

VARIABLES = """
SELECT path, value, is_secret, extra_perms::text FROM vault_variable
WHERE workspace_id = %(workspace)s AND path = ANY(%(names)s) AND (expires_at IS NULL OR expires_at > %(now)s)
"""
RESOURCES = """
SELECT path, value::text, false, extra_perms::text FROM vault_resource
WHERE workspace_id = %(workspace)s AND path = ANY(%(names)s)
"""
KEYS = """
SELECT number::text, sealed_key FROM vault_workspacekey
WHERE workspace_id = %(workspace)s AND number = ANY(%(names)s::int[])
"""


@dataclass(frozen=True)
class Resolution:
    """The text with everything filled in; `secrets` are the values a log must not show."""

    text: str
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    secret_paths: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ask:
    sql: LiteralString
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    value: str
    is_secret: bool


@dataclass
class _Known:
    """What the principal may read of what is referred to."""

    variables: dict[str, _Row] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)
    keys: dict[int, bytes] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    secret_paths: set[str] = field(default_factory=set)
    chars: int = 0


type Walk = Generator[Ask, list[Any] | None, Resolution]


def walk(principal: Principal, workspace_id: str, value: Any, arg: str, context: Mapping[str, str]) -> Walk:
    """Resolve `value` for `principal`. Raises NotFound, Forbidden, BadRequest."""
    known = _Known()
    sealed: set[str] = set()
    todo = _references(value)
    for _ in range(MAX_DEPTH + 1):
        wanted = {path for kind, path in todo if kind in (_VARIABLE, _JSON_VARIABLE)} - known.variables.keys()
        resources = {path for kind, path in todo if kind == _RESOURCE} - known.resources.keys()
        sealed |= {text for kind, text in todo if kind == _ENCRYPTED}
        if wanted:
            rows = yield from _ask(VARIABLES, workspace_id, wanted)
            known.variables |= {path: _Row(text, is_secret) for path, text, is_secret in _readable(principal, rows)}
        todo = []
        if resources:
            rows = yield from _ask(RESOURCES, workspace_id, resources)
            new = {path: json.loads(text or "null") for path, text, _ in _readable(principal, rows)}
            known.resources |= new
            todo = [each for resource in new.values() for each in _references(resource)]
        if not todo:
            break
    else:
        raise BadRequest(f"References go deeper than {MAX_DEPTH} levels; write the value into fewer resources")
    sealed |= {row.value for row in known.variables.values() if row.is_secret}
    if numbers := {number for text in sealed if (number := crypto.number_of(text)) is not None}:
        rows = yield from _ask(KEYS, workspace_id, {str(number) for number in numbers})
        known.keys = {int(number): keys.opened(workspace_id, int(number), bytes(key)).secret for number, key in rows}
    filled = _Filler(principal, workspace_id, known, context).fill_arguments(value, arg)
    return Resolution(dumps(filled), frozenset(known.secrets), frozenset(known.secret_paths))


def _ask(sql: LiteralString, workspace_id: str, names: set[str]) -> Generator[Ask, list[Any] | None, list[Any]]:
    rows = yield Ask(sql, {"workspace": workspace_id, "names": sorted(names), "now": clock.now()})
    return rows or []


def _readable(principal: Principal, rows: list[Any]) -> Iterator[tuple[str, str, bool]]:
    for path, value, is_secret, extra_perms in rows:
        if policy.may(principal, "read", path, json.loads(extra_perms)):
            yield path, value, is_secret


def _references(value: Any) -> list[tuple[str, str]]:
    """(kind, rest) of every reference in a JSON value."""
    found: list[tuple[str, str]] = []
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)
        elif isinstance(each, str) and (kind := _kind(each)):
            found.append((kind, each[len(kind) :]))
    return found


def _kind(text: str) -> str:
    if not text.startswith("$"):
        return ""
    kinds = (_VARIABLE, _RESOURCE, _JSON_VARIABLE, _ENCRYPTED)
    return next((kind for kind in kinds if text.startswith(kind)), "")


@dataclass(frozen=True)
class _Filler:
    principal: Principal
    workspace_id: str
    known: _Known
    context: Mapping[str, str]

    def fill_arguments(self, value: Any, arg: str) -> Any:
        if isinstance(value, dict) and not arg:
            return {name: self.fill(each, name, ()) for name, each in value.items()}
        return self.fill(value, arg, ())

    def fill(self, value: Any, arg: str, inside: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {name: self.fill(each, arg, inside) for name, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each, arg, inside) for each in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        kind = _kind(value)
        rest = value[len(kind) :]
        match kind:
            case "$var:":
                return self._variable(rest, arg)
            case "$jsonvar:":
                return self._json_variable(rest, arg)
            case "$res:":
                return self._resource(rest, arg, inside)
            case "$encrypted:":
                return self._encrypted(rest, arg)
        return self.context.get(value[1:], value)

    def _variable(self, path: str, arg: str) -> str:
        row = self.known.variables.get(path)
        self._require_scope("variables:read", path)
        if row is None:
            raise NotFound(f"Variable {path} not found for `{arg}`")
        self._spend(row.value)
        if not row.is_secret:
            return row.value
        require_secret_reader(self.principal)
        text = self._open(row.value, sealing.variable_context(self.workspace_id, path), f"variable {path}", arg)
        self.known.secret_paths.add(path)
        return text

    def _json_variable(self, path: str, arg: str) -> Any:
        try:
            return json.loads(self._variable(path, arg))
        except json.JSONDecodeError:
            raise BadRequest(f"Variable {path} for `{arg}` is not JSON; use $var: for text") from None

    def _resource(self, path: str, arg: str, inside: tuple[str, ...]) -> Any:
        self._require_scope("resources:read", path)
        if path not in self.known.resources:
            raise NotFound(f"Resource {path} not found for `{arg}`")
        if path in inside:
            circle = " → ".join([*inside[inside.index(path) :], path])
            raise BadRequest(f"Resources refer to each other in a circle for `{arg}`: {circle}")
        self._spend(dumps(self.known.resources[path]))
        return self.fill(self.known.resources[path], arg, (*inside, path))

    def _encrypted(self, sealed: str, arg: str) -> str:
        self._spend(sealed)
        context = sealing.argument_context(self.workspace_id, self.principal.email)
        return self._open(sealed, context, "the encrypted value", arg)

    def _open(self, sealed: str, context: bytes, what: str, arg: str) -> str:
        key = self.known.keys.get(crypto.number_of(sealed) or -1)
        try:
            if key is None:
                raise crypto.CannotOpen("unknown key")
            text = crypto.open_sealed(key, sealed, context)
        except crypto.CannotOpen:
            raise BadRequest(f"{what} for `{arg}` does not open here; enter it again") from None
        self.known.secrets.add(text)
        return text

    def _require_scope(self, scope: str, path: str) -> None:
        if not scopes.grants(self.principal.scopes, scope, path):
            raise Forbidden(f"Access denied. Required scope: {scope}:{path}")

    def _spend(self, text: str) -> None:
        self.known.chars += len(text)
        if self.known.chars > MAX_CHARS:
            raise BadRequest(f"References fill in more than {MAX_CHARS:,} characters; pass less")
