"""What a request to run something says: its arguments and its options. Pure.

Source: Windmill's API, body decoding of webhooks and query arguments of the run endpoints.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from workers.answers import Call
from workspaces.errors import BadRequest, TooLarge, UnsupportedMedia
from workspaces.instants import parse_instant
from workspaces.jsontext import BadJson, clean, clean_text, dumps

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_KEY = 255
# Never an argument, whoever asks: arguments are stored and shown.
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_RAW_TYPES = ("text/plain", "application/xml", "text/xml")


@dataclass(frozen=True)
class RunOptions:
    """Query arguments and headers of a run. None or "": not given."""

    scheduled_for: datetime | None = None
    delay_s: float | None = None
    parent_job: UUID | None = None
    root_job: UUID | None = None
    job_id: UUID | None = None
    tag: str = ""
    timeout_s: int | None = None
    cache_ttl_s: int | None = None
    is_invisible_to_owner: bool = False
    queue_limit: int | None = None
    idempotency_key: str = ""


def read_options(call: Call) -> RunOptions:
    """Raises BadRequest naming the argument that cannot be used."""
    if call.text("retry"):
        raise BadRequest("The query argument retry is not supported here; retry from the caller or from a flow")
    return RunOptions(
        scheduled_for=_instant(call, "scheduled_for"),
        delay_s=_seconds(call, "scheduled_in_secs"),
        parent_job=_uuid(call, "parent_job"),
        root_job=_uuid(call, "root_job"),
        job_id=_uuid(call, "job_id"),
        tag=_tag(call),
        timeout_s=_positive(call, "timeout"),
        cache_ttl_s=_positive(call, "cache_ttl"),
        is_invisible_to_owner=call.flag("invisible_to_owner"),
        queue_limit=_positive(call, "queue_limit"),
        idempotency_key=_key(call),
    )


def read_args(call: Call) -> str:
    """The arguments as clean JSON text of an object, the caller's spelling kept.

    Raises BadRequest, TooLarge or UnsupportedMedia.
    """
    if len(call.body) > MAX_BODY_BYTES:
        raise TooLarge(f"The body has {len(call.body):,} bytes; at most {MAX_BODY_BYTES:,} are allowed")
    base = _payload(call) if call.method == "GET" else _body(call)
    return _with(base, _included(call))


def json_object(raw: bytes | str) -> tuple[str, dict[str, Any]]:
    """Clean JSON text that must be an object, and its value. Raises BadRequest."""
    text, value = _clean(raw)
    if not isinstance(value, dict):
        raise BadRequest(f"The body must be a JSON object, not {_kind(value)}")
    return text, value


def _body(call: Call) -> str:
    given = call.headers.get("content-type", "")
    media = given.partition(";")[0].strip().lower()
    if not call.body and media in ("", "application/json"):
        return "{}"
    if media in ("", "application/json") or media.endswith("+json"):
        return _json_body(call, media)
    if media == "application/x-www-form-urlencoded":
        return _wrapped(call, dumps(_form(call.body)))
    if media in _RAW_TYPES:
        return dumps({"raw_string": clean_text(call.body.decode("utf-8", "replace"))})
    if media == "multipart/form-data":
        return _wrapped(call, dumps(_multipart(call.body, given)))
    raise UnsupportedMedia(f"A body of type {media[:80]} cannot be read; send application/json")


def _json_body(call: Call, media: str) -> str:
    if media == "application/cloudevents-batch+json":
        raise BadRequest("A batch of cloud events starts no job; send one event a request")
    text, value = _clean(call.body)
    if media == "application/cloudevents+json":
        text, value = _cloud_event(value)
    if not isinstance(value, dict) or call.flag("wrap_body"):
        text = f'{{"body":{text}}}'
    if call.flag("raw"):
        text = _with(text, {"raw_string": clean_text(call.body.decode("utf-8", "replace"))})
    return text


def _wrapped(call: Call, text: str) -> str:
    return f'{{"body":{text}}}' if call.flag("wrap_body") else text


def _payload(call: Call) -> str:
    """GET carries its arguments as URL-safe base64 of JSON."""
    given = call.text("payload")
    if not given:
        return "{}"
    try:
        raw = base64.urlsafe_b64decode(given.replace(" ", "+").replace("+", "-").replace("/", "_") + "===")
    except (binascii.Error, ValueError):
        raise BadRequest("The query argument payload is not URL-safe base64") from None
    text, value = _clean(raw)
    return text if isinstance(value, dict) else f'{{"body":{text}}}'


def _cloud_event(value: Any) -> tuple[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest("A cloud event must be a JSON object")
    about = {key: item for key, item in value.items() if key not in ("data", "data_base64")}
    inner = value.get("data")
    args = dict(inner) if isinstance(inner, dict) else {} if inner is None else {"body": inner}
    args["WEBHOOK__METADATA__"] = about
    return dumps(args), args


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10_000)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The form is not UTF-8: byte {body[error.start]:#04x} at offset {error.start}") from None
    except ValueError:
        raise BadRequest("The form has more than 10,000 fields") from None
    return {clean_text(name): clean_text(value) for name, value in pairs}


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    """Text fields. A file would need the workspace's object storage, so it is refused."""
    import io

    from django.core.exceptions import SuspiciousOperation
    from django.http.multipartparser import MultiPartParser, MultiPartParserError

    about = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    try:
        fields, files = MultiPartParser(about, io.BytesIO(body), [], "utf-8").parse()
    except MultiPartParserError as error:
        raise BadRequest(f"The multipart body cannot be read: {error}") from None
    except SuspiciousOperation:  # more fields or bytes than the settings allow
        raise BadRequest("The multipart body has too many fields; send JSON") from None
    if files or b"filename=" in body[:MAX_BODY_BYTES]:
        raise BadRequest("This workspace has no object storage, so files cannot be sent; send their content as text")
    return {clean_text(name): clean_text(str(fields[name])) for name in fields}


