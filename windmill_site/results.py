"""Which picture a job's result gets, by its JSON shape. Pure."""

import json
from base64 import b64encode
from dataclasses import dataclass
from itertools import islice
from typing import Any

from markdown_it import MarkdownIt
from nh3 import clean

LARGE = 100_000  # characters of JSON; above it only pictures, files and the tree are drawn
MAX_ROWS = 200
MAX_COLUMNS = 50
IMAGES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Table:
    """Cells as text; `hidden` rows are not shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    hidden: int = 0


@dataclass(frozen=True)
class Result:
    """How to show a value: `kind` is plain, json, table, markdown, image, html, file or error."""

    kind: str
    value: Any
    text: str = ""
    table: Table | None = None
    name: str = ""


def shape(value: Any, *, is_large: bool = False) -> Result:
    """The way to show `value`. A large one is looked at only for pictures, files and errors."""
    forced = value.get("wm_renderer") if isinstance(value, dict) else None
    if forced in ("json", "plain"):
        return Result("json", value) if forced == "json" else _plain(value)
    found = _single_key(value) if isinstance(value, dict) else None
    if found:
        return found
    if isinstance(value, str) and not is_large:
        return Result("plain", value, text=value)
    if not is_large and (table := as_table(value)):
        return Result("table", value, table=table)
    return Result("json", value)


def _plain(value: dict[str, Any]) -> Result:
    rest = {key: item for key, item in value.items() if key != "wm_renderer"}
    only = next(iter(rest.values()), "")
    return Result("plain", value, text=only if len(rest) == 1 and isinstance(only, str) else json.dumps(rest, indent=2))


def _single_key(value: dict[str, Any]) -> Result | None:
    for key, inner in value.items():
        text = inner.get("content") if isinstance(inner, dict) else inner
        if key == "error" and isinstance(inner, dict) and "message" in inner:
            return Result("error", value, text=str(inner.get("stack") or ""), name=str(inner.get("name") or "Error"))
        if not isinstance(text, str):
            continue
        if key in ("md", "markdown") and len(value) == 1:
            return Result("markdown", value, text=markdown_html(text))
        if key == "html" and len(value) == 1:
            return Result("html", value, text=text)
        if key in IMAGES:
            drawn = b64encode(text.encode()).decode() if text.lstrip().startswith("<") else text  # svg comes as source
            data = drawn.removeprefix(f"data:{IMAGES[key]};base64,")
            return Result("image", value, text=f"data:{IMAGES[key]};base64,{data}")
        if key == "file":
            return Result("file", value, text=text, name=str(value.get("filename") or "result"))
    return None


def markdown_html(text: str) -> str:
    """Markdown as HTML without anything that runs, whatever was written."""
    return clean(MarkdownIt("commonmark").enable("table").render(text))


def as_table(value: Any) -> Table | None:
    """Rows and columns of a list of objects, a list of lists, or an object of lists; None when it is no table."""
    if isinstance(value, dict):
        for key in ("table-row", "table-row-object", "table-col"):
            if key in value:
                return as_table(value[key])
        return _of_columns(value)
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(row, dict) and row for row in value):
        return _of_objects(value)
    if len(value) > 1 and all(isinstance(row, list) and row for row in value):
        return _of_lists(value)
    return None


def _of_objects(rows: list[dict[str, Any]]) -> Table | None:
    columns = tuple(dict.fromkeys(key for row in islice(rows, MAX_ROWS) for key in row))
    if len(columns) > MAX_COLUMNS:
        return None
    cells = tuple(tuple(cell(row.get(column)) for column in columns) for row in rows[:MAX_ROWS])
    return Table(columns, cells, hidden=max(0, len(rows) - MAX_ROWS))


def _of_lists(rows: list[list[Any]]) -> Table:
    headed = all(isinstance(item, str) for item in rows[0])
    width = min(MAX_COLUMNS, max(len(row) for row in rows[:MAX_ROWS]))
    columns = tuple(rows[0][:width]) if headed else tuple(str(number) for number in range(1, width + 1))
    body = rows[1:] if headed else rows
    cells = tuple(tuple(cell(item) for item in row[:width]) for row in body[:MAX_ROWS])
    return Table(columns, cells, hidden=max(0, len(body) - MAX_ROWS))


def _of_columns(value: dict[str, Any]) -> Table | None:
    lists = list(value.values())
    if not lists or len(lists) > MAX_COLUMNS or not all(isinstance(one, list) for one in lists):
        return None
    height = max(len(one) for one in lists)
    if not height:
        return None
    cells = tuple(
        tuple(cell(one[row]) if row < len(one) else "" for one in lists) for row in range(min(height, MAX_ROWS))
    )
    return Table(tuple(value), cells, hidden=max(0, height - MAX_ROWS))


def cell(value: Any) -> str:
    """One value in a table's cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
