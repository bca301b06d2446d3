"""From a job's outcome to what is stored: status, result text, labels. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workers.runtimes.base import Outcome
from workspaces import jsontext

_MAX_LABELS, _MAX_LABEL_CHARS = 50, 60


@dataclass(frozen=True)
class Stored:
    """`result` is clean JSON text."""

    status: str
    result: str
    labels: tuple[str, ...] = ()


def stored(outcome: Outcome, *, stream: str, max_bytes: int) -> Stored:
    """What the completed job shows. A stream becomes the result when there is none, `wm_stream` in an object."""
    if outcome.status != "success":
        return Stored("failure", error_text(outcome.error or {"name": "InternalErr", "message": "no error was given"}))
    raw = outcome.result or b"null"
    try:
        text, value = jsontext.clean(raw, max_bytes=max_bytes, constants_as_null=True)
    except jsontext.BadJson as error:
        return Stored("failure", error_text({"name": "BadResult", "message": f"The result cannot be stored. {error}"}))
    if stream and value is None:
        return Stored("success", jsontext.dumps(stream))
    if not isinstance(value, dict):
        return Stored("success", text)
    if stream:
        value["wm_stream"] = stream
        text = jsontext.dumps(value)
    labels = _labels(value.get("wm_labels"))
    failure = value.get("wm_failure")
    if failure:
        error = {**value, "name": "ManualFailure", "message": failure if isinstance(failure, str) else "wm_failure"}
        del error["wm_failure"]
        return Stored("failure", jsontext.dumps({"error": error}), labels)
    return Stored("success", text, labels)


def error_text(error: dict[str, Any]) -> str:
    """`{"error": …}` as clean JSON text, whatever is in the error."""
    raw = json.dumps({"error": error}, default=str)
    try:
        return jsontext.clean(raw, max_bytes=len(raw), constants_as_null=True)[0]
    except jsontext.BadJson:
        shown = {"name": "ExecutionErr", "message": str(error.get("message", ""))[:2000]}
        return jsontext.clean(json.dumps({"error": shown}), max_bytes=100_000)[0]


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    kept = [label[:_MAX_LABEL_CHARS] for label in value if isinstance(label, str) and label]
    return tuple(dict.fromkeys(kept))[:_MAX_LABELS]
