"""How one environment variable's text becomes a value. A wrong text raises ValueError with what is expected.

The docstring of a reader is the same expectation: the settings page prints it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from windmill_site.database import BadDatabaseUrl, parse_url


def text(value: str) -> str:
    """text"""
    if not value.isprintable():
        raise ValueError("text on one line without control characters")
    return value


def long_text(minimum: int) -> Callable[[str], str]:
    """A reader of text of at least `minimum` characters."""
    expected = f"text of at least {minimum} characters"

    def read(value: str) -> str:
        if len(text(value)) < minimum:
            raise ValueError(expected)
        return value

    read.__doc__ = expected
    return read


def flag(value: str) -> bool:
    """true or false"""
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("true or false")
    return known[value.lower()]


def whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers in a range, both ends included."""
    span = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
    expected = f"a whole number {span}"

    def read(value: str) -> int:
        if not re.fullmatch(r"\+?[0-9]{1,18}", value):
            raise ValueError(expected)
        number = int(value)
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError(expected)
        return number

    read.__doc__ = expected
    return read


def choice(*allowed: str) -> Callable[[str], str]:
    """A reader of one word out of `allowed`."""
    expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}"

    def read(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError(expected)
        return value.lower()

    read.__doc__ = expected
    return read


def names(value: str) -> tuple[str, ...]:
    """comma-separated names"""
    found = tuple(each.strip() for each in value.split(",") if each.strip())
    if any(re.search(r"\s|[^\x20-\x7e]", each) for each in found):
        raise ValueError("names separated by commas, without spaces inside a name")
    return found


def path(value: str) -> Path:
    """an absolute path"""
    if "\0" in value or not (value.startswith(("/", "~/")) or value == "~"):
        raise ValueError("an absolute path such as /var/lib/windmill")
    return Path(value).expanduser()


def email(value: str) -> str:
    """an e-mail address"""
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]+", value) or len(value) > 254:
        raise ValueError("an e-mail address such as admin@example.com")
    return value.lower()


def web_url(value: str) -> str:
    """an http or https address"""
    expected = "an address such as https://windmill.example.com"
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError(expected)
    if parts.query or parts.fragment or parts.username:
        raise ValueError(expected)
    return value.rstrip("/")


def database_url(value: str) -> str:
    """a Postgres address"""
    try:
        parse_url(value)
    except BadDatabaseUrl as error:
        raise ValueError(str(error)) from None
    return value
