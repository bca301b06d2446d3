"""A posted form → arguments as JSON values, and messages where they do not fit."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Protocol

from django.utils.translation import gettext as _

from scripts_app.forms import names
from scripts_app.forms.kinds import KINDS, item_schema, kind_of

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Upload(Protocol):
    """An uploaded file."""

    def read(self) -> bytes: ...


_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)|\\[1-9]|\(\?P=")
_OPEN = re.compile(r"[*+]|\{\d*,")


class Missing(Exception):
    """Nothing was entered and the argument may be left out."""


class Unfit(ValueError):
    """What was entered does not fit; the message is for the person."""


@dataclass(frozen=True)
class _Posted:
    values: Mapping[str, Sequence[str]]
    files: Mapping[str, Upload]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return next(iter(self.values.get(name) or ()), "")


def decode(
    schema: Mapping[str, Any], post: names.Post, files: Mapping[str, Upload] | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Arguments by name, and messages by path ("user.email", "tags.0"); no message means the arguments may run.

    An optional argument that was left empty is left out, so that the script's own default holds.
    """
    posted = _Posted(names.as_lists(post), files or {})
    return _object(posted, names.ROOT, schema), posted.errors


def _object(posted: _Posted, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    required = set(schema.get("required") or ())
    found: dict[str, Any] = {}
    for key, member in (schema.get("properties") or {}).items():
        try:
            found[key] = _value(posted, names.child(name, key), member, required=key in required)
        except Missing:
            continue
    return found


def _value(posted: _Posted, name: str, schema: Mapping[str, Any], *, required: bool) -> Any:
    """The value under `name`. Notes a message and raises Missing when it does not fit."""
    written = posted.text(f"{name}:kind")
    kind = written if written in KINDS else kind_of(schema)
    try:
        match kind:
            case "object":
                return _object(posted, name, schema)
            case "list":
                return _list(posted, name, schema)
            case "many":
                return _many(posted, name, schema)
            case "boolean":
                return _boolean(posted, name)
            case "file":
                return _file(posted, name, schema, required=required)
            case _:
                return _checked(_entered(posted, name, kind, schema, required=required), schema)
    except Unfit as unfit:
        posted.errors[names.path_of(name)] = str(unfit)
        raise Missing from unfit


def _entered(posted: _Posted, name: str, kind: str, schema: Mapping[str, Any], *, required: bool) -> Any:
    text = posted.text(name)
    if not text.strip():
        return _nothing(text, kind, schema, required=required)
    match kind:
        case "json":
            return _json(text)
        case "number":
            return _number(text.strip(), whole=schema.get("type") == "integer")
        case "choice":
            return _choice(text, schema)
        case "resource":
            path = text.strip().removeprefix("$res:")
            return f"$res:{path}"
        case "date":
            return _moment(text.strip(), date.fromisoformat, _("a date like 2026-11-21"))
        case "time":
            return _moment(text.strip(), time.fromisoformat, _("a time like 14:30"))
        case "datetime":
            moment = _moment(text.strip(), datetime.fromisoformat, _("a date and time like 2026-11-21T14:30"))
            zoned = schema.get("format") == "naive-date-time" or re.search(r"(Z|[+-]\d\d:?\d\d)$", moment)
            return moment if zoned else f"{moment}Z"
        case "email" if not EMAIL.fullmatch(text.strip()):
            raise Unfit(_("This is not an e-mail address. Write it like ana@example.com."))
        case "email" | "url":
            return text.strip()
        case _:
            return text.replace("\r\n", "\n")


def _nothing(text: str, kind: str, schema: Mapping[str, Any], *, required: bool) -> Any:
    """An empty control: null, an empty string that was meant, left out, or a message."""
    if schema.get("nullable"):
        return None
    is_text = kind in ("text", "password", "code") and schema.get("type") == "string"
    if is_text and (text or schema.get("default")):
        return text  # cleared on purpose: the form came with the default in it
    if required:
        raise Unfit(_("This is required. Enter a value."))
    raise Missing


def _checked(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value, if the schema's limits allow it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = (schema.get(key, schema.get(f"{key}imum")) for key in ("min", "max"))
        if isinstance(low, int | float) and value < low:
            raise Unfit(_("This is too small. Enter %(limit)s or more.") % {"limit": low})
        if isinstance(high, int | float) and value > high:
            raise Unfit(_("This is too large. Enter %(limit)s or less.") % {"limit": high})
    pattern = schema.get("pattern")
    if isinstance(value, str) and pattern and not _matches(str(pattern), value):
        own = schema.get("customErrorMessage")
        raise Unfit(str(own) if own else _("This does not fit the pattern %(pattern)s.") % {"pattern": pattern})
    return value


def _matches(pattern: str, value: str) -> bool:
    """Does the author's pattern fit? One that could take long is left to the browser, which has checked it as well."""
    if not _is_quick(pattern, value):
        return True
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True  # a pattern of another dialect; the browser knows it, Python does not


def _is_quick(pattern: str, value: str) -> bool:
    """No repeated group, no back-reference, few repetitions: `(a+)+$` holds this process for hours over 40 characters.

    >>> _is_quick(r"^[^@]+@[^@]+[.][a-z]{2,}$", "a@b.cd"), _is_quick(r"^(a+)+$", "a" * 40)
    (True, False)
    """
    bare = _CLASS.sub("c", re.sub(r"\\[^1-9]", "e", pattern))
    return len(value) <= 300 and len(bare) <= 300 and not _REPEATED_GROUP.search(bare) and len(_OPEN.findall(bare)) <= 3


def _number(text: str, *, whole: bool) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        raise Unfit(_("This is not a number. Write it like %(like)s.") % {"like": "42" if whole else "3.14"}) from None
    if not math.isfinite(number):
        raise Unfit(_("Infinity and NaN cannot be sent. Enter a finite number."))
    if whole and not number.is_integer():
        raise Unfit(_("This must be a whole number, like 42."))
    return int(number) if whole else number


def _choice(text: str, schema: Mapping[str, Any]) -> Any:
    choices = schema.get("enum") or ()
    for choice in choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)):
            return choice
    if choices and schema.get("disableCreate", True):
        shown = ", ".join(str(choice) for choice in choices)
        raise Unfit(_("This is not one of the choices. Choose one of: %(choices)s.") % {"choices": shown})
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unfit(_("This JSON is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        raise Unfit(
            _("This is not JSON: %(what)s at line %(line)d, column %(column)d. Put text in double quotes.")
            % {"what": error.msg, "line": error.lineno, "column": error.colno}
        ) from None


def _no_constant(name: str) -> Any:
    raise Unfit(_("%(name)s is not JSON. Use a number or null.") % {"name": name})


def _moment(text: str, parse: Any, like: str) -> str:
    try:
        parse(text)
    except ValueError:
        raise Unfit(_("This cannot be read. Enter %(like)s.") % {"like": like}) from None
    return text


def _list(posted: _Posted, name: str, schema: Mapping[str, Any]) -> list[Any]:
    items = item_schema(schema)
    found = []
    for key in names.row_keys(posted.values, name):
        try:
            found.append(_value(posted, f"{name}.{key}", items, required=items.get("type") != "string"))
        except Missing:
            # An empty row of text is an empty text; any other one has its message already.
            if f"{names.path_of(name)}.{key}" not in posted.errors:
                found.append("")
    if schema.get("nonEmpty") and not found:
        raise Unfit(_("This needs at least one entry. Add one."))
    return found


def _many(posted: _Posted, name: str, schema: Mapping[str, Any]) -> list[Any]:
    choices = {"enum": item_schema(schema).get("enum") or schema.get("enum") or ()}
    return [_choice(text, choices) for text in posted.values.get(name) or () if text]


def _boolean(posted: _Posted, name: str) -> bool:
    if name not in posted.values and f"{name}:kind" not in posted.values:
        raise Missing  # the form did not show it
    return posted.text(name).lower() in ("on", "true", "1")


def _file(posted: _Posted, name: str, schema: Mapping[str, Any], *, required: bool) -> str:
    upload = posted.files.get(f"{name}:file")
    if upload is not None:
        return base64.b64encode(upload.read()).decode("ascii")
    kept = posted.text(name)
    return kept or _nothing("", "file", schema, required=required)
