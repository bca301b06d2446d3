"""What a request shows to say who it is. Pure.

One precedence everywhere: `Authorization: Bearer` header, then the cookie `token`, then `?token=`. The first one
present decides alone: a wrong bearer never falls back to a cookie, and a cookie wins over a query token, so the
cross-site rules of cookies cannot be left by adding a parameter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal
from urllib.parse import parse_qs

COOKIE = "token"
MAX_LENGTH = 4096
_BEARER = "bearer "


@dataclass(frozen=True)
class Credential:
    """`text` is secret: never log it."""

    text: str = field(repr=False)
    source: Literal["header", "cookie", "query"]

    @property
    def hash(self) -> bytes:
        """What the database knows of it."""
        return digest(self.text)


def digest(text: str) -> bytes:
    """SHA-256 of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def credential_of(*, authorization: str | None, cookie: str | None, query: str | None) -> Credential | None:
    """The credential that counts; None when there is none. An `Authorization` of another scheme is not ours."""
    if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
        return Credential(authorization[len(_BEARER) :].strip()[:MAX_LENGTH], "header")
    if cookie:
        return Credential(cookie[:MAX_LENGTH], "cookie")
    if query:
        return Credential(query[:MAX_LENGTH], "query")
    return None


def credential_of_scope(scope: Mapping[str, Any]) -> Credential | None:
    """The credential of an ASGI scope (http or websocket)."""
    headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ())}
    query = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [None])[0]
    return credential_of(
        authorization=headers.get(b"authorization"), cookie=_cookie(headers.get(b"cookie", "")), query=query
    )


def _cookie(header: str) -> str | None:
    if COOKIE not in header:
        return None
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
