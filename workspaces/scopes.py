"""What a token narrows its owner's rights to: `domain:action[:path,…]`. Pure. Source: Windmill's scope grammar.

`write` and `run` include `read`; `delete` counts as `write`. Runs are `jobs:run[:scripts|flows[:path,…]]`. A path is
exact, `*`, or ends in `/*`. None or no scopes at all: unrestricted. `if_jobs:filter_tags:t1,t2` narrows lists of jobs
and grants nothing. The action `poll` exists for routes only: reading a job by its id, which any token that may run
something needs in order to see what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PATH_DOMAINS = frozenset(
    [
        "scripts",
        "flows",
        "apps",
        "raw_apps",
        "resources",
        "variables",
        "schedules",
        "folders",
        "http_triggers",
        "websocket_triggers",
        "kafka_triggers",
        "nats_triggers",
        "mqtt_triggers",
        "amqp_triggers",
        "sqs_triggers",
        "gcp_triggers",
        "azure_triggers",
        "postgres_triggers",
        "email_triggers",
    ]
)
PLAIN_DOMAINS = frozenset(
    [
        "jobs",
        "users",
        "groups",
        "workspaces",
        "audit",
        "workers",
        "settings",
        "service_logs",
        "configs",
        "oauth",
        "ai",
        "agent_workers",
        "drafts",
        "favorites",
        "inputs",
        "job_helpers",
        "openapi",
        "capture",
        "concurrency_groups",
        "oidc",
        "acls",
        "indexer",
        "teams",
        "git_sync",
        "native_triggers",
        "mcp",
    ]
)
ALIASES = {"jobs_u": "jobs", "apps_u": "apps", "srch": "indexer", "github_app": "git_sync"}
ACTIONS = ("read", "write", "run", "delete")
RUN_KINDS = ("scripts", "flows")
_PATTERN = re.compile(r"\A(\*|[\w.-]+(/[\w.-]+)*(/\*)?)\Z", re.ASCII)
_FILTER = "if_jobs:filter_tags:"


@dataclass(frozen=True)
class Scope:
    """`kind` is set for runs of one kind; `paths` empty: every path."""

    domain: str
    action: str
    kind: str = ""
    paths: tuple[str, ...] = ()


def parse(text: str) -> Scope:
    """Raises ValueError saying what is wrong with `text`."""
    parts = text.split(":")
    domain = ALIASES.get(parts[0], parts[0])
    if len(parts) < 2 or domain not in PATH_DOMAINS | PLAIN_DOMAINS:
        raise ValueError(f"{text[:80]!r} is not a scope; write domain:action[:path], for instance scripts:read:f/etl/*")
    action = "write" if parts[1] == "delete" else parts[1]
    if action not in ACTIONS:
        raise ValueError(f"{text[:80]!r} has an unknown action; use one of {', '.join(ACTIONS)}")
    rest = parts[2:]
    kind = ""
    if domain == "jobs" and rest:
        if action != "run" or rest[0] not in RUN_KINDS:
            raise ValueError(f"{text[:80]!r} is not a scope; runs are jobs:run:scripts[:path] or jobs:run:flows[:path]")
        kind = rest.pop(0)
    if len(rest) > 1 or (rest and not kind and domain not in PATH_DOMAINS):
        raise ValueError(f"{text[:80]!r} has more parts than {domain}:{action} takes")
    paths = tuple(rest[0].split(",")) if rest else ()
    for path in paths:
        if not _PATTERN.match(path):
            raise ValueError(f"{path[:80]!r} is not a path pattern; use a path, *, or a path that ends in /*")
    return Scope(domain, action, kind, () if "*" in paths else paths)


def check(texts: Iterable[str]) -> tuple[str, ...]:
    """The scopes as they are stored. Raises ValueError for the first bad one."""
    kept = tuple(texts)
    for text in kept:
        if not is_filter(text):
            parse(text)
    return kept


def is_filter(text: str) -> bool:
    return text.startswith(_FILTER)


def tags_of(scopes: Sequence[str] | None) -> frozenset[str] | None:
    """The only tags whose jobs may be listed; None: all."""
    filters = [text.removeprefix(_FILTER).split(",") for text in scopes or () if is_filter(text)]
    return frozenset(tag for each in filters for tag in each) if filters else None


def grants(scopes: Sequence[str] | None, required: str, path: str | None = None) -> bool:
    """Is `required` (`variables:read`, `jobs:run:scripts`, `jobs:poll`) granted for `path` (None: for every path)?"""
    if not scopes:
        return True
    domain, action, *kind = required.split(":")
    wanted = Scope(domain, "write" if action == "delete" else action, kind[0] if kind else "")
    return any(_grants(parse(text), wanted, path) for text in scopes if not is_filter(text))


def grants_some(scopes: Sequence[str] | None, required: str) -> bool:
    """Is `required` granted for at least one path? For routes whose view checks the path itself."""
    if not scopes:
        return True
    domain, action, *kind = required.split(":")
    wanted = Scope(domain, "write" if action == "delete" else action, kind[0] if kind else "")
    return any(_covers_deed(parse(text), wanted) for text in scopes if not is_filter(text))


def covers(have: Sequence[str] | None, want: Sequence[str] | None) -> bool:
    """Does a token with `have` hold everything that one with `want` would?"""
    if not have:
        return True
    if not want:
        return False
    allowed = tags_of(have)
    asked = tags_of(want)
    if allowed is not None and (asked is None or not asked <= allowed):
        return False
    mine = [parse(text) for text in have if not is_filter(text)]
    return all(_covered(mine, parse(text)) for text in want if not is_filter(text))


def _covered(mine: list[Scope], wanted: Scope) -> bool:
    if not wanted.paths:
        return any(_grants(each, wanted, None) for each in mine)
    return all(any(_grants(each, wanted, path) for each in mine) for path in wanted.paths)


def _grants(scope: Scope, wanted: Scope, path: str | None) -> bool:
    if wanted.action == "poll":
        return _covers_deed(scope, wanted)
    if not _covers_deed(scope, wanted):
        return False
    if scope.kind and scope.kind != wanted.kind:
        return False
    return not scope.paths or (path is not None and any(_matches(pattern, path) for pattern in scope.paths))


def _covers_deed(scope: Scope, wanted: Scope) -> bool:
    if scope.domain != wanted.domain:
        return False
    if wanted.action in ("read", "poll"):
        return True
    return scope.action == wanted.action and (not scope.kind or not wanted.kind or scope.kind == wanted.kind)


def _matches(pattern: str, path: str) -> bool:
    """Whole segments: `f/a/*` has `f/a/b` and `f/a/b/c`, not `f/ab`."""
    if pattern.endswith("/*"):
        return path.startswith(pattern[:-1])
    return pattern == path
