"""Texts sealed under a workspace's key for one place: a variable's path, or an argument of one identity's jobs."""

from __future__ import annotations

from vault import crypto, keys
from workspaces.errors import Internal


def seal_variable(workspace_id: str, path: str, text: str) -> str:
    key = keys.current_key(workspace_id)
    return crypto.seal(key.secret, key.number, text, variable_context(workspace_id, path))


def open_variable(workspace_id: str, path: str, sealed: str) -> str:
    """Raises Internal when the row was not written by us."""
    text = _open(workspace_id, sealed, variable_context(workspace_id, path))
    if text is None:
        raise Internal(f"The stored value of variable {path} does not open; set it again")
    return text


def seal_argument(workspace_id: str, email: str, text: str) -> str:
    """For `$encrypted:` in arguments: opens only in jobs that run as `email`."""
    key = keys.current_key(workspace_id)
    return crypto.seal(key.secret, key.number, text, argument_context(workspace_id, email))


def open_foreign(workspace_id: str, path: str, email: str, sealed: str) -> str | None:
    """The text of a ciphertext somebody sent for `path`: one of that path, or sealed for `email`; None: neither."""
    text = _open(workspace_id, sealed, variable_context(workspace_id, path))
    return text if text is not None else _open(workspace_id, sealed, argument_context(workspace_id, email))


def variable_context(workspace_id: str, path: str) -> bytes:
    return crypto.context_of("variable", workspace_id, path)


def argument_context(workspace_id: str, email: str) -> bytes:
    return crypto.context_of("argument", workspace_id, email)


def _open(workspace_id: str, sealed: str, context: bytes) -> str | None:
    number = crypto.number_of(sealed)
    key = keys.key_of(workspace_id, number) if number is not None else None
    if key is None:
        return None
    try:
        return crypto.open_sealed(key.secret, sealed, context)
    except crypto.CannotOpen:
        return None
