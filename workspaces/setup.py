"""The first minutes of an instance: its first admin and its first workspace."""

from __future__ import annotations

import hmac
import re
import secrets

from django.db import connection, transaction

from workspaces import accounts, tenants
from workspaces.credentials import digest
from workspaces.errors import NotFound
from workspaces.models import Setting, User, Workspace
from workspaces.principal import Principal

SETTING = "setup_link"
FIRST_WORKSPACE = "main"
_SYSTEM = Principal("system", username="setup", is_superadmin=True)


@transaction.atomic
def ensure_first_admin(email: str, password: str) -> None:
    """ADMIN_EMAIL and ADMIN_PASSWORD: make the superadmin and a first workspace unless the account exists."""
    _lock()
    if User.objects.filter(email=email.strip().lower()).exists():
        return
    user = accounts.make_account(email, password, is_superadmin=True)
    if not Workspace.objects.exclude(pk=tenants.ADMINS).exists():
        tenants.create_workspace(FIRST_WORKSPACE, "Main", by=_SYSTEM, owner=user)


@transaction.atomic
def setup_link(base_url: str) -> str | None:
    """A new one-time address at which the first admin chooses a password; None once there is a superadmin.

    Links made before stop working. Only the hash of the link is kept.
    """
    _lock()
    if _is_set_up():
        Setting.objects.filter(name=SETTING).delete()
        return None
    token = secrets.token_urlsafe(32)
    Setting.objects.update_or_create(name=SETTING, defaults={"value": digest(token).hex()})
    return f"{base_url.rstrip('/')}/setup/{token}"


def require_link(token: str) -> None:
    """Raises NotFound unless `token` is the living link."""
    kept = Setting.objects.filter(name=SETTING).values_list("value", flat=True).first()
    if kept is None or not hmac.compare_digest(str(kept), digest(token).hex()) or _is_set_up():
        raise NotFound("this set-up link is used or replaced; start the site again to get a new one, or log in")


@transaction.atomic
def set_up(token: str, *, email: str, password: str, workspace_id: str, workspace_name: str) -> User:
    """Use the link: make the superadmin and the first workspace. Raises NotFound for a dead link, BadRequest."""
    _lock()
    require_link(token)
    user = accounts.make_account(email, password, is_superadmin=True)
    tenants.create_workspace(workspace_id, workspace_name, by=_SYSTEM, owner=user)
    Setting.objects.filter(name=SETTING).delete()
    return user


def workspace_id_of(name: str) -> str:
    """An id for a workspace called `name`: `Acme Ops` is `acme-ops`."""
    return "-".join(re.findall(r"[a-z0-9_]+", name.lower()))[: tenants.MAX_ID].strip("-") or FIRST_WORKSPACE


def _is_set_up() -> bool:
    return User.objects.filter(is_superadmin=True, is_active=True).exists()


def _lock() -> None:
    """Several processes of several hosts start at once; one of them sets up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('windmill set-up'))")
