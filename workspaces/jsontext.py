"""JSON from users and jobs, made safe once before it is stored. Pure.

`json` columns keep text as it comes, so what a later reader chokes on (NUL, lone surrogates, giant numbers, depth) is
filtered or refused here and nowhere else.
"""

import json
import re
from itertools import accumulate
from typing import Any

MAX_DEPTH = 500
MAX_NUMBER_CHARS = 1000
MAX_EXPONENT = 400
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_NEEDS_CLEANING = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|\x00|[\ud800-\udfff]")
_EXPONENT = re.compile(r"[eE]([+-]?\d+)\Z")
_LONE = re.compile(r"[\ud800-\udfff]")


class BadJson(ValueError):
    """The text is not JSON we can keep; the message says why."""


def clean_text(text: str) -> str:
    """Text a Postgres column takes: NUL removed, lone surrogates replaced by U+FFFD."""
    return _LONE.sub("\ufffd", text.replace("\x00", ""))


def clean(raw: bytes | str, *, max_bytes: int, constants_as_null: bool = False) -> tuple[str, Any]:
    """`raw` as storable JSON text, unchanged where it can be, and its value.

    `constants_as_null`: NaN and ±Infinity become null (results); otherwise they are refused (arguments).
    Raises BadJson: not UTF-8, not JSON, deeper than 500, a number of over 1,000 characters, an exponent beyond ±400 or
    more than a double holds (readers would see infinity, which is no JSON), or larger than `max_bytes`.
    """
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise BadJson(f"The JSON has {size:,} bytes; at most {max_bytes:,} are allowed")
    text = _decode(raw)
    _check_depth(text)
    saw_constant = False

    def constant(name: str) -> None:
        nonlocal saw_constant
        if not constants_as_null:
            raise BadJson(f"{name} is not JSON; use null or a string")
        saw_constant = True

    try:
        value = json.loads(text, parse_int=_int, parse_float=_float, parse_constant=constant)
    except RecursionError as error:
        raise BadJson(f"The JSON is nested deeper than {MAX_DEPTH} levels") from error
    except json.JSONDecodeError as error:
        raise BadJson(f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    # The first test is for speed: 8 MB without an escape need not be searched for certain ones.
    may_need_cleaning = "\\u" in text or isinstance(raw, str)
    if saw_constant or (may_need_cleaning and _NEEDS_CLEANING.search(text)):
        value = _scrub(value)
        text = dumps(value)
    return text, value


def dumps(value: Any) -> str:
    """Compact JSON in UTF-8 text; NaN is a programming error here."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _decode(raw: bytes | str) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"Not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}") from error


def _check_depth(text: str) -> None:
    """Linear in time and memory whatever the text is: a pattern for strings took 950 MB for one of 8 MB, and hours for
    an open one full of escaped quotes.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    brackets, limit = _NOT_BRACKETS.sub("", outside), MAX_DEPTH
    # Most of large values is flat: taking the innermost pairs off costs a twentieth of counting them.
    while len(flatter := brackets.replace("[]", "").replace("{}", "")) * 2 < len(brackets):
        brackets, limit = flatter, limit - 1
    depths = accumulate(map(_DEEPER.__getitem__, brackets))
    if next(filter(limit.__lt__, depths), None) is not None:
        raise BadJson(f"The JSON is nested deeper than {MAX_DEPTH} levels")


def _int(literal: str) -> int:
    if len(literal) > MAX_NUMBER_CHARS:
        raise BadJson(f"A number has {len(literal):,} digits; at most {MAX_NUMBER_CHARS:,} are allowed")
    return int(literal)


def _float(literal: str) -> float:
    if len(literal) > MAX_NUMBER_CHARS:
        raise BadJson(f"A number has {len(literal):,} characters; at most {MAX_NUMBER_CHARS:,} are allowed")
    exponent = _EXPONENT.search(literal)
    if exponent and abs(int(exponent[1][:8])) > MAX_EXPONENT:
        raise BadJson(f"The exponent of {literal[:30]} is beyond ±{MAX_EXPONENT}")
    number = float(literal)
    if abs(number) == float("inf"):
        raise BadJson(f"The number {literal[:30]} is more than a double holds (1.8e308); send it as a string")
    return number


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _scrub(item) for key, item in value.items()}
    return value
