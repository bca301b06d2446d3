"""From the JSON arguments of a job to a call of its entry point (rules of Windmill's Python wrapper)."""

import base64
import datetime
import inspect
from collections.abc import Callable
from typing import Any

_DATE_FORMATS = ("%d-%m-%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d")
_FUNCTION_CALL = "<function call>"  # what the signature shows for a computed default
_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NO_DEFAULT = inspect.Parameter.empty


def bind(function: Callable, given: "dict[str, Any]") -> "tuple[list[Any], dict[str, Any]]":
    """(positional, named) for the call.

    Absent or null with a default: the default applies. Absent without one: None. Surplus keys are dropped unless
    the function takes **kwargs. Text becomes bytes, datetime or date where the annotation says so.
    """
    parameters = _signature(function).parameters.values()
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in _VARIADIC:
            continue
        value = given.get(parameter.name)
        if value is None or value == _FUNCTION_CALL:
            if parameter.default is not _NO_DEFAULT:
                value = parameter.default
            elif value is not None:
                value = None
        else:
            value = _convert(value, parameter.annotation)
        if parameter.kind is _POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[parameter.name] = value
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        named.update((key, value) for key, value in given.items() if key not in _names(parameters))
    return positional, named


def _signature(function: Callable) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except NameError:  # Python 3.14 looks at annotations only now; a name of a resource type need not exist
        import annotationlib  # type: ignore[import-not-found]

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)  # type: ignore[call-arg]


def _names(parameters: Any) -> "set[str]":
    return {parameter.name for parameter in parameters if parameter.kind not in _VARIADIC}


def _convert(value: Any, annotation: Any) -> Any:
    if not isinstance(value, str) or annotation is _NO_DEFAULT or annotation is str:
        return value
    wanted = _name_of(annotation)
    if wanted == "bytes":
        return base64.b64decode(value)
    if wanted == "datetime":
        return datetime.datetime.fromisoformat(value)
    if wanted == "date":
        return _parse_date(value)
    return value


def _name_of(annotation: Any) -> str:
    """The plain name of an annotation: of a class, of its text (postponed annotations), of the one type in X | None."""
    if isinstance(annotation, type):
        return annotation.__name__
    if isinstance(annotation, str):
        text = annotation.replace("Optional[", "").replace("]", "")
        names = [name.strip() for name in text.split("|") if name.strip() not in ("None", "")]
        return names[0].rpartition(".")[2] if len(names) == 1 else ""
    members = [member for member in getattr(annotation, "__args__", ()) if member is not type(None)]
    is_optional = type(None) in getattr(annotation, "__args__", ())
    return _name_of(members[0]) if is_optional and len(members) == 1 else ""


def _parse_date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        pass
    for pattern in _DATE_FORMATS:
        try:
            return datetime.datetime.strptime(text, pattern).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date. Write it as YYYY-MM-DD.")
