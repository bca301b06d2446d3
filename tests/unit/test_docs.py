"""Documentation that comes from code is current, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from docs import operations
from docs.generate import main, pages
from workspaces.routes import registered

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_generated_pages_are_current(path):
    assert path.read_text() == pages()[path], "run `make docs`"


def test_every_api_operation_is_listed_with_a_sentence():
    listed = (ROOT / "docs" / "api-operations.md").read_text()
    for route in registered():
        if route.surface in ("api", "raw"):
            row = f"| {route.method} | `{route.path.replace('/api/w/{workspace}', 'W')}` |"
            assert row in listed, "run `make docs`"
    assert [f"{route.method} {route.path}" for route in operations.undescribed()] == []


def test_check_names_what_is_stale(capsys, monkeypatch, tmp_path):
    assert main(["--check"]) == 0
    monkeypatch.setattr("docs.generate.pages", lambda: {tmp_path / "api-operations.md": "one operation more"})
    assert main(["--check"]) == 1
    assert "api-operations.md is not current: run `make docs`." in capsys.readouterr().err


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
