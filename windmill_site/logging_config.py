"""How the log looks: `time level event key=value …`, or one JSON object a line with JSON_FMT."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def make(*, json: bool, debug: bool) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, libraries from warning on, ours from info on."""
    formatter = "JsonLines" if json else "Lines"
    level = "DEBUG" if debug else "INFO"
    ours = ("windmill_site", "workspaces", "vault", "workers", "scripts_app", "flows_app", "triggers", "apps_builder")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": f"windmill_site.logging_config.{formatter}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {name: {"level": level} for name in ours} | {"django-q": {"level": "WARNING"}},
    }


class Lines(logging.Formatter):
    """`2030-01-31T08:00:00.123Z info job.completed took_ms=41`"""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_instant(record)} {record.levelname.lower()} {record.getMessage()}"
        shown = [f"{key}={json.dumps(value, default=str)}" for key, value in _fields(record).items()]
        return "\n".join([" ".join([head, *shown]), *_traceback(self, record)])


class JsonLines(logging.Formatter):
    """The same as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _instant(record), "level": record.levelname.lower(), "logger": record.name}
        line |= {"event": record.getMessage()} | _fields(record)
        traceback = _traceback(self, record)
        return json.dumps(line | ({"traceback": traceback[0]} if traceback else {}), default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        key: value
        for key, value in vars(record).items()
        # Django hands over the request object, whose text would carry the query string
        if key not in _OWN and key not in ("request", "server_time")
    }


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return [formatter.formatException(record.exc_info)] if record.exc_info else []


def _instant(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
