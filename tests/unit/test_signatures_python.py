"""Python signatures beyond the case table: half-typed code, places of errors, docstrings, odd types."""

import warnings

import pytest

from scripts_app.signatures import Invalid, Signature, answer, parse


def args_of(code: str, entrypoint: str = "main") -> dict[str, object]:
    signature = parse("python3", code, entrypoint)
    assert isinstance(signature, Signature), signature
    return {arg.name: arg.typ.to_json() for arg in signature.args}


def arg_of(code: str):
    return parse("python3", code).args[0]


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("def main(a: int b: str):\n    return a\n", 1, 13),
        ("x = 1\n\n\ndef main(a: int b: str):\n    return [\n", 4, 13),
        ("def helper():\n    pass\n\ndef main(a: int,\n", 4, 9),
        ("import os\nx = = 1\n", 2, 5),
        ("def main(a)\n    return a\n", 1, 12),
    ],
)
def test_broken_signature_names_line_and_column(code, line, column):
    found = parse("python3", code)
    assert isinstance(found, Invalid)
    assert (found.line, found.column) == (line, column)
    assert found.error.startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize(
    "code",
    [
        "def main(a: int):\n    return [1, 2\n",
        "def main(a: int):\n    if a\n",
        "x = = 1\ndef main(a: int):\n    return a\n",
        "def helper():\n    return (1,\n\ndef main(a: int):\n    return a\n",
        "def main(\n    a: int,  # a ) in a comment\n) -> dict[str, int]:\n  return {\n",
        "class X:\n  y: = 3\n\ndef main(a: int):\n    return a",
        "@task(\n  retries=3)\nasync def main(a: int):\n  return (",
        'S = """\ndef main(no: str):\n"""\ndef main(a: int):\n    return (',
        "def main(a: int): return [",
    ],
)
def test_only_the_head_of_main_must_parse(code):
    assert args_of(code) == {"a": "int"}


def test_classes_are_known_while_the_body_is_broken():
    code = "from enum import Enum\nclass C(Enum):\n    A = 'a'\n\ndef main(c: C):\n    return ["
    assert args_of(code) == {"c": {"str": ["a"]}}


def test_preprocessor_is_seen_while_the_body_is_broken():
    found = parse("python3", "def preprocessor(event):\n    return {\n\ndef main(a):\n    return a")
    assert found.has_preprocessor is True


def test_other_entry_point():
    code = "def city(country: str):\n    return []\n\ndef main(a: int):\n    pass"
    assert args_of(code, "city") == {"country": {"str": None}}
    assert parse("python3", code, "nothing").is_library


def test_unknown_language_lists_the_known_ones():
    assert "python3" in parse("cobol", "").error


def test_invalid_source_leaves_the_form_as_it_is():
    schema = answer("python3", "def main(a: int): ...")["schema"]
    assert answer("python3", "def main(a: int, b", schema)["schema"] == schema


@pytest.mark.parametrize(
    ("annotation", "typ", "is_required"),
    [
        ("Annotated[int, 'x']", "int", True),
        ("'int | None'", "int", False),
        ("Union[None, str]", {"str": None}, False),
        ("Optional[Union[int, str]]", "unknown", False),
        ("Literal['a', None]", {"str": ["a"]}, False),
        ("Literal[1, 2]", {"str": None}, True),
        ("datetime.datetime", "datetime", True),
        ("datetime.date", "date", True),
        ("DynMultiselect_city", {"dynmultiselect": "city"}, True),
        ("set[int]", "unknown", True),
        ("tuple", {"resource": "tuple"}, True),
        ("List['Literal[\"x\"]']", {"list": {"str": ["x"]}}, True),
    ],
)
def test_annotations(annotation, typ, is_required):
    arg = arg_of(f"def main(a: {annotation}): ...")
    assert arg.typ.to_json() == typ
    assert arg.has_default is not is_required


@pytest.mark.parametrize(
    ("default", "value", "has_default"),
    [
        ("[-1, 2.5]", [-1, 2.5], True),
        ("[f()]", None, True),
        ("{'a': {1: 2}}", None, True),
        ("1e999", None, True),
        ("0x" + "f" * 5000, None, True),
        ("b'hi'", "aGk=", True),
        ("'a\\0\\ud800'", "a\ufffd\ufffd", True),
        ("-1", None, False),
        ("...", None, False),
    ],
)
def test_defaults(default, value, has_default):
    arg = arg_of(f"def main(a: list = {default}): ...")
    assert (arg.default, arg.has_default) == (value, has_default)


def test_models_inherit_fields_and_may_contain_themselves():
    code = """
from pydantic import BaseModel
class Base(BaseModel):
    id: int
    model_config: dict = {}
class Node(Base):
    LIMIT: ClassVar[int] = 3
    next: "Node | None" = None
def main(node: Node): ...
"""
    props = args_of(code)["node"]["object"]["props"]
    assert [prop["key"] for prop in props] == ["id", "next"]


def test_classes_that_double_at_each_level_stay_small():
    classes = "".join(f"@dataclass\nclass C{n}:\n    a: C{n + 1}\n    b: C{n + 1}\n" for n in range(40))
    found = parse("python3", classes + "def main(c: C0): ...")
    assert len(str(found.to_json())) < 100_000


def test_invalid_escapes_are_no_warning_of_ours():
    with warnings.catch_warnings(record=True) as caught:
        assert args_of("def main(a: int):\n    return '\\d'") == {"a": "int"}
    assert caught == []


GOOGLE = '''
def main(user: str, plan: str, notify: bool = True) -> dict:
    """Welcome a new user
    and note the plan.

    More words.

    Args:
        user (str): who signed up,
            by name
        plan: the plan
    Returns:
        dict: notify: all
    """
    return wmill.get_resource("u/x/y")
'''
NUMPY = '''
def main(user, plan, notify=True):
    """Welcome a new user and note the plan.

    Parameters
    ----------
    user : str
        who signed up,
        by name
    plan
        the plan

    Returns
    -------
    dict
        nothing
    """
'''
REST = '''
def main(user, plan, notify=True):
    """Welcome a new user and note the plan.
    :param str user: who signed up,
        by name
    :param plan: the plan
    :returns: nothing
    """
'''


@pytest.mark.parametrize("code", [GOOGLE, NUMPY, REST, GOOGLE + "    x = [\n"])
def test_docstring_describes_the_form(code):
    schema = parse("python3", code).to_json_schema()
    assert schema["description"] == "Welcome a new user and note the plan."
    described = {name: prop["description"] for name, prop in schema["properties"].items()}
    assert described == {"user": "who signed up, by name", "plan": "the plan", "notify": ""}


def test_description_follows_the_docstring_until_the_user_writes_one():
    def inferred(documented, prior=None):
        return parse(
            "python3", f'def main(a):\n    """S\n\n    Args:\n        a: {documented}\n    """'
        ).to_json_schema(prior)

    schema = inferred("half", inferred("ha"))
    assert schema["properties"]["a"]["description"] == "half"
    schema["properties"]["a"]["description"] = "mine"
    assert inferred("whole", schema)["properties"]["a"]["description"] == "mine"
    gone = parse("python3", "def main(a): ...").to_json_schema(inferred("text"))
    assert gone == parse("python3", "def main(a): ...").to_json_schema()
