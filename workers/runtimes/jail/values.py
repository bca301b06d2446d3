"""What may be stored as a result: JSON without NaN, NUL and lone surrogates, within size, depth and number limits.

Used by the job (to make its result fit) and by the worker (which trusts nobody's JSON).
"""

import re
from collections.abc import Callable
from itertools import accumulate
from json import dumps, loads  # by name: a script that patches the json module changes nothing here
from typing import Any

MAX_DEPTH = 500
MAX_NUMBER_LENGTH = 1000
MAX_EXPONENT = 400

_DEEPER = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_SKELETON = bytes(set(range(256)) - set(b'[]{}"'))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SHAPE = bytes(0x30 if each in b"0123456789." else 0x65 if each in b"eE" else 0x20 for each in range(256))
_LONG_RUN = b"0" * (MAX_NUMBER_LENGTH + 1)
_LONG_NUMBER = re.compile(rb"[0-9.]{%d}" % (MAX_NUMBER_LENGTH + 1))
_EXPONENT = re.compile(rb"[0-9.][eE][+-]?0*([0-9]{3,})")
_SURROGATES = re.compile("[\ud800-\udfff]")


class ResultTooLarge(Exception):
    """The result breaks a limit of size, depth or number length."""


def dump(value: Any, convert: Callable[[Any], Any] = str) -> bytes:
    """JSON text of `value`: NaN and infinities as null, NUL removed, lone surrogates replaced, key order kept."""
    try:
        text = dumps(value, default=convert, allow_nan=False, ensure_ascii=False)
        if "\\u0000" not in text:
            return text.encode()
    except ValueError:  # NaN or a lone surrogate (what else it may be is raised again below)
        pass
    return clean(dumps(value, default=convert))


def clean(text: "str | bytes") -> bytes:
    """The same JSON with the values that Postgres refuses replaced; raises ValueError if it is no JSON."""
    parsed = loads(text, parse_constant=lambda _name: None)
    return dumps(_scrub(parsed), allow_nan=False, ensure_ascii=False).encode()


def find_limit(content: bytes) -> "str | None":
    """Which limit the (valid) JSON breaks, as a sentence; None if it breaks none."""
    shape = content.translate(_SHAPE)  # for speed: the patterns alone take 0.7 s for 8 MB
    if (_LONG_RUN in shape) or (b"0e" in shape and _EXPONENT.search(content)):
        bare = _without_strings(_without_escapes(content))
        if _LONG_NUMBER.search(bare):
            return f"a number has more than {MAX_NUMBER_LENGTH} characters"
        if any(int(exponent[:9]) > MAX_EXPONENT for exponent in _EXPONENT.findall(bare)):
            return f"a number has an exponent beyond {MAX_EXPONENT}"
    del shape
    if content.count(b"[") + content.count(b"{") > MAX_DEPTH:
        skeleton = _without_escapes(content).translate(None, _NOT_SKELETON)
        if _depth_exceeds(_without_strings(skeleton).translate(None, _NOT_BRACKETS)):
            return f"it is nested more than {MAX_DEPTH} levels deep"
    return None


# Linear in time whatever the content is; it may be no JSON at all.


def _without_escapes(content: bytes) -> bytes:
    return content.replace(b"\\\\", b"").replace(b'\\"', b"")


def _without_strings(content: bytes) -> bytes:
    """What is outside of quotes. Two of them side by side: an empty string, or a border that may as well not be."""
    return b"0".join(content.replace(b'""', b"").split(b'"')[::2])


def _depth_exceeds(brackets: bytes) -> bool:
    limit = MAX_DEPTH
    # Most of large values is flat: taking the innermost pairs off costs a twentieth of counting them.
    while len(flatter := brackets.replace(b"[]", b"").replace(b"{}", b"")) * 2 < len(brackets):
        brackets, limit = flatter, limit - 1
    return next(filter(limit.__lt__, accumulate(map(_DEEPER.__getitem__, brackets))), None) is not None


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _scrub(item) for key, item in value.items()}
    return value


def clean_text(text: str) -> str:
    """Text that every store takes: no NUL, no lone surrogate."""
    return _SURROGATES.sub("\ufffd", text.replace("\0", ""))
