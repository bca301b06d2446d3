"""From what an entry point returned to the JSON text of the result."""

import asyncio
import base64
import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any

from . import values

_NO_STREAM = (str, dict, list, bytes, tuple, set, frozenset, range, memoryview, bytearray)
STREAM_PREFIX = "WM_STREAM: "


def settle(value: Any) -> Any:
    """Run what is a coroutine, print what is a stream; the value itself otherwise."""
    if inspect.isawaitable(value):
        return asyncio.run(_await(value))
    if hasattr(value, "__aiter__"):
        return asyncio.run(_print_async(value))
    if _is_stream(value):
        return _print(value)
    return value


async def _await(value: Any) -> Any:
    settled = await value
    if hasattr(settled, "__aiter__"):
        return await _print_async(settled)
    return _print(settled) if _is_stream(settled) else settled


def _is_stream(value: Any) -> bool:
    if isinstance(value, (_NO_STREAM, type)) or not hasattr(value, "__iter__"):
        return False
    return not any(hasattr(value, name) for name in ("tolist", "model_dump", "to_pandas", "iterrows"))


def _print(chunks: "Iterable[Any]") -> None:
    for chunk in chunks:
        _print_chunk(chunk)


async def _print_async(chunks: "AsyncIterator[Any]") -> None:
    async for chunk in chunks:
        _print_chunk(chunk)


def _print_chunk(chunk: Any) -> None:
    print(f"{STREAM_PREFIX}{chunk}".replace("\n", "\\n"), flush=True)


def to_json(value: Any, cap: int) -> bytes:
    """The stored form of a result; raises ResultTooLarge when it breaks a limit."""
    try:
        content = values.dump(_flatten(value), _fallback)
    except RecursionError:
        raise values.ResultTooLarge(
            f"The result is nested too deeply: at most {values.MAX_DEPTH} levels are stored. Return a flatter value."
        ) from None
    except ValueError as error:
        if "digits" not in str(error):
            raise
        raise values.ResultTooLarge(
            f"The result holds a number of more than {values.MAX_NUMBER_LENGTH} characters. Return it as a string."
        ) from None
    if len(content) > cap:
        raise values.ResultTooLarge(
            f"The result has {len(content)} bytes, more than the limit of {cap} bytes. "
            "Return less, or write the data to object storage and return a reference."
        )
    broken = values.find_limit(content)
    if broken:
        raise values.ResultTooLarge(f"The result cannot be stored: {broken}. Return a simpler value.")
    return content


def _flatten(value: Any) -> Any:
    """Data frames as rows, bytes as base64 (at the top and one level down)."""
    kind = type(value)
    if kind.__name__ == "DataFrame":
        return value.rows() if kind.__module__.startswith("polars") else value.values.tolist()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if kind is dict and any(isinstance(item, bytes) for item in value.values()):
        return {key: _flatten(item) if isinstance(item, bytes) else item for key, item in value.items()}
    return value


def _fallback(value: Any) -> Any:
    """For json.dumps: arrays and series as lists, anything else as its text."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas") and hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
