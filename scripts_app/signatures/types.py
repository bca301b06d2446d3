"""What a script asks for: its arguments and their types, as values without behaviour."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

type Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

type ScalarName = Literal["int", "float", "bool", "bytes", "datetime", "date", "email", "sql", "unknown"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts. `unknown` accepts anything."""

    name: ScalarName

    def to_json(self) -> Json:
        return self.name


@dataclass(frozen=True, slots=True)
class Text:
    """A string; with `variants`, one of these."""

    variants: tuple[str, ...] | None = None

    def to_json(self) -> Json:
        return {"str": None if self.variants is None else list(self.variants)}


@dataclass(frozen=True, slots=True)
class ListOf:
    item: "ArgType"

    def to_json(self) -> Json:
        return {"list": self.item.to_json()}


@dataclass(frozen=True, slots=True)
class Prop:
    key: str
    typ: "ArgType"

    def to_json(self) -> Json:
        return {"key": self.key, "typ": self.typ.to_json()}


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object; `name` is the class or declared type it came from."""

    name: str | None = None
    props: tuple[Prop, ...] = ()

    def to_json(self) -> Json:
        return {"object": {"name": self.name, "props": [prop.to_json() for prop in self.props]}}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of this resource type."""

    name: str

    def to_json(self) -> Json:
        return {"resource": self.name}


@dataclass(frozen=True, slots=True)
class DynSelect:
    """A choice whose options come from the function `name` of the same script."""

    name: str
    multiple: bool = False

    def to_json(self) -> Json:
        return {"dynmultiselect" if self.multiple else "dynselect": self.name}


@dataclass(frozen=True, slots=True)
class Variant:
    label: str
    props: tuple[Prop, ...]

    def to_json(self) -> Json:
        return {"label": self.label, "properties": [prop.to_json() for prop in self.props]}


@dataclass(frozen=True, slots=True)
class OneOf:
    variants: tuple[Variant, ...]

    def to_json(self) -> Json:
        return {"oneof": [variant.to_json() for variant in self.variants]}


type ArgType = Scalar | Text | ListOf | Object | Resource | DynSelect | OneOf

UNKNOWN = Scalar("unknown")

UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument. `otyp` is the type as written, `oidx` the placeholder's number in SQL.

    `description` comes from the docstring and is no part of the parser answer.
    """

    name: str
    typ: ArgType = UNKNOWN
    default: Json = None
    has_default: bool = False
    otyp: str | None = None
    oidx: int | None = None
    description: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "otyp": self.otyp,
            "typ": self.typ.to_json(),
            "default": self.default,
            "has_default": self.has_default,
            "oidx": self.oidx,
        }


@dataclass(frozen=True, slots=True)
class Signature:
    """What the entry point of a script takes, in the order it takes it.

    `auto_kind` is "lib" where there is no entry point. `has_preprocessor` is None in languages that
    have none. `no_main_func` set means the language answers it in place of `auto_kind`.
    """

    args: tuple[Arg, ...] = ()
    star_args: bool = False
    star_kwargs: bool = False
    auto_kind: str | None = None
    has_preprocessor: bool | None = None
    no_main_func: bool | None = None
    description: str = ""

    @property
    def is_library(self) -> bool:
        return self.auto_kind == "lib" or self.no_main_func is True

    def to_json(self) -> dict[str, Json]:
        """The parser answer, as clients of the API know it."""
        head: dict[str, Json] = {
            "star_args": self.star_args,
            "star_kwargs": self.star_kwargs,
            "args": [arg.to_json() for arg in self.args],
        }
        kind: dict[str, Json] = (
            {"auto_kind": self.auto_kind} if self.no_main_func is None else {"no_main_func": self.no_main_func}
        )
        return head | kind | {"has_preprocessor": self.has_preprocessor}

    def to_json_schema(self, prior: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The form's JSON schema; over `prior`, what the user customised there is kept."""
        from scripts_app.signatures.schema import schema_of  # circular: the schema is made of these types

        return schema_of(self, prior)


@dataclass(frozen=True, slots=True)
class Invalid:
    """The source does not parse. `error` names the place; `line` and `column` count from 1."""

    error: str
    line: int = 1
    column: int = 1

    def to_json(self) -> dict[str, Json]:
        return {"type": "Invalid", "error": self.error}


def clean_text(text: str) -> str:
    """`text` as every JSON column takes it: NUL and lone surrogates become U+FFFD."""
    return UNSTORABLE.sub("\ufffd", text)
