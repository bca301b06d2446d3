"""A workspace on the running site for clients, and the public Python client in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import wmill

from tests.live_site import SUPERADMIN_SECRET, LiveSite

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A workspace with one folder, `f/lab`, and a token that may do everything in it."""

    url: str
    workspace: str
    token: str

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the workspace's API; an error fails the test with its text."""
        headers = {"Authorization": f"Bearer {self.token}"}
        response = httpx.request(
            method, f"{self.url}/api/w/{self.workspace}/{path}", headers=headers, timeout=60, **more
        )
        assert response.is_success, f"{response.status_code} {response.text}"
        return response

    def deploy(
        self, path: str, content: str, *, language: str = "python3", lock: str | None = "", **fields: Any
    ) -> str:
        """Deploy a script; answers its hash."""
        new = {"path": path, "summary": "", "description": "", "content": content, "language": language, **fields}
        if lock is not None:
            new["lock"] = lock
        return self.call("POST", "scripts/create", json=new).text


@pytest.fixture
def place(live_site: LiveSite) -> Place:
    """A workspace of its own for one test."""
    place = Place(live_site.url, f"lab{next(_numbers)}", SUPERADMIN_SECRET)
    headers = {"Authorization": f"Bearer {SUPERADMIN_SECRET}"}
    new = {"id": place.workspace, "name": place.workspace, "username": "owner"}
    response = httpx.post(f"{live_site.url}/api/workspaces/create", json=new, headers=headers, timeout=30)
    assert response.status_code == 201, response.text
    place.call("POST", "folders/create", json={"name": "lab"})
    return place


@pytest.fixture
def client(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[wmill.Windmill]:
    """The client as a program outside of any job uses it."""
    for name in ("WM_JOB_ID", "WM_ROOT_FLOW_JOB_ID", "WM_JOB_PATH", "WM_STATE_PATH_NEW", "WM_STATE_PATH"):
        monkeypatch.delenv(name, raising=False)
    yield wmill.Windmill(base_url=place.url, token=place.token, workspace=place.workspace)
