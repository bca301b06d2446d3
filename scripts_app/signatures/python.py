"""Python: the first top-level function with the entry point's name, read without running anything."""

import ast

from scripts_app.signatures.docstring import read_docstring
from scripts_app.signatures.python_defaults import CALL, read_default, type_of_default
from scripts_app.signatures.python_source import Function, read_definitions
from scripts_app.signatures.python_types import TypeReader
from scripts_app.signatures.types import UNKNOWN, Arg, Invalid, Signature, clean_text


def parse_python(code: str, entrypoint: str) -> Signature | Invalid:
    """The signature of `entrypoint`; a library when there is none.

    The body need not parse, the head must. `*args`, keyword-only and `**kwargs` parameters are no
    fields of the form. The docstring describes the form and its arguments.
    """
    definitions = read_definitions(code, entrypoint)
    if isinstance(definitions, Invalid):
        return definitions
    has_preprocessor = "preprocessor" in definitions.functions
    function = definitions.functions.get(entrypoint)
    if function is None:
        return Signature(auto_kind="lib", has_preprocessor=has_preprocessor)
    documented = read_docstring(clean_text(ast.get_docstring(function) or ""))
    return Signature(
        args=tuple(_args(function, TypeReader(definitions.classes), documented.args)),
        star_args=function.args.vararg is not None,
        star_kwargs=function.args.kwarg is not None,
        has_preprocessor=has_preprocessor,
        description=documented.summary,
    )


def _args(function: Function, reader: TypeReader, described: dict[str, str]) -> list[Arg]:
    parameters = function.args.posonlyargs + function.args.args
    defaults = [None] * (len(parameters) - len(function.args.defaults)) + function.args.defaults
    return [
        _arg(parameter, default, reader, described.get(parameter.arg, ""))
        for parameter, default in zip(parameters, defaults, strict=True)
    ]


def _arg(parameter: ast.arg, default: ast.expr | None, reader: TypeReader, description: str) -> Arg:
    typ, is_optional = (UNKNOWN, False) if parameter.annotation is None else reader.read(parameter.annotation)
    value, has_default = (None, False) if default is None else read_default(default, reader)
    if parameter.annotation is None and value != CALL:
        typ = type_of_default(value)
    return Arg(parameter.arg, typ, value, has_default or is_optional, description=description)
