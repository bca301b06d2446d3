"""Signatures and schemas are, case by case, what clients of the API know."""

import json
from pathlib import Path

import pytest

from scripts_app.signatures import LANGUAGES, answer, parse

CASES = json.loads((Path(__file__).parent / "cases" / "parser_cases.json").read_text())["cases"]
OURS = [case for case in CASES if case["language"] in LANGUAGES]


def test_the_table_has_cases_for_each_language():
    assert {case["language"] for case in OURS} == LANGUAGES


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["id"])
def test_answer_equals_the_case(case):
    found = answer(case["language"], case["code"], case.get("prior"))
    assert found["valid"] is case["valid"]
    if not case["valid"]:
        assert found["signature"] == {"type": "Invalid", "error": found["error"]}
    else:
        assert found["signature"] == case["signature"]
        assert "error" not in found
    assert found["schema"] == case["schema"]
    assert list(found["schema"]["properties"]) == [arg["name"] for arg in case["signature"].get("args", [])]


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["id"])
def test_inferring_again_changes_nothing(case):
    first = parse(case["language"], case["code"])
    if case["valid"]:
        schema = first.to_json_schema()
        assert first.to_json_schema(schema) == schema