def _included(call: Call) -> dict[str, str]:
    """Headers and query arguments the caller wants passed as arguments."""
    extra: dict[str, str] = {}
    for name in _names(call.text("include_header")):
        if name.lower() in call.headers and name.lower() not in _CREDENTIALS:
            extra[name.lower().replace("-", "_")] = clean_text(call.headers[name.lower()])
    for name in _names(call.text("include_query")):
        if name in call.query and name != "token":
            extra[clean_text(name)] = clean_text(call.text(name))
    return extra


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _with(text: str, extra: Mapping[str, Any]) -> str:
    """An object's text with members added at its end, where they win; the rest stays as it was spelled."""
    if not extra:
        return text
    inner = text.strip()[1:-1].strip()
    return f"{{{inner}{',' if inner else ''}{dumps(extra)[1:-1]}}}"


def _clean(raw: bytes | str) -> tuple[str, Any]:
    try:
        return clean(raw, max_bytes=MAX_BODY_BYTES)
    except BadJson as error:
        raise BadRequest(str(error)) from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "something else")


def _instant(call: Call, name: str) -> datetime | None:
    given = call.text(name)
    if not given:
        return None
    try:
        return parse_instant(given)
    except ValueError:
        raise BadRequest(f"{name} must be a time such as 2026-01-31T08:00:00Z, not {given[:40]!r}") from None


def _seconds(call: Call, name: str) -> float | None:
    given = call.text(name)
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 100 * 366 * 86_400:
        raise BadRequest(f"{name} must be a number of seconds from 0 to 100 years, not {given[:40]!r}")
    return seconds


def _positive(call: Call, name: str) -> int | None:
    given = call.text(name)
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 10 or not 0 < int(given) < 2**31:
        raise BadRequest(f"{name} must be a whole number above 0, not {given[:40]!r}")
    return int(given)


def _uuid(call: Call, name: str) -> UUID | None:
    given = call.text(name)
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise BadRequest(f"{name} must be a UUID, not {given[:80]!r}") from None


def _tag(call: Call) -> str:
    tag = call.text("tag")
    if len(tag) > 255 or not tag.isprintable():
        raise BadRequest("tag must be at most 255 printable characters")
    return tag


def _key(call: Call) -> str:
    key = call.headers.get("idempotency-key", "") or call.text("idempotency_key")
    if len(key) > MAX_KEY or not key.isprintable():
        raise BadRequest(f"An idempotency key has at most {MAX_KEY} printable characters")
    return key
