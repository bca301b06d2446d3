"""Who may call what: `permission_matrix.tsv` is the table, this module says what follows from a row.

A row is `method address role scope`. It is written by hand beside the route it speaks of: the test compares the table
with the registry, then calls every address as everybody and compares the answers with what the row means. Nothing here
uses the code that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LEVELS = ("PUBLIC", "LOGIN", "MEMBER", "DEVELOPER", "ADMIN", "SUPERADMIN")
TABLE = Path(__file__).with_name("permission_matrix.tsv")

# open: the route's own code answered. unknown: 401, or a page sends to the login. refused: 403.
type Outcome = Literal["open", "unknown", "refused"]

# Address parts that name nothing, so that an open route answers "not found" and changes nothing.
NOTHING = {
    "workspace": "test",
    "path": "f/none/nothing",
    "kind": "variable",
    "name": "none",
    "prefix": "wm_0000000",
    "email": "nobody@example.com",
    "key": "automate_username_creation",
    "username": "nobody",
    "hash": "00000000000000ff",
    "id": "0199f2c4-a11b-77de-8000-000000000000",
    "script_id": "0199f2c4-a11b-77de-8000-000000000000",
    "job_id": "0199f2c4-a11b-77de-8000-000000000000",
    "entry_id": "1",
    "token": "none",
}


@dataclass(frozen=True)
class Row:
    """`scope` ends in `!` when a token of another workspace may call too (one's own identity)."""

    method: str
    address: str
    role: str
    scope: str
    any_token: bool

    @property
    def is_api(self) -> bool:
        return self.address.startswith("/api/")

    @property
    def is_page(self) -> bool:
        return not self.address.startswith(("/api/", "/ws/"))

    @property
    def is_in_workspace(self) -> bool:
        return "{workspace}" in self.address

    @property
    def url(self) -> str:
        return self.address.format(**NOTHING)

    @property
    def body(self) -> dict[str, object]:
        # a scoped token makes scoped ones only, so that this route must be asked for one
        return {"scopes": ["users:read"]} if self.address == "/api/users/tokens/create" else {}

    @property
    def changes_something(self) -> bool:
        deed = self.scope.split(":")[1] if self.scope else ""
        return self.method not in ("GET", "HEAD", "OPTIONS") or deed in ("write", "run")


@dataclass(frozen=True)
class Actor:
    """Somebody with an API token (pages: with a login). Levels are indexes of LEVELS, in `test` and on the instance."""

    name: str
    in_test: str
    on_instance: str
    scopes: Literal["all", "other", "right"] = "all"
    is_read_only: bool = False
    bound_to: str = ""

    @property
    def label(self) -> str:
        marks = [f"{self.scopes}_scope" * (self.scopes != "all"), "read_only" * self.is_read_only]
        return "-".join([self.name, *filter(None, marks), *([f"bound_to_{self.bound_to}"] if self.bound_to else [])])


ACTORS = (
    Actor("anonymous", "PUBLIC", "PUBLIC"),
    Actor("outsider", "LOGIN", "LOGIN"),
    Actor("other_admin", "LOGIN", "LOGIN"),
    Actor("operator", "MEMBER", "LOGIN"),
    Actor("developer", "DEVELOPER", "LOGIN"),
    Actor("admin", "ADMIN", "LOGIN"),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN"),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN", is_read_only=True),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN", scopes="other"),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN", scopes="right"),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN", bound_to="other"),
    Actor("superadmin", "SUPERADMIN", "SUPERADMIN", bound_to="test"),
)
PEOPLE = ACTORS[:7]


def rows() -> list[Row]:
    """The table."""
    found = []
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            method, address, role, scope = line.split("\t")
            found.append(Row(method, address, role, scope.rstrip("!").rstrip("-"), scope.endswith("!")))
    return found


def expected(row: Row, actor: Actor) -> Outcome:
    """What the row means for the actor."""
    if row.address == "/admin/" and not _reaches(actor.on_instance, row.role):
        return "unknown"  # Django's admin sends everybody it does not let in to /admin/login/ …
    if row.address == "/admin/login/" and actor.name not in ("anonymous", "superadmin"):
        return "refused"  # … which refuses those who have a login: sent to it, they would come back for ever
    if row.role == "PUBLIC":
        return "open"
    if actor.name == "anonymous":
        return "unknown"
    level = actor.in_test if row.is_in_workspace else actor.on_instance
    if row.is_page:
        return "open" if _reaches(level, row.role) else "refused"
    if actor.bound_to and actor.bound_to != ("test" if row.is_in_workspace else ""):
        if not row.any_token:
            return "unknown"
        return "open" if row.role == "LOGIN" else "refused"
    if not _reaches(level, row.role):
        return "refused"
    if actor.is_read_only and row.changes_something:
        return "refused"
    return "refused" if actor.scopes == "other" and row.scope else "open"


def _reaches(level: str, role: str) -> bool:
    return LEVELS.index(level) >= LEVELS.index(role)
