"""Who acts: a person, a token or a job, with rights resolved. The same object for pages, API, sockets and workers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

type PrincipalKind = Literal["anonymous", "session", "token", "job", "system"]


@dataclass(frozen=True)
class Principal:
    """`workspace_id` None: acting on the instance. Groups and folders are names without prefix."""

    kind: PrincipalKind
    email: str = ""
    username: str = ""
    user_id: int | None = None
    workspace_id: str | None = None
    is_superadmin: bool = False
    is_admin: bool = False
    is_operator: bool = False
    is_member: bool = False
    groups: frozenset[str] = frozenset()
    folders_read: frozenset[str] = frozenset()
    folders_write: frozenset[str] = frozenset()
    folders_owned: frozenset[str] = frozenset()
    scopes: tuple[str, ...] | None = None
    is_read_only: bool = False
    token_prefix: str = ""
    token_workspace_id: str | None = None
    token_expires_at: datetime | None = None
    is_workspace_missing: bool = False
    is_workspace_archived: bool = False
    job_id: str | None = None
    end_user_email: str = field(default="", compare=False)

    @property
    def is_authenticated(self) -> bool:
        return self.kind != "anonymous"

    @property
    def may_all(self) -> bool:
        """Superadmins and admins of the workspace pass every item rule inside it."""
        return self.is_superadmin or self.is_admin

    @property
    def owner_keys(self) -> frozenset[str]:
        """The keys of `extra_perms` that speak of this principal."""
        return frozenset({f"u/{self.username}"} | {f"g/{name}" for name in self.groups})

    @property
    def permissioned_as(self) -> str:
        """The identity a job started by this principal runs with."""
        return f"u/{self.username}" if self.is_member or not self.email else self.email

    def without_rights(self) -> Principal:
        return replace(self, is_superadmin=False, is_admin=False)


ANONYMOUS = Principal(kind="anonymous")
