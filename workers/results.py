"""The HTTP answer a synchronous caller gets from a job's end. Pure.

Source: Windmill's API: `windmill_status_code`, `windmill_content_type` and `windmill_headers` in a result object.
"""

from __future__ import annotations

import json
from typing import Any

from workers.answers import JSON, Answer, json_text
from workspaces.errors import Internal
from workspaces.jsontext import dumps

_STATUS, _TYPE, _HEADERS = "windmill_status_code", "windmill_content_type", "windmill_headers"
# What a script may not say in the name of this site: sessions, transport, and the walls around its own content.
_REFUSED = frozenset(
    {
        "set-cookie", "set-cookie2", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te",
        "trailer", "proxy-authenticate", "proxy-authorization", "content-security-policy", "x-content-type-options",
        "content-security-policy-report-only", "strict-transport-security", "clear-site-data", "service-worker-allowed",
        "access-control-allow-credentials", "access-control-allow-origin",
    }
)  # fmt: skip
# Content of scripts is shown in an origin of its own: it reaches neither cookies nor pages of this site.
_WALLS = (("Content-Security-Policy", "sandbox"), ("X-Content-Type-Options", "nosniff"))


def sync_answer(status: str, result: str | None) -> Answer:
    """`result` is the stored JSON text. Raises Internal when the script asks for an answer HTTP does not have."""
    failed = status in ("failure", "canceled")
    text = "null" if result is None else result
    if _STATUS not in text and _TYPE not in text and _HEADERS not in text:
        return json_text(text, 422 if failed else 200)
    value = json.loads(text)
    if not isinstance(value, dict) or not {_STATUS, _TYPE, _HEADERS} & value.keys():
        return json_text(text, 422 if failed else 200)
    return _composite(value, failed=failed)


def _composite(value: dict[str, Any], *, failed: bool) -> Answer:
    content_type = value.get(_TYPE)
    if content_type is not None and not (isinstance(content_type, str) and _is_header(content_type)):
        raise Internal(f"The job's {_TYPE} is not a content type")
    inner = value.get("result")
    if inner is None and "result" not in value:
        body = b""
    elif content_type is not None and isinstance(inner, str):
        body = inner.encode()
    else:
        body = dumps(inner).encode()
    default = 422 if failed else 200 if "result" in value else 204
    return Answer(_status(value, default), body, content_type or JSON, (*_headers(value), *_WALLS))


def _status(value: dict[str, Any], default: int) -> int:
    given = value.get(_STATUS, default)
    if isinstance(given, bool) or not isinstance(given, int) or not 200 <= given <= 599:
        raise Internal(f"The job's {_STATUS} is not an HTTP status from 200 to 599")
    return given


def _headers(value: dict[str, Any]) -> list[tuple[str, str]]:
    given = value.get(_HEADERS) or {}
    if not isinstance(given, dict):
        raise Internal(f"The job's {_HEADERS} is not an object of strings")
    kept = []
    for name, content in given.items():
        content = content if isinstance(content, str) else dumps(content)
        if not name.replace("-", "").isalnum() or not name.isascii() or not _is_header(content):
            raise Internal(f"The job's {_HEADERS} has a name or value that HTTP does not allow")
        if name.lower() not in _REFUSED and not _leads_away(name, content):
            kept.append((name, content))
    return kept


def _leads_away(name: str, content: str) -> bool:
    """A redirect to another host: a link to this site must not become a link anywhere."""
    return name.lower() in ("location", "refresh") and (
        not content.startswith("/") or content.startswith(("//", "/\\"))
    )


def _is_header(content: str) -> bool:
    return content.isprintable() and all(ord(character) < 256 for character in content)
