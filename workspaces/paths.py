"""Names of things. Pure. Source of the forms: Windmill's API (workspace, user, folder and item patterns)."""

import re
from dataclasses import dataclass

MAX_PATH = 255
WORKSPACE_ID = re.compile(r"\A[a-z0-9_]+(-[a-z0-9_]+)*\Z", re.ASCII | re.IGNORECASE)
USERNAME = re.compile(r"\A[a-zA-Z][a-zA-Z_0-9]*\Z", re.ASCII)
FOLDER = re.compile(r"\A[a-zA-Z_0-9-]+\Z", re.ASCII)
_ITEM = re.compile(r"\A[ufg](/[\w-]+){2,}\Z", re.ASCII)


@dataclass(frozen=True)
class ItemPath:
    """`f/<folder>/…`, `u/<user>/…` or `g/<group>/…`: the first two parts carry the rights, the rest is naming."""

    kind: str
    owner: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.kind}/{self.owner}/{self.name}"


def parse_item_path(text: str) -> ItemPath:
    """Raises ValueError saying what is wrong with `text` and which form a path has."""
    if len(text) > MAX_PATH:
        raise ValueError(f"The path has {len(text)} characters; at most {MAX_PATH} are allowed")
    if not _ITEM.match(text):
        shown = text if text.isprintable() and text.isascii() else ascii(text)
        raise ValueError(
            f'"{shown}" is not a valid path; use f/<folder>/<name> or u/<user>/<name> with letters, digits, "_" and "-"'
        )
    kind, owner, name = text.split("/", 2)
    return ItemPath(kind, owner, name)
