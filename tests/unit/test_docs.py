"""Documentation that comes from code is current, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate import pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_generated_pages_are_current(path):
    assert path.read_text() == pages()[path], "run `make docs`"


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_decision_is_in_the_list():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    written = {path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    assert set(re.findall(r"\((\d{2}-[a-z-]+\.md)\)", index)) == written


def test_every_command_has_an_entry():
    page = (ROOT / "docs" / "commands.md").read_text()
    commands = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert [name for name in sorted(commands | targets) if f"`{name}" not in page] == []
