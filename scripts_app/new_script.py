"""What a caller wants deployed: the API's NewScript, read and checked before anything is looked up. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts_app.signatures import LANGUAGES, MAX_CHARS
from workspaces.errors import BadRequest, Unprocessable
from workspaces.ids import parse_hash
from workspaces.paths import parse_item_path

KINDS = ("script", "failure", "trigger", "command", "approval", "preprocessor")
MAX_CONTENT = MAX_CHARS
MAX_LABELS = 20
MAX_LABEL = 60
PRIORITIES = range(1, 101)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
# The platform's own and what steers a loader or an interpreter: never from a script.
_RESERVED_ENV = re.compile(
    r"(WM_\w*|BASE_\w*|LD_\w+|PYTHON\w+|NODE_OPTIONS|BASH_ENV|ENV|IFS|SHELLOPTS|BASHOPTS|PATH|HOME|MAIN_OVERRIDE)="
)

# Settings of NewScript that no part of this instance acts on yet. Accepting one that has an effect elsewhere would be a
# silent lie, so a value that would do something is refused; the ones that mean "off" are kept and read back unchanged.
_UNSUPPORTED: dict[str, str] = {
    "concurrent_limit": "limits on how many runs go at once",
    "debounce_delay_s": "debouncing",
    "dedicated_worker": "dedicated workers",
    "restart_unless_cancelled": "perpetual scripts",
    "delete_after_secs": "erasing a run after it ended",
    "delete_after_use": "erasing a run after it ended",
    "cache_ignore_s3_path": "cache keys without the S3 path",
    "codebase": "bundled code bases",
    "modules": "scripts of several files",
    "draft_only": "versions that are drafts; save a draft with drafts/create instead",
}
_READ_HERE = frozenset(
    {
        *("path", "content", "language", "summary", "description", "schema", "kind", "is_template", "lock", "tag"),
        *("parent_hash", "auto_parent", "timeout", "priority", "cache_ttl", "envs", "labels", "visible_to_runner_only"),
        *("on_behalf_of", "on_behalf_of_email", "preserve_on_behalf_of", "deployment_message", "skip_draft_deletion"),
    }
)
# What the server finds out or keeps itself, whatever a client sends along.
_COMPUTED = frozenset(
    {
        *("no_main_func", "auto_kind", "has_preprocessor", "hash", "parent_hashes", "workspace_id", "created_by"),
        *("created_at", "edited_by", "edited_at", "archived", "deleted", "starred", "extra_perms", "lock_error_logs"),
        *("draft", "has_draft", "version_id"),
    }
)


@dataclass(frozen=True)
class NewScript:
    """The state of a script somebody wants live at `path`. `lock` None: find it out; "": there is nothing to install.

    `settings` holds every other field as it came. `is_library` is the caller's word that there is no entry point.
    """

    path: str
    content: str
    language: str
    summary: str = ""
    description: str = ""
    schema: dict[str, Any] | None = None
    kind: str = "script"
    is_template: bool = False
    parent_hash: int | None = None
    auto_parent: bool = False
    lock: str | None = None
    tag: str = ""
    timeout_s: int | None = None
    priority: int = 0
    cache_ttl_s: int | None = None
    envs: tuple[str, ...] = ()
    visible_to_runner_only: bool = False
    on_behalf_of_email: str = ""
    preserve_on_behalf_of: bool = False
    labels: tuple[str, ...] = ()
    deployment_message: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_library: bool = False
    keep_draft: bool = False

    def __post_init__(self) -> None:
        _check_path(self.path)
        if self.language not in LANGUAGES:
            known = ", ".join(sorted(LANGUAGES))
            raise BadRequest(f'The language "{self.language[:40]}" is not known here; use one of: {known}')
        if self.kind not in KINDS:
            raise BadRequest(f'The kind "{self.kind[:40]}" is not known; use one of: {", ".join(KINDS)}')
        _check_texts(self)
        _check_numbers(self)
        for line in self.envs:
            _check_env(line)
        if len(self.labels) > MAX_LABELS or any(not label or len(label) > MAX_LABEL for label in self.labels):
            raise BadRequest(f"A script has at most {MAX_LABELS} labels of 1 to {MAX_LABEL} characters each")


def read_new_script(body: Any) -> NewScript:
    """The body of `scripts/create`. Raises Unprocessable (field missing or mistyped), BadRequest (wrong value)."""
    if not isinstance(body, dict):
        raise Unprocessable("The body of scripts/create must be a JSON object with path, content, language and summary")
    for name in ("path", "content", "language"):
        if name not in body:
            raise Unprocessable(f"missing field `{name}` of the script")
    _refuse_unsupported(body)
    return NewScript(
        path=_text(body, "path"),
        content=_text(body, "content"),
        language=_text(body, "language"),
        summary=_text(body, "summary"),
        description=_text(body, "description"),
        schema=_schema(body),
        kind=_text(body, "kind") or "script",
        is_template=_flag(body, "is_template"),
        parent_hash=_hash(body),
        auto_parent=_flag(body, "auto_parent"),
        lock=_lock(body),
        tag=_text(body, "tag"),
        timeout_s=_number(body, "timeout"),
        priority=_number(body, "priority") or 0,
        cache_ttl_s=_number(body, "cache_ttl") or None,
        envs=_texts(body, "envs"),
        visible_to_runner_only=_flag(body, "visible_to_runner_only"),
        on_behalf_of_email=_text(body, "on_behalf_of_email"),
        preserve_on_behalf_of=_flag(body, "preserve_on_behalf_of"),
        labels=_texts(body, "labels"),
        deployment_message=_text(body, "deployment_message"),
        settings={key: value for key, value in body.items() if key not in _READ_HERE | _COMPUTED},
        is_library=body.get("auto_kind") == "lib" or body.get("no_main_func") is True,
        keep_draft=_flag(body, "skip_draft_deletion"),
    )


def _check_path(path: str) -> None:
    try:
        parse_item_path(path)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _check_texts(new: NewScript) -> None:
    if len(new.content) > MAX_CONTENT:
        raise BadRequest(f"The content has {len(new.content):,} characters; at most {MAX_CONTENT:,} are allowed")
    limits = {"summary": 500, "deployment_message": 1000, "tag": 255, "on_behalf_of_email": 254}
    for name, most in limits.items():
        if len(getattr(new, name)) > most:
            raise BadRequest(f"The {name} has {len(getattr(new, name)):,} characters; at most {most:,} are allowed")
    for name in ("content", "description", "lock", *limits):
        found = _UNSTORABLE.search(getattr(new, name) or "")
        if found:
            line = (getattr(new, name)[: found.start()]).count("\n") + 1
            raise BadRequest(
                f"The {name} holds a character that cannot be stored (U+{ord(found[0]):04X}) in line {line}; remove it"
            )
    if "$args[" in new.tag:
        raise BadRequest('The tag uses "$args[…]", which this instance does not fill in; name the tag itself')


def _check_numbers(new: NewScript) -> None:
    if new.timeout_s is not None and new.timeout_s < 1:
        raise BadRequest("The timeout must be at least 1 second; leave it out for the instance's own")
    if new.priority and new.priority not in PRIORITIES:
        raise BadRequest(f"The priority {new.priority} is out of range; use 1 to 100, or leave it out")
    if new.cache_ttl_s is not None and new.cache_ttl_s < 1:
        raise BadRequest("The cache_ttl must be at least 1 second; leave it out for no cache")
    for name in ("timeout_s", "cache_ttl_s"):
        if (getattr(new, name) or 0) > 2**31 - 1:
            raise BadRequest(f"The {name.removesuffix('_s')} is too large; at most {2**31 - 1:,} seconds are allowed")


def _check_env(line: str) -> None:
    name = line.split("=", 1)[0][:60]
    if not _ENV.fullmatch(line) or _UNSTORABLE.search(line):
        raise BadRequest(f'"{name}" is no environment variable; write NAME=value, one an entry of envs')
    if _RESERVED_ENV.match(line):
        raise BadRequest(f"The environment variable {name} belongs to the platform; choose another name in envs")


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    for name, what in _UNSUPPORTED.items():
        value = body.get(name)
        is_off = (
            value is None or value is False or value in ("", {}, []) or (value == 0 and name != "delete_after_secs")
        )
        if not is_off:
            raise BadRequest(
                f'The setting "{name}" of {str(body.get("path"))[:255]} is not supported here ({what}); remove it'
            )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unprocessable(f"The field `{name}` must be a string, not {_json_type(value)}")
    return value


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unprocessable(f"The field `{name}` must be a list of strings")
    return tuple(value)


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Unprocessable(f"The field `{name}` must be true or false, not {_json_type(value)}")
    return bool(value)


def _number(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Unprocessable(f"The field `{name}` must be a whole number, not {_json_type(value)}")
    return value


def _schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    value = body.get("schema")
    if value is not None and not isinstance(value, dict):
        raise Unprocessable(f"The field `schema` must be a JSON schema object, not {_json_type(value)}")
    return value


def _lock(body: Mapping[str, Any]) -> str | None:
    value = body.get("lock")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    if value is not None and not isinstance(value, str):
        raise Unprocessable("The field `lock` must be a string, a list of lines or null")
    return value


def _hash(body: Mapping[str, Any]) -> int | None:
    text = _text(body, "parent_hash")
    try:
        return parse_hash(text) if text else None
    except ValueError as error:
        raise BadRequest(f"parent_hash: {error}") from error


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
