"""A Postgres address (libpq's URL form) as Django's DATABASES entry, and the embedded server's address. Pure."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ROLE = "windmill"  # the embedded server's ordinary role, and the database it owns
_LONGEST_SOCKET_PATH = 107  # of sockaddr_un, without the closing NUL

_EXPECTED = "a Postgres address such as postgresql://user:password@host:5432/name"


class BadDatabaseUrl(ValueError):
    """The text is not an address of a Postgres database; the message never repeats it (passwords)."""


@dataclass(frozen=True)
class Address:
    """Where a database is and how to get in; `options` are libpq's (sslmode, …)."""

    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def as_django(self) -> dict[str, Any]:
        """The connection part of a DATABASES entry."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": self.port,
            "OPTIONS": dict(self.options),
        }


def parse_url(url: str) -> Address:
    """The address in `url`; a socket directory is `?host=/directory` or a percent-encoded host.

    Raises BadDatabaseUrl. Source: PostgreSQL documentation, 34.1.1.2 Connection URIs.
    """
    try:
        parts = urlsplit(url)
        port = str(parts.port) if parts.port else ""
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise BadDatabaseUrl(_EXPECTED) from None
    name = query.pop("dbname", "") or unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgres", "postgresql") or parts.fragment:
        raise BadDatabaseUrl(_EXPECTED)
    if not name:
        raise BadDatabaseUrl(f"{_EXPECTED}; the name of the database is missing")
    return Address(
        name=name,
        user=query.pop("user", "") or unquote(parts.username or ""),
        password=query.pop("password", "") or unquote(parts.password or ""),
        host=query.pop("host", "") or unquote(_host_of(parts.netloc)),
        port=query.pop("port", "") or port,
        options=tuple(query.items()),
    )


def embedded_url(data_dir: Path, name: str = ROLE) -> str:
    """Address of a database of the embedded server of this data directory."""
    return f"postgresql://{ROLE}@/{name}?host={quote(str(socket_directory(data_dir)))}"


def socket_directory(data_dir: Path) -> Path:
    """Where the embedded server's socket lies: in the data directory, or a short place if that path is too long."""
    inside = data_dir / "run"
    if len(str(inside / ".s.PGSQL.5432").encode()) <= _LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path("/tmp") / f"windmill-{digest}"  # noqa: S108 (made 0700, its owner checked before use)


def _host_of(netloc: str) -> str:
    # urlsplit().hostname lower-cases, which breaks a percent-encoded socket directory
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host[1 : host.index("]")]
    return host.partition(":")[0]
