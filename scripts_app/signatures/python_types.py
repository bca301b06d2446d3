"""Python annotations → argument types."""

import ast

from scripts_app.signatures.python_source import parse_module
from scripts_app.signatures.types import (
    UNKNOWN,
    ArgType,
    DynSelect,
    ListOf,
    Object,
    Prop,
    Resource,
    Scalar,
    Text,
    clean_text,
)

NAMED: dict[str, ArgType] = {
    "str": Text(),
    "int": Scalar("int"),
    "float": Scalar("float"),
    "bool": Scalar("bool"),
    "bytes": Scalar("bytes"),
    "datetime": Scalar("datetime"),
    "date": Scalar("date"),
    "sql": Scalar("sql"),
    "list": ListOf(Text()),
    "List": ListOf(Text()),
    "dict": Object(),
    "Dict": Object(),
    "S3Object": Resource("s3_object"),
}
ENUM_BASES = frozenset({"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"})
MAX_DEPTH = 24
MAX_CLASSES = 300  # classes that contain each other twice would otherwise double the answer at each level


class TypeReader:
    """Reads annotations of one file, whose classes it knows."""

    def __init__(self, classes: dict[str, ast.ClassDef]) -> None:
        self._classes = classes
        self._expanded = 0

    def read(self, annotation: ast.expr, depth: int = 0) -> tuple[ArgType, bool]:
        """The type and whether it is optional (`Optional[X]`, `X | None`)."""
        if depth > MAX_DEPTH:
            return UNKNOWN, False
        match annotation:
            case ast.Constant(None):
                return UNKNOWN, True
            case ast.Constant(str(text)):
                return self._quoted(text, depth)
            case ast.Name(name) | ast.Attribute(attr=name):
                return self._named(name, depth), False
            case ast.BinOp(op=ast.BitOr()):
                return self._union(_members(annotation), depth)
            case ast.Subscript(ast.Name(name) | ast.Attribute(attr=name), parameter):
                return self._subscript(name, parameter, depth)
            case _:
                return UNKNOWN, False

    def enum_values(self, class_name: str) -> dict[str, str] | None:
        """Member → text of the Enum subclass `class_name`; None if it is no Enum."""
        definition = self._classes.get(class_name)
        if definition is None or not self._inherits(definition, ENUM_BASES):
            return None
        is_text = self._inherits(definition, frozenset({"StrEnum"}))
        values: dict[str, str] = {}
        for statement in definition.body:
            match statement:
                case ast.Assign([ast.Name(member)], ast.Constant(str(text))):
                    values[member] = clean_text(text)
                case ast.Assign([ast.Name(member)], ast.Call(ast.Name("auto") | ast.Attribute(attr="auto"))):
                    if is_text:
                        values[member] = member.lower()
        return values

    def _quoted(self, text: str, depth: int) -> tuple[ArgType, bool]:
        match parse_module(text):
            case ast.Module([ast.Expr(annotation)]):
                return self.read(annotation, depth + 1)
            case _:
                return UNKNOWN, False

    def _named(self, name: str, depth: int) -> ArgType:
        if (values := self.enum_values(name)) is not None:
            return Text(tuple(values.values()) or None)
        if (props := self._fields(name, depth, frozenset())) is not None:
            return Object(name, tuple(Prop(key, typ) for key, typ in props.items()))
        if name in NAMED:
            return NAMED[name]
        if name.startswith("DynSelect_"):
            return DynSelect(name.removeprefix("DynSelect_"))
        if name.startswith("DynMultiselect_"):
            return DynSelect(name.removeprefix("DynMultiselect_"), multiple=True)
        return Resource(name)

    def _subscript(self, name: str, parameter: ast.expr, depth: int) -> tuple[ArgType, bool]:
        parameters = parameter.elts if isinstance(parameter, ast.Tuple) else [parameter]
        match name:
            case "Optional":
                return self.read(parameter, depth + 1)[0], True
            case "Union":
                return self._union(parameters, depth)
            case "Annotated" | "Required" | "NotRequired" | "Final" if parameters:
                return self.read(parameters[0], depth + 1)
            case "list" | "List":
                return ListOf(self.read(parameter, depth + 1)[0]), False
            case "dict" | "Dict" if [_name(one) for one in parameters] == ["str", "Any"]:
                return Object(), False
            case "Literal":
                return _literal(parameters)
            case _:
                return UNKNOWN, False

    def _union(self, members: list[ast.expr], depth: int) -> tuple[ArgType, bool]:
        kept = [one for one in members if not (isinstance(one, ast.Constant) and one.value is None)]
        is_optional = len(kept) < len(members)
        if len(kept) != 1:
            return UNKNOWN, is_optional
        typ, inner_optional = self.read(kept[0], depth + 1)
        return typ, is_optional or inner_optional

    def _fields(self, name: str, depth: int, seen: frozenset[str]) -> dict[str, ArgType] | None:
        """Fields of a pydantic model or dataclass, inherited ones first; None for any other class."""
        definition = self._classes.get(name)
        if definition is None or name in seen or not self._has_fields(definition):
            return None
        self._expanded += 1
        if self._expanded > MAX_CLASSES or depth > MAX_DEPTH:
            return {}
        fields: dict[str, ArgType] = {}
        for base in definition.bases:
            fields |= self._fields(_name(base), depth, seen | {name}) or {}
        for statement in definition.body:
            match statement:
                case ast.AnnAssign(ast.Name(field), annotation) if not _is_class_level(field, annotation):
                    fields[field] = self.read(annotation, depth + 1)[0]
        return fields

    def _has_fields(self, definition: ast.ClassDef) -> bool:
        decorators = (one.func if isinstance(one, ast.Call) else one for one in definition.decorator_list)
        return any(_name(one) == "dataclass" for one in decorators) or self._inherits(
            definition, frozenset({"BaseModel"})
        )

    def _inherits(self, definition: ast.ClassDef, wanted: frozenset[str]) -> bool:
        waiting, seen = [definition], {definition.name}
        while waiting:
            for base in map(_name, waiting.pop().bases):
                if base in wanted:
                    return True
                if base in self._classes and base not in seen:
                    seen.add(base)
                    waiting.append(self._classes[base])
        return False


def _is_class_level(field: str, annotation: ast.expr) -> bool:
    subject = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return field == "model_config" or _name(subject) == "ClassVar"


def _members(union: ast.expr) -> list[ast.expr]:
    """The parts of `a | b | c`, left to right; a loop, as a chain may be thousands long."""
    parts: list[ast.expr] = []
    while isinstance(union, ast.BinOp) and isinstance(union.op, ast.BitOr):
        parts.append(union.right)
        union = union.left
    return [union, *reversed(parts)]


def _literal(parameters: list[ast.expr]) -> tuple[ArgType, bool]:
    values = [one.value for one in parameters if isinstance(one, ast.Constant)]
    is_optional = None in values
    texts = [clean_text(value) for value in values if isinstance(value, str)]
    only_texts = len(texts) == len(parameters) - values.count(None)
    return Text(tuple(texts) if only_texts and texts else None), is_optional


def _name(expression: ast.expr) -> str:
    match expression:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
