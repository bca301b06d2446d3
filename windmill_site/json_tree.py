"""A JSON value as a tree of <details>, escaped, in bounded size: 200 items a level, the rest behind "more"."""

import json
from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

PER_LEVEL = 200
MAX_NODES = 3000
MAX_DEPTH = 40
MAX_TEXT = 5000
OPEN_DEPTH = 2
OPEN_ITEMS = 50


class _Budget:
    """How many nodes may still be written."""

    def __init__(self) -> None:
        self.left = MAX_NODES

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def render(value: Any, more_url: str = "") -> SafeString:
    """HTML of a whole value. With `more_url`, levels that are cut get a button for `<more_url>?at=<path>&from=<n>`."""
    return SafeString("".join(_node(None, value, [], 0, more_url, _Budget())))


def render_more(value: Any, path: list[str | int], start: int, more_url: str = "") -> SafeString:
    """HTML of the items of `value` at `path` from `start` on: the answer to a "more" button; "" if nothing is there."""
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return SafeString("")
    return SafeString("".join(_kids(value, path, len(path), more_url, _Budget(), start)))


def _node(
    key: str | int | None, value: Any, path: list[str | int], depth: int, more_url: str, budget: _Budget
) -> Iterator[str]:
    label = "" if key is None else f'<span class="k">{escape(str(key))}</span>'
    if not isinstance(value, dict | list) or not value:
        yield f'<div class="json-leaf">{label}{_leaf(value)}</div>'
        return
    if depth >= MAX_DEPTH:
        yield f'<div class="json-leaf">{label}<span class="cut">{_("nested too deeply to show")}</span></div>'
        return
    opened = " open" if depth < OPEN_DEPTH and len(value) <= OPEN_ITEMS else ""
    yield f'<details{opened}><summary>{label}<span class="count">{_count(value)}</span></summary>'
    yield '<div class="json-kids">'
    yield from _kids(value, path, depth, more_url, budget, 0)
    yield "</div></details>"


def _kids(
    value: Any, path: list[str | int], depth: int, more_url: str, budget: _Budget, start: int
) -> Iterator[str]:  # fmt: skip
    if not isinstance(value, dict | list):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    shown = start
    for key, item in islice(items, start, start + PER_LEVEL):
        if not budget.spend():
            break
        yield from _node(key, item, [*path, key], depth + 1, more_url, budget)
        shown += 1
    if shown < len(value):
        yield _more(len(value) - shown, path, shown, more_url)


def _more(count: int, path: list[str | int], start: int, more_url: str) -> str:
    text = escape(_("%(count)s more") % {"count": f"{count:,}"})
    if not more_url:
        return f'<div class="json-leaf count">{text}</div>'
    url = escape(f"{more_url}?{urlencode({'at': json.dumps(path), 'from': start})}")
    return f'<button class="btn sm more" type="button" hx-get="{url}" hx-swap="outerHTML">{text}</button>'


def _count(value: dict[str, Any] | list[Any]) -> str:
    count = len(value)
    if isinstance(value, dict):
        return "{ } " + ngettext("%(count)s key", "%(count)s keys", count) % {"count": f"{count:,}"}
    return "[ ] " + ngettext("%(count)s item", "%(count)s items", count) % {"count": f"{count:,}"}


def _leaf(value: Any) -> str:
    match value:
        case str():
            cut = len(value) - MAX_TEXT
            shown = escape(json.dumps(value[:MAX_TEXT], ensure_ascii=False))
            rest = (
                f'<span class="cut"> {escape(_("%(count)s more characters") % {"count": f"{cut:,}"})}</span>'
                if cut > 0
                else ""
            )
            return f'<span class="s">{shown}</span>{rest}'
        case bool() | None:
            return f'<span class="b">{json.dumps(value)}</span>'
        case dict():
            return '<span class="count">{ }</span>'
        case list():
            return '<span class="count">[ ]</span>'
        case _:
            return f'<span class="n">{escape(json.dumps(value))}</span>'
