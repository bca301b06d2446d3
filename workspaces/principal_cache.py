"""Principals of the fast lane, kept for one second. A notification `t:<prefix>` makes it forget a token at once."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractAsyncContextManager
from typing import Any

from psycopg import AsyncConnection

from workspaces import clock
from workspaces.credentials import Credential
from workspaces.principal import ANONYMOUS, Principal
from workspaces.principals import is_cacheable, principal_for

TTL_S = 1.0
MAX_ENTRIES = 10_000

type _Key = tuple[bytes, str | None]


class PrincipalCache:
    """One for each process; used from one event loop. Entries are keyed by the token's hash, never by its text."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, tuple[float, Principal]] = OrderedDict()

    async def get(
        self,
        connect: AbstractAsyncContextManager[AsyncConnection[Any]],
        credential: Credential | None,
        workspace_id: str | None,
    ) -> Principal:
        """The principal; `connect` (`pool.connection()`) is entered only when the database must be asked."""
        if credential is None:
            return ANONYMOUS
        key = (credential.hash, workspace_id)
        found = self._kept.get(key)
        if found is not None and clock.monotonic() - found[0] < TTL_S:
            return found[1]
        at = clock.monotonic()  # before the read: what changes meanwhile must not live longer for it
        async with connect as conn:
            principal = await principal_for(conn, credential, workspace_id)
        if principal.is_authenticated and is_cacheable(credential):
            self._kept[key] = (at, principal)
            self._kept.move_to_end(key)
            if len(self._kept) > MAX_ENTRIES:
                self._kept.popitem(last=False)
        return principal

    def forget(self, token_prefix: str) -> None:
        """Drop what is kept of a token, after `t:<prefix>`."""
        for key in [key for key, (_, principal) in self._kept.items() if principal.token_prefix == token_prefix]:
            del self._kept[key]

    def clear(self) -> None:
        """After a lost connection: notifications may have been missed."""
        self._kept.clear()
