"""The state of the script editor: read from a version, a draft or a posted form, and turned into what is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripts_app.models import Draft, ScriptVersion
from scripts_app.new_script import NewScript
from scripts_app.starters import starter
from scripts_app.versions import new_script_of
from workspaces.errors import BadRequest
from workspaces.ids import hash_text, parse_hash

TEXTS = ("path", "summary", "description", "language", "content", "kind", "tag", "timeout", "cache_ttl", "priority")


@dataclass(frozen=True)
class Edited:
    """What stands in the editor's fields, numbers as they were typed. `parent_hash`: the version it started from."""

    path: str
    language: str = "python3"
    content: str = ""
    summary: str = ""
    description: str = ""
    kind: str = "script"
    tag: str = ""
    timeout: str = ""
    cache_ttl: str = ""
    priority: str = ""
    envs: str = ""
    labels: str = ""
    is_template: bool = False
    parent_hash: int | None = None
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parent(self) -> str:
        """The version it started from as 16 hex digits; "" for a new script."""
        return "" if self.parent_hash is None else hash_text(self.parent_hash)

    def new_script(self, *, base: ScriptVersion | None, message: str) -> NewScript:
        """What to deploy: the fields of the editor over everything else that `base` has set."""
        kept = new_script_of(base) if base else NewScript(self.path, self.content, self.language)
        return replace(
            kept,
            path=self.path,
            language=self.language,
            content=self.content,
            summary=self.summary,
            description=self.description,
            kind=self.kind,
            tag=self.tag.strip(),
            timeout_s=_number("timeout", self.timeout),
            cache_ttl_s=_number("cache time", self.cache_ttl),
            priority=_number("priority", self.priority) or 0,
            envs=tuple(line.strip() for line in self.envs.splitlines() if line.strip()),
            labels=tuple(label.strip() for label in self.labels.split(",") if label.strip()),
            is_template=self.is_template,
            parent_hash=self.parent_hash,
            preserve_on_behalf_of=True,
            deployment_message=message.strip(),
            lock=None,
            schema=None,
        )

    def draft_value(self) -> dict[str, Any]:
        """As a draft keeps it: the API's names of the fields."""
        value: dict[str, Any] = {name: getattr(self, name) for name in TEXTS if getattr(self, name)}
        value |= {"envs": self.envs.splitlines(), "labels": [each.strip() for each in self.labels.split(",") if each]}
        value |= {"is_template": self.is_template, "args": dict(self.args)}
        return value | ({"parent_hash": self.parent} if self.parent else {})


def new_edit(language: str, path: str) -> Edited:
    """The editor of a script that does not exist yet."""
    found = starter(language)
    return Edited(path=path, language=found.language, content=found.code)


def edit_of_version(version: ScriptVersion, path: str) -> Edited:
    return Edited(
        path=path,
        language=version.language,
        content=version.content,
        summary=version.summary,
        description=version.description,
        kind=version.kind,
        tag=version.tag,
        timeout=str(version.timeout_s or ""),
        cache_ttl=str(version.cache_ttl_s or ""),
        priority=str(version.priority or ""),
        envs="\n".join(version.envs),
        labels=", ".join(version.labels),
        is_template=bool(version.settings.get("is_template")),
        parent_hash=version.hash,
    )


def edit_of_draft(draft: Draft) -> Edited:
    """A draft may come from anywhere, so every field is checked; what does not fit is left out."""
    value = draft.value if isinstance(draft.value, dict) else {}
    texts = {name: str(value[name]) for name in TEXTS if isinstance(value.get(name), str | int)}
    lists = {name: [each for each in value.get(name) or () if isinstance(each, str)] for name in ("envs", "labels")}
    return Edited(
        **{"path": draft.path, **texts},
        envs="\n".join(lists["envs"]),
        labels=", ".join(lists["labels"]),
        is_template=value.get("is_template") is True,
        parent_hash=draft.base_hash,
        args=value["args"] if isinstance(value.get("args"), dict) else {},
    )


def edit_of_post(post: Mapping[str, str], args: Mapping[str, Any] | None = None) -> Edited:
    """The posted form of the editor. Raises BadRequest for a parent that is no version hash."""
    texts = {name: post[name].replace("\r\n", "\n") for name in TEXTS if name in post}
    try:
        parent_hash = parse_hash(post["parent"]) if post.get("parent") else None
    except ValueError as error:
        raise BadRequest(f"The editor sent a wrong version: {error}; reload the page") from error
    owner, name = post.get("owner", ""), post.get("name", "").strip().strip("/")
    return Edited(
        **{**texts, "path": f"{owner}/{name}" if owner else post.get("path", "")},
        envs=post.get("envs", ""),
        labels=post.get("labels", ""),
        is_template=bool(post.get("is_template")),
        parent_hash=parent_hash,
        args=args or {},
    )


def _number(what: str, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError as error:
        raise BadRequest(
            f'The {what} "{text[:20]}" is not a whole number; write it like 60, or leave it empty'
        ) from error
