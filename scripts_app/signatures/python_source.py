"""Python source text → its top-level definitions, also while the rest of the file is being typed."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from scripts_app.signatures.types import Invalid, clean_text

type Function = ast.FunctionDef | ast.AsyncFunctionDef

FILENAME = "<script>"

STRINGS = r"""
    \#[^\n]*
    | \"\"\" [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* (?: \"\"\" | \Z )
    | ''' [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* (?: ''' | \Z )
    | " (?: \\. | [^"\\\n] )* "?
    | ' (?: \\. | [^'\\\n] )* '?
"""
# Starts of top-level statements; comments and strings are matched first, so nothing inside them counts.
TOP_LEVEL = re.compile(
    STRINGS
    + r"""
    | (?P<decorator> ^@ )
    | (?P<definition> ^(?: class | (?: async [ \t]+ )? def )\b [ \t]* (?P<name> \w* ) )
    | (?P<other> ^[^\s)\]}] )""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
BRACKETS = re.compile(
    STRINGS + r"| (?P<open> [(\[{] ) | (?P<close> [)\]}] ) | (?P<end> [:\n] )", re.VERBOSE | re.DOTALL
)
DOCSTRING = re.compile(
    r"""(?: \s | \#[^\n]*\n )* (?P<text> [rRuU]? (?: \"\"\" .*? \"\"\" | ''' .*? ''' | "[^"\n]*" | '[^'\n]*' ) )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Definitions:
    """Top-level functions and classes; of several with one name the first function and the last class."""

    functions: dict[str, Function]
    classes: dict[str, ast.ClassDef]


def parse_module(code: str) -> ast.Module | Invalid:
    """The whole file as a tree, or where it does not parse. Never raises, whatever the text."""
    try:
        with warnings.catch_warnings():
            # A "\d" in somebody's script is no warning of ours, and no error where warnings are errors.
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(clean_text(code), filename=FILENAME)
    except SyntaxError as error:
        return invalid_at(error.msg, error.lineno, error.offset)
    except (RecursionError, MemoryError):
        return Invalid("The script is nested too deep to be read. Split the long expression into several.")
    except ValueError as error:
        return Invalid(f"The script cannot be read as Python: {error}")


def invalid_at(message: str, line: int | None, column: int | None, *, line_offset: int = 0) -> Invalid:
    place_line, place_column = max(line or 1, 1) + line_offset, max(column or 1, 1)
    return Invalid(f"line {place_line}, column {place_column}: {message}", place_line, place_column)


def read_definitions(code: str, entrypoint: str) -> Definitions | Invalid:
    """The definitions at the top level of `code`.

    Where the file does not parse, each definition is read alone, and of the entry point only the head
    has to be right: its body, and the rest of the file, may be half typed.
    """
    module = parse_module(code)
    if isinstance(module, ast.Module):
        return _collect(module.body)
    text = clean_text(code)
    statements: list[ast.stmt] = []
    awaited = {entrypoint, "preprocessor"}  # other functions say nothing about the form
    for chunk in _chunks(text):
        if chunk.is_function and chunk.name not in awaited:
            continue
        part = parse_module(chunk.text)
        if chunk.is_function:
            awaited.remove(chunk.name)
            part = _read_head(text, chunk) if isinstance(part, Invalid) else part
            if chunk.name == entrypoint and not isinstance(part, ast.Module):
                return part or module
        if isinstance(part, ast.Module):
            statements += part.body
    return module if entrypoint in awaited else _collect(statements)


def _collect(statements: list[ast.stmt]) -> Definitions:
    functions: dict[str, Function] = {}
    classes: dict[str, ast.ClassDef] = {}
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.setdefault(statement.name, statement)
        elif isinstance(statement, ast.ClassDef):
            classes[statement.name] = statement
    return Definitions(functions, classes)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One top-level definition with its decorators, up to the next statement at column 0."""

    name: str
    is_function: bool
    head_at: int
    text: str


def _chunks(text: str) -> Iterator[_Chunk]:
    start: int | None = None
    current: re.Match[str] | None = None
    for found in TOP_LEVEL.finditer(text):
        if found.lastgroup is None:  # a comment or a string
            continue
        if current is not None:
            yield _chunk(text, start, current, found.start())
            start, current = None, None
        if found["decorator"]:
            start = found.start() if start is None else start
        elif found["definition"]:
            start, current = found.start() if start is None else start, found
        else:
            start = None
    if current is not None:
        yield _chunk(text, start, current, len(text))


def _chunk(text: str, start: int | None, found: re.Match[str], end: int) -> _Chunk:
    begin = found.start() if start is None else start
    return _Chunk(found["name"], not found["definition"].startswith("class"), found.start(), text[begin:end])


def _read_head(text: str, chunk: _Chunk) -> ast.Module | Invalid | None:
    """`def name(…) -> type:` alone, with its docstring as the body; None where it does not end."""
    if not chunk.is_function:
        return None
    depth = 0
    for found in BRACKETS.finditer(text, chunk.head_at):
        if found["open"]:
            depth += 1
        elif found["close"]:
            depth -= 1
        elif found["end"] and depth <= 0:
            return _parse_head(text, chunk.head_at, found.end())
    return None


def _parse_head(text: str, start: int, end: int) -> ast.Module | Invalid:
    documented = DOCSTRING.match(text, end)
    body = documented["text"] if documented else "pass"
    module = parse_module(f"{text[start:end]} {body}")
    if isinstance(module, Invalid) and documented:
        module = parse_module(f"{text[start:end]} pass")
    if isinstance(module, ast.Module):
        return module
    _, _, message = module.error.partition(": ")
    return invalid_at(message or module.error, module.line, module.column, line_offset=text.count("\n", 0, start))
