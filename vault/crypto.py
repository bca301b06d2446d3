"""Sealing of secrets: instance key → key of the workspace → value, each AES-256-GCM. Pure.

What a text was sealed for (`context`: kind, workspace, path) is authenticated with it, so one copied to another row,
path or workspace does not open. A sealed text is standard base64 of a multiple of 16 bytes, the form in which the
command line client recognises ciphertext: version (1), number of the key (3), nonce (12), padded text, tag (16).
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_VERSION = 1
_BLOCK = 16
_HEADER = 16
_NONCE = 12


class CannotOpen(ValueError):
    """Not sealed by us, changed since, or sealed with another key or for another place."""


def master_key(instance_key: str) -> bytes:
    """The key that seals workspace keys, from the text of the instance's key."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"windmill workspace keys").derive(instance_key.encode())


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal_key(master: bytes, key: bytes, workspace_id: str, number: int) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(master).encrypt(nonce, key, _key_context(workspace_id, number))


def open_key(master: bytes, sealed: bytes, workspace_id: str, number: int) -> bytes:
    """Raises CannotOpen."""
    try:
        return AESGCM(master).decrypt(sealed[:_NONCE], sealed[_NONCE:], _key_context(workspace_id, number))
    except InvalidTag as error:
        raise CannotOpen("sealed under another instance key") from error


def seal(key: bytes, number: int, text: str, context: bytes) -> str:
    """`text` sealed under key `number` of a workspace, in base64."""
    header = bytes([_VERSION]) + number.to_bytes(3, "big") + os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(header[-_NONCE:], _pad(text.encode("utf-8", "surrogatepass")), header + context)
    return base64.b64encode(header + sealed).decode("ascii")


def number_of(sealed: str) -> int | None:
    """The number of the key that `sealed` needs; None if it has not our form."""
    raw = _decode(sealed)
    return int.from_bytes(raw[1:4], "big") if raw is not None else None


def open_sealed(key: bytes, sealed: str, context: bytes) -> str:
    """The text. Raises CannotOpen."""
    raw = _decode(sealed)
    if raw is None:
        raise CannotOpen("not sealed here")
    try:
        padded = AESGCM(key).decrypt(raw[_HEADER - _NONCE : _HEADER], raw[_HEADER:], raw[:_HEADER] + context)
    except InvalidTag as error:
        raise CannotOpen("changed, or sealed for another place") from error
    return padded[: -padded[-1]].decode("utf-8", "surrogatepass")


def context_of(kind: str, workspace_id: str, place: str) -> bytes:
    """What a text is sealed for. NUL separates: none of the parts can hold one."""
    return f"{kind}\x00{workspace_id}\x00{place}".encode()


def _key_context(workspace_id: str, number: int) -> bytes:
    return f"workspace key\x00{workspace_id}\x00{number}".encode()


def _pad(raw: bytes) -> bytes:
    count = _BLOCK - len(raw) % _BLOCK
    return raw + bytes([count]) * count


def _decode(sealed: str) -> bytes | None:
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    is_ours = len(raw) >= _HEADER + 2 * _BLOCK and len(raw) % _BLOCK == 0 and raw[0] == _VERSION
    return raw if is_ours else None
