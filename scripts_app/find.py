"""Scripts and versions as somebody may see them."""

from __future__ import annotations

from scripts_app.models import Script, ScriptVersion
from workspaces import policy
from workspaces.errors import NotFound
from workspaces.ids import hash_text, parse_hash
from workspaces.principal import Principal


def find_script(path: str, action: policy.Action, *, by: Principal) -> Script:
    """The live script at `path` with its head. Raises NotFound, or Forbidden when it may be read but not `action`."""
    rows = Script.objects.select_related("head").filter(archived_at=None)
    return policy.find(by, action, rows, path, what="script")


def find_version(version_hash: int, *, by: Principal) -> ScriptVersion:
    """The version of that hash with its script, if `by` may read it. Raises NotFound."""
    rows = ScriptVersion.objects.select_related("script").filter(workspace_id=by.workspace_id, hash=version_hash)
    version = rows.first()
    script = version.script if version else None
    if version is None or script is None or not policy.may(by, "read", script.path, script.extra_perms):
        raise NotFound(f"script not found at hash {hash_text(version_hash)}")
    return version


def hash_of(given: str) -> int:
    """The signed hash of what an address names. Raises NotFound for what cannot be one."""
    try:
        return parse_hash(given.lower())
    except ValueError as error:
        raise NotFound(f"script not found at hash {given[:40]}") from error
