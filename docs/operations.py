"""The page of API operations, from the route registry: method, path, role, scope and the docstring's first sentence."""

from __future__ import annotations

import os
import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workspaces.routes import Route

HEAD = """# API operations

Every operation there is, with who may call it. This page is generated from the route registry by `make docs`;
[The API](api.md) explains the conventions. `W` stands for `/api/w/{workspace}`. The same as data:
`/api/openapi.json`.

**Role** is the least one needed: public, login (anybody with an account), member (operators included), developer,
admin (of the workspace), superadmin. Items have rights of their own beside it. **Scope** is what a narrowed token must
hold; an operation without one asks nothing of a token but its owner's role.
"""
_COLUMNS = "\n| method | path | role | scope | |\n|---|---|---|---|---|\n"
_WORKSPACE = "/api/w/{workspace}"
# How the docstrings of jobs begin: `POST jobs/run/p/{path} → …` or `POST …: …`
_ADDRESS = re.compile(r"\A(?:GET|POST)(?:(?: or |\|)(?:GET|POST))? \S+")


def set_up_django() -> None:
    """Load the site to read its routes; the keys are not used and none are made."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "windmill_site.settings")
    for name in ("SECRET_KEY", "INSTANCE_KEY"):
        os.environ.setdefault(name, "only to read the routes, never served")
    django.setup()


def page() -> str:
    """The page's text."""
    routes = sorted(_operations(), key=_domain)
    parts = [HEAD]
    for domain, members in groupby(routes, key=_domain):
        parts += [f"\n## {domain}\n", _COLUMNS, *map(_row, members)]
    return "".join(parts)


def undescribed() -> list[Route]:
    """Operations about which the code says nothing."""
    return [route for route in _operations() if not sentence(route)]


def sentence(route: Route) -> str:
    """What the first line of the view's docstring says, without the address it may begin with."""
    first = route.about.strip().split("\n")[0]
    rest = _ADDRESS.sub("", first)
    if rest != first:
        body, arrow, answer = rest.partition("→ ")
        taken = body.strip(" :.")
        rest = f"takes {taken}; answers {answer}" if arrow and taken else (answer if arrow else rest.lstrip(": "))
    return rest[:1].upper() + rest[1:]


def _operations() -> list[Route]:
    from workspaces.routes import registered

    return [route for route in registered() if route.surface in ("api", "raw")]


def _domain(route: Route) -> str:
    """`jobs` of `/api/w/{workspace}/jobs_u/get/{id}`."""
    first = route.path.removeprefix(_WORKSPACE).removeprefix("/api").split("/")[1]
    known = {"jobs_u": "jobs", "job_metrics": "jobs", "auth": "login", "version": "instance", "uptodate": "instance"}
    known |= {"ee_license": "instance", "health": "instance", "openapi.json": "instance", "openapi.yaml": "instance"}
    return known.get(first, first)


def _row(route: Route) -> str:
    permission = route.permission
    role, scope = (permission.role.name.lower(), permission.scope) if permission else ("", "")
    if scope.endswith(":poll"):  # reading one job by its id
        scope = f"{scope.removesuffix(':poll')}:read` or `jobs:run"
    path = route.path.replace(_WORKSPACE, "W")
    shown = sentence(route).replace("|", "\\|")
    return f"| {route.method} | `{path}` | {role} | {f'`{scope}`' if scope else ''} | {shown} |\n"
