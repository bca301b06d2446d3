"""The page on reliability names tests that exist and carry the ids it says, and every failpoint there is."""

import re
from pathlib import Path

from workers.failpoints import POINTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
ROWS = re.findall(r"^\| ([JLRW]\d+) \| .+ \| (`tests/.+`) \|$", PAGE, re.MULTILINE)


def test_named_files_carry_the_id():
    wrong = [
        f"{name} is not in {file}"
        for name, listed in ROWS
        for file in re.findall(r"`([^`]+)`", listed)
        if not re.search(rf"\b{name}\b", (ROOT / file).read_text())
    ]
    assert len(ROWS) > 30
    assert wrong == []


def test_ids_of_tests_are_explained():
    known = {name for name, _ in ROWS}
    marked = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for note in re.findall(r"# (?:[A-Z]\d+, )*[A-Z]\d+\b", path.read_text())
        for name in re.findall(r"\b[JLRW]\d+\b", note)
    }
    assert marked - known == set()


def test_every_failpoint_is_listed():
    assert [point for point in POINTS if f"`{point}`" not in PAGE] == []
