"""API tokens and logins: opaque, kept as SHA-256, never wider than what made them."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from workspaces import announce, audit, clock, scopes
from workspaces.credentials import digest
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.models import Membership, Token, User, Workspace
from workspaces.principal import Principal
from workspaces.principals import LOGIN_IDLE

PREFIX = "wm_"
PREFIX_LENGTH = 10
_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARS = 40  # 238 bits, 196 behind the prefix that lists show


@dataclass(frozen=True)
class Minted:
    """A new token; `text` exists here and never again."""

    token: Token
    text: str = field(repr=False)


@transaction.atomic
def create_token(
    *,
    by: Principal,
    label: str = "",
    expires_at: datetime | None = None,
    scopes_wanted: Sequence[str] | None = None,
    workspace_id: str | None = None,
    is_read_only: bool = False,
) -> Minted:
    """A token of `by`'s account. Raises Forbidden if it would have more rights, scopes or life than `by` has itself."""
    if by.user_id is None or by.kind == "job":
        raise Forbidden("Tokens belong to accounts; log in or use a token of your own, not a job's or the instance's")
    wanted = _checked(scopes_wanted)
    if not scopes.covers(by.scopes, wanted):
        raise Forbidden("A token with scopes makes only tokens within them; name scopes that yours cover")
    if by.token_workspace_id is not None and workspace_id != by.token_workspace_id:
        raise Forbidden(f"This token is for workspace {by.token_workspace_id}; name it as workspace_id")
    if workspace_id is not None:
        _require_place(by, workspace_id)
    if expires_at is not None and expires_at <= clock.now():
        raise BadRequest(f"The expiration {expires_at.isoformat()} has passed; choose a later time")
    if by.kind == "token" and by.token_expires_at is not None:
        expires_at = min(expires_at or by.token_expires_at, by.token_expires_at)
    minted = _mint(
        User(pk=by.user_id),
        label=label[:500],
        expires_at=expires_at,
        scopes=list(wanted) if wanted else None,
        workspace_id=workspace_id,
        is_read_only=is_read_only or by.is_read_only,
    )
    audit.record(by, "users.token.create", minted.token.prefix, label=label[:50])
    return minted


def create_login(user: User) -> Minted:
    """The cookie of someone who has just proved who they are."""
    return _mint(user, label="session", kind="session", expires_at=clock.now() + LOGIN_IDLE)


@transaction.atomic
def delete_token(prefix: str, *, by: Principal) -> int:
    """Delete `by`'s own tokens that start with `prefix` (10 characters). Raises NotFound when there is none."""
    count, _ = Token.objects.filter(user_id=by.user_id, prefix=prefix).delete()
    if by.user_id is None or not count:
        raise NotFound(f"token not found at name {prefix[:PREFIX_LENGTH]}")
    announce.token_changed(prefix)
    audit.record(by, "users.token.delete", prefix)
    return count


@transaction.atomic
def end_login(by: Principal) -> None:
    """Log out: the login that made this request is gone everywhere."""
    Token.objects.filter(user_id=by.user_id, prefix=by.token_prefix, kind="session").delete()
    announce.token_changed(by.token_prefix)
    audit.record(by, "users.logout")


def end_logins_of(user: User, *, but_prefix: str = "") -> None:
    """End the account's logins, as a new password or a lock-out does."""
    ended = Token.objects.filter(user=user, kind="session").exclude(prefix=but_prefix)
    for prefix in ended.values_list("prefix", flat=True):
        announce.token_changed(prefix)
    ended.delete()


def _mint(user: User, **fields: object) -> Minted:
    text = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    token = Token.objects.create(hash=digest(text), prefix=text[:PREFIX_LENGTH], user_id=user.pk, **fields)
    return Minted(token, text)


def _checked(wanted: Sequence[str] | None) -> tuple[str, ...]:
    try:
        return scopes.check(wanted or ())
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _require_place(by: Principal, workspace_id: str) -> None:
    is_member = Membership.objects.filter(workspace_id=workspace_id, user_id=by.user_id, is_disabled=False).exists()
    if not is_member and not (by.is_superadmin and Workspace.objects.filter(pk=workspace_id).exists()):
        raise NotFound(f"workspace not found at name {workspace_id[:50]}")
