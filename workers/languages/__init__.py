"""The languages jobs can be written in: one file each, listed here."""

from workers.languages.base import Language, LockFailed, OnLog, PreparedEnv, PrepareFailed, Tools
from workers.languages.bash import BASH
from workers.languages.python import PYTHON
from workers.languages.uv import UvSettings
from workspaces.errors import BadRequest

__all__ = [
    "LANGUAGES",
    "Language",
    "LockFailed",
    "OnLog",
    "PrepareFailed",
    "PreparedEnv",
    "Tools",
    "UnknownLanguage",
    "UvSettings",
    "language",
]

LANGUAGES: dict[str, Language] = {one.name: one for one in (PYTHON, BASH)}


class UnknownLanguage(BadRequest):
    """The name is no language of this site."""


def language(name: str) -> Language:
    """The language called `name` in the API. Raises UnknownLanguage."""
    try:
        return LANGUAGES[name]
    except KeyError:
        raise UnknownLanguage(f'No language is called "{name}". Use one of: {", ".join(sorted(LANGUAGES))}.') from None
