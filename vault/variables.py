"""Variables: what happens to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from vault import items, sealing
from vault.models import Variable
from workspaces import audit, clock, policy
from workspaces.errors import BadRequest
from workspaces.principal import Principal

MAX_VALUE = 100_000


@dataclass(frozen=True)
class NewVariable:
    """`is_encrypted`: `value` is ciphertext of this workspace, made for this path or by this person."""

    path: str
    value: str = field(repr=False)
    is_secret: bool = False
    description: str = ""
    is_encrypted: bool = False
    account: int | None = None
    is_oauth: bool = False
    expires_at: datetime | None = None
    labels: list[str] = field(default_factory=list)
    ws_specific: bool = False


@dataclass(frozen=True)
class Change:
    """None: as it was."""

    path: str | None = None
    value: str | None = field(default=None, repr=False)
    is_secret: bool | None = None
    description: str | None = None
    is_encrypted: bool = False
    account: int | None = None
    is_oauth: bool | None = None
    expires_at: datetime | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


def living() -> QuerySet[Variable, Variable]:
    """Those that have not expired."""
    return Variable.objects.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now()))


def find(by: Principal, action: policy.Action, path: str) -> Variable:
    return policy.find(by, action, living(), path, what="Variable")


@transaction.atomic
def create_variable(new: NewVariable, *, by: Principal) -> Variable:
    """Raises BadRequest for a bad or taken path or value, Forbidden."""
    items.require_place(by, new.path, "variables:write")
    workspace_id = str(by.workspace_id)
    Variable.objects.filter(workspace_id=workspace_id, path=new.path, expires_at__lte=clock.now()).delete()
    text = _plain(by, new.path, new.value, is_encrypted=new.is_encrypted)
    try:
        with transaction.atomic():
            variable = Variable.objects.create(
                workspace_id=workspace_id,
                path=new.path,
                value=sealing.seal_variable(workspace_id, new.path, text) if new.is_secret else text,
                is_secret=new.is_secret,
                description=new.description,
                account=new.account,
                is_oauth=new.is_oauth,
                expires_at=new.expires_at,
                labels=items.clean_labels(new.labels),
                ws_specific=new.ws_specific,
                created_by=by.username or by.email,
                edited_by=by.username or by.email,
            )
    except IntegrityError as error:
        raise items.taken("Variable", new.path) from error
    audit.record(by, "variables.create", new.path)
    return variable


@transaction.atomic
def update_variable(path: str, change: Change, *, by: Principal) -> Variable:
    """Raises NotFound, Forbidden, BadRequest. A secret whose value did not change keeps its ciphertext."""
    find(by, "write", path)
    variable = Variable.objects.select_for_update().get(workspace_id=by.workspace_id, path=path)
    new_path = path if change.path is None else change.path
    if new_path != path:
        items.require_move(by, path, new_path, variable.extra_perms, "variables:write")
    is_secret = variable.is_secret if change.is_secret is None else change.is_secret
    if variable.is_secret and not is_secret and change.value is None:
        raise BadRequest(f"Variable {path} is secret; give a new value to make it readable")
    variable.value = _new_value(variable, change, new_path, is_secret=is_secret, by=by)
    variable.path, variable.is_secret = new_path, is_secret
    for name in ("description", "account", "is_oauth", "expires_at", "ws_specific"):
        if (value := getattr(change, name)) is not None:
            setattr(variable, name, value)
    if change.labels is not None:
        variable.labels = items.clean_labels(change.labels)
    for name, value in items.touched(by).items():
        setattr(variable, name, value)
    try:
        with transaction.atomic():
            variable.save()
    except IntegrityError as error:
        raise items.taken("Variable", new_path) from error
    audit.record(by, "variables.update", new_path, old_path=path if new_path != path else "")
    return variable


@transaction.atomic
def delete_variable(path: str, *, by: Principal) -> None:
    variable = find(by, "write", path)
    variable.delete()
    audit.record(by, "variables.delete", path)


def read_value(variable: Variable, *, by: Principal) -> str:
    """The plain value; of a secret audited. Raises Forbidden for operators outside jobs."""
    items.require_secret_reader(by)
    if not variable.is_secret:
        return variable.value
    text = sealing.open_variable(variable.workspace_id, variable.path, variable.value)
    audit.record(by, "variables.decrypt_secret", variable.path)
    return text


def delete_expired() -> int:
    """Housekeeping."""
    count, _ = Variable.objects.filter(expires_at__lte=clock.now()).delete()
    return count


def _new_value(variable: Variable, change: Change, new_path: str, *, is_secret: bool, by: Principal) -> str:
    workspace_id = variable.workspace_id
    is_same_place = new_path == variable.path and is_secret == variable.is_secret
    if is_same_place and change.value in (None, variable.value if change.is_encrypted else None):
        return variable.value
    old = variable.value
    if variable.is_secret:
        old = sealing.open_variable(workspace_id, variable.path, variable.value)
    text = old
    if change.value is not None:
        text = _plain(by, new_path, change.value, is_encrypted=change.is_encrypted)
    if not is_secret:
        return text
    if is_same_place and text == old:
        return variable.value
    return sealing.seal_variable(workspace_id, new_path, text)


def _plain(by: Principal, path: str, value: str, *, is_encrypted: bool) -> str:
    if len(value) > MAX_VALUE:
        raise BadRequest(f"The value has {len(value):,} characters; at most {MAX_VALUE:,} are allowed")
    if not is_encrypted:
        return value
    text = sealing.open_foreign(str(by.workspace_id), path, by.email, value)
    if text is None:
        raise BadRequest(f"The value of {path} was encrypted with another key or for another path; send it in plain")
    return text
