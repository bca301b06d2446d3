"""What is wrong with a source, line by line, as the editor shows it. Pure; nothing is run."""

from __future__ import annotations

import re
from typing import Any

from scripts_app import signatures
from scripts_app.requirements import Note, python_requirements
from scripts_app.signatures.python_source import parse_module

_PLACE = re.compile(r"\Aline \d+, column \d+: ")


def diagnose(language: str, content: str) -> list[dict[str, Any]]:
    """Messages `{line, column?, message, severity}`; lines and columns count from 1.

    >>> diagnose("python3", "def main():\\n    return 1 +")[0]["line"]
    2
    """
    found = parse_module(content) if language == "python3" else None
    if not isinstance(found, signatures.Invalid):
        found = signatures.parse(language, content)
    if isinstance(found, signatures.Invalid):
        message = _PLACE.sub("", found.error)
        return [{"line": found.line, "column": found.column, "message": message, "severity": "error"}]
    if language != "python3":
        return []
    wanted = python_requirements(content)
    return [*_notes(wanted.errors, "error"), *_notes(wanted.warnings, "warning")]


def _notes(notes: tuple[Note, ...], severity: str) -> list[dict[str, Any]]:
    return [{"line": note.line, "message": note.text, "severity": severity} for note in notes]
