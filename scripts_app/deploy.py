"""Make a version of a script and let it go live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from scripts_app import signatures
from scripts_app.drafts import drop_draft
from scripts_app.locking import needs_lock, push_lock_job
from scripts_app.models import Reference, Script, ScriptVersion
from scripts_app.new_script import NewScript
from scripts_app.references import find_references
from scripts_app.versions import is_same, version_hash
from workers import tags
from workspaces import audit, clock, policy, settings_store
from workspaces.errors import BadRequest, Forbidden
from workspaces.ids import hash_text
from workspaces.models import Folder, User
from workspaces.principal import Principal

DEPLOYERS = "wm_deployers"


class StaleParent(BadRequest):
    """Somebody deployed in between; `head` is what they made."""

    def __init__(self, head: ScriptVersion) -> None:
        super().__init__(
            f"The lineage must be linear: {head.path} is now at version {head.hash_text}, deployed by "
            f"{head.created_by} at {head.created_at:%Y-%m-%d %H:%M} UTC. Take its content over and send parent_hash "
            f"{head.hash_text}"
        )
        self.head = head


class InvalidSource(BadRequest):
    """The source has no readable signature; `line` counts from 1."""

    def __init__(self, path: str, invalid: signatures.Invalid) -> None:
        super().__init__(f"{path} cannot be deployed: {invalid.error}. Mend that line and deploy again")
        self.line = invalid.line
        self.error = invalid.error


@dataclass(frozen=True)
class Deployed:
    """`is_new` False: nothing had changed and the caller asked to skip such a deploy."""

    version: ScriptVersion
    is_new: bool = True


@transaction.atomic
def create_version(new: NewScript, *, by: Principal, skip_if_noop: bool = False) -> Deployed:
    """Deploy `new` at its path: a first version, the next one of a lineage, or a rename of one.

    Raises BadRequest (path taken, no such parent, unreadable source), StaleParent, Forbidden, NotFound.
    """
    workspace_id = by.workspace_id or ""
    if new.timeout_s is not None and new.timeout_s > settings.ENV.job_default_timeout:
        most = settings.ENV.job_default_timeout
        raise BadRequest(f"The timeout of {new.path} is {new.timeout_s:,} s; this instance allows at most {most:,} s")
    _require_tag(new, by, workspace_id)
    new = replace(new, on_behalf_of_email=_on_behalf_of(new, by))
    script, head = _lineage(new, by, workspace_id)
    if skip_if_noop and head and script and script.archived_at is None and is_same(new, head):
        return Deployed(head, is_new=False)
    if script is None or script.path != new.path:
        _require_place(by, workspace_id, new.path)
    signature = _read_signature(new)
    if script is None:
        script = Script(workspace_id=workspace_id, path=new.path, created_by=by.username or by.email)
    version = _version(new, signature, script, head, by)
    previous_path = _store(script, version, new, by)
    _refer(workspace_id, previous_path, new)
    if not new.keep_draft:
        for path in {previous_path, new.path}:
            drop_draft(workspace_id, path, by=by)
    if version.lock is None:
        version.lock_job_id = push_lock_job(version, by=by)
        version.save(update_fields=["lock_job_id"])
    operation = "scripts.create" if head is None else "scripts.update"
    audit.record(by, operation, new.path, hash=version.hash_text)
    return Deployed(version)


def _require_place(by: Principal, workspace_id: str, path: str) -> None:
    policy.require_path(by, "write", path)
    kind, owner, _ = path.split("/", 2)
    if kind == "f" and not Folder.objects.filter(workspace_id=workspace_id, name=owner).exists():
        raise BadRequest(f"There is no folder f/{owner} for {path}; create it first, or use another path")


def _require_tag(new: NewScript, by: Principal, workspace_id: str) -> None:
    tag = new.tag.replace("$workspace", workspace_id)
    if not tag or tag in tags.default_tags() or by.is_superadmin:
        return
    if not tags.is_allowed(tag, workspace_id, settings_store.get("custom_tags", [])):
        raise BadRequest(
            f'The tag "{tag[:80]}" is not allowed in workspace {workspace_id}; a superadmin can add it to the instance '
            f"setting custom_tags"
        )


def _on_behalf_of(new: NewScript, by: Principal) -> str:
    """Whose rights runs get: nobody's in particular, the deployer's, or a kept identity for who may keep one."""
    if not new.on_behalf_of_email:
        return ""
    if not (new.preserve_on_behalf_of and (by.may_all or DEPLOYERS in by.groups)):
        return by.email
    members = User.objects.filter(memberships__workspace_id=by.workspace_id, memberships__is_disabled=False)
    if not members.filter(email=new.on_behalf_of_email).exists():
        raise BadRequest(f"on_behalf_of_email: {new.on_behalf_of_email} is not a member of this workspace")
    return new.on_behalf_of_email


def _lineage(new: NewScript, by: Principal, workspace_id: str) -> tuple[Script | None, ScriptVersion | None]:
    """The script that `new` continues, locked, and its head; (None, None) for a first version."""
    # Without `head`: who waits for the row lock would see the row as it is now, joined to the head as it was.
    rows = Script.objects.select_for_update(of=("self",)).filter(workspace_id=workspace_id)
    if new.parent_hash is not None:
        script = rows.visible_to(by).filter(versions__hash=new.parent_hash).first()
        if script is None:
            raise BadRequest(
                f"The lineage must be linear: no script has the version {hash_text(new.parent_hash)} that parent_hash "
                f"names; leave it out for a new script"
            )
    else:
        script = rows.filter(path=new.path, archived_at=None).first()
    if script is None:
        return None, None
    _require_writable(script, new, by)
    if new.parent_hash is None and not new.auto_parent:
        held = hash_text(script.head_id or 0)
        raise BadRequest(
            f"Path conflict for {new.path}: a script is there already; send its hash {held} as parent_hash"
        )
    if script.head and not new.auto_parent and script.head_id != new.parent_hash:
        raise StaleParent(script.head)
    return script, script.head


def _require_writable(script: Script, new: NewScript, by: Principal) -> None:
    action: policy.Action = "write" if script.path == new.path else "own"
    if not policy.may(by, action, script.path, script.extra_perms):
        verb = "change" if action == "write" else "move"
        raise Forbidden(f"{by.username} may not {verb} {script.path}; ask an owner of {_owner(script.path)}")


def _owner(path: str) -> str:
    return "/".join(path.split("/")[:2])


def _read_signature(new: NewScript) -> signatures.Signature:
    signature = signatures.parse(new.language, new.content)
    if not isinstance(signature, signatures.Invalid):
        return signature
    if new.is_library:
        return signatures.Signature(auto_kind="lib")
    raise InvalidSource(new.path, signature)


def _version(
    new: NewScript, signature: signatures.Signature, script: Script, head: ScriptVersion | None, by: Principal
) -> ScriptVersion:
    prior: Mapping[str, Any] | None = head.schema if head else None
    lock = new.lock
    if lock is None and not needs_lock(new.language, new.content):
        lock = ""
    return ScriptVersion(
        hash=version_hash(script.workspace_id, script.id, new, parent_hash=head.hash if head else None),
        workspace_id=script.workspace_id,
        script=script,
        path=new.path,
        parent_hash=head.hash if head else None,
        number=head.number + 1 if head else 1,
        summary=new.summary,
        description=new.description,
        content=new.content,
        schema=new.schema if new.schema is not None else signature.to_json_schema(prior),
        language=new.language,
        kind=new.kind,
        auto_kind="lib" if signature.is_library else None,
        has_preprocessor=bool(signature.has_preprocessor),
        lock=lock,
        tag=new.tag,
        timeout_s=new.timeout_s,
        priority=new.priority,
        cache_ttl_s=new.cache_ttl_s,
        envs=list(new.envs),
        visible_to_runner_only=new.visible_to_runner_only,
        on_behalf_of_email=new.on_behalf_of_email,
        settings={**new.settings, "is_template": True} if new.is_template else dict(new.settings),
        labels=list(new.labels),
        deployment_message=new.deployment_message,
        created_by=by.username or by.email,
        created_at=clock.now(),
    )


def _store(script: Script, version: ScriptVersion, new: NewScript, by: Principal) -> str:
    """Write both rows; answers the path the script had before."""
    previous_path = script.path
    is_added = script._state.adding
    script.path, script.summary, script.language, script.kind = new.path, new.summary, new.language, new.kind
    script.is_template, script.has_main = new.is_template, version.auto_kind != "lib"
    script.labels, script.archived_at = list(new.labels), None
    script.edited_by, script.edited_at = by.username or by.email, version.created_at
    script.version = version.number
    try:
        with transaction.atomic():
            script.save()
            version.save(force_insert=True)
    except IntegrityError as error:
        # of two at once the first has the path; the unique index tells the second
        raise BadRequest(f"Path conflict for {new.path}: a script is there already; choose another path") from error
    script.head = version
    if version.lock is not None:
        script.live = version
    script.save(update_fields=["head", "live"])
    return new.path if is_added else previous_path


def _refer(workspace_id: str, previous_path: str, new: NewScript) -> None:
    Reference.objects.filter(
        workspace_id=workspace_id, from_kind="script", from_path__in={previous_path, new.path}
    ).delete()
    Reference.objects.bulk_create(
        Reference(workspace_id=workspace_id, from_kind="script", from_path=new.path, to_kind=use.kind, to_path=use.path)
        for use in sorted(find_references(new.language, new.content))
    )
