"""The examples of the documentation run as printed and answer what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import httpx
import pytest

from tests.live_site import ROOT, SUPERADMIN_SECRET, LiveSite

ADA = {"email": "ada@example.com", "password": "a long password of ada"}
BORDER = "=== next example ==="
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run and host to host, in examples and answers alike.
CHANGING = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\b[0-9a-f]{16}\b", "HASH"),
    (r"worker=\S+ hostname=[^\\\s]+", "worker=W hostname=H"),
    (r"token wm_\w+", "token wm_T"),
    (r'"(mem_peak|log_offset)":\d+', r'"\1":0'),
]
ARGUMENTS = {
    "customer: str": {"customer": "Acme", "plan": "pro"},
    'name="$1"': {"name": "hey"},
    "shop: shop_api": {"shop": "$res:u/ada/shop"},
}


@dataclass(frozen=True)
class Example:
    """A block of a page and the output printed below it, "" if there is none."""

    language: str
    code: str
    expected: str


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the docs: user `ada` of a workspace that stands in for `main`."""

    url: str
    workspace: str
    token: str

    def api(self, operation: str, **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/api/w/{self.workspace}/{operation}"
        return httpx.post(url, json=body, headers=headers, timeout=120)

    def printed(self, examples: list[Example]) -> list[str]:
        """What each prints, all in one shell: what an example defines is there for those after it."""
        steps = [
            each.code if each.language == "sh" else f"{sys.executable} - <<'END'\n{each.code}END" for each in examples
        ]
        shell = f"\necho; echo {BORDER}\n".join(steps)
        shell = re.sub(r"/w/main\b", f"/w/{self.workspace}", shell).replace('"main"', f'"{self.workspace}"')
        environ = {"PATH": os.environ["PATH"], "WM_URL": self.url, "TOKEN": self.token}
        done = subprocess.run(
            ["bash", "-c", shell], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.stderr == ""
        return done.stdout.replace(self.workspace, "main").split(f"{BORDER}\n")


@pytest.fixture
def reader(live_site: LiveSite, request: pytest.FixtureRequest) -> Reader:
    workspace = f"docs-{request.node.name.removeprefix('test_').replace('_', '-')}"[:40]
    with httpx.Client(base_url=f"{live_site.url}/api", timeout=30) as site:
        site.headers["Authorization"] = f"Bearer {SUPERADMIN_SECRET}"
        site.post("/users/create", json={**ADA, "super_admin": False, "name": "Ada"})  # made by the first test
        made = site.post("/workspaces/create", json={"id": workspace, "name": workspace, "username": "root"})
        assert made.status_code == 201, made.text
        member = {"email": ADA["email"], "is_admin": True, "operator": False, "username": "ada"}
        assert site.post(f"/w/{workspace}/workspaces/add_user", json=member).is_success
    token = httpx.post(f"{live_site.url}/api/auth/login", json=ADA, timeout=30).text
    return Reader(live_site.url, workspace, token)


def test_the_tutorial(reader: Reader) -> None:
    _deploy_greet(reader)  # what it has the reader do in the browser
    _follow(reader, [each for each in _examples("tutorial.md") if "def main" not in each.code])


def test_the_page_of_the_api(reader: Reader) -> None:
    _deploy_greet(reader)
    _follow(reader, _examples("api.md"))


def test_the_page_of_scripts(reader: Reader) -> None:
    """Each script runs as a preview; resources are made before by the shell examples above it."""
    answers = []
    for example in _examples("scripts.md"):
        if example.language == "sh":
            _follow(reader, [example])
            continue
        args = next((args for mark, args in ARGUMENTS.items() if mark in example.code), {})
        language = "python3" if example.language == "python" else example.language
        body = {"language": language, "content": example.code, "args": args, "path": "u/ada/orders"}
        times = 2 if "shop: shop_api" in example.code else 1  # the page shows the second run
        answer = [reader.api("jobs/run_wait_result/preview", **body) for _ in range(times)][-1]
        assert answer.status_code in (200, 418), f"{example.code}\n{answer.text}"
        answers.append(answer.text)
    assert '"one two three"' in answers
    assert {"rows": 3} in [json.loads(each) for each in answers if each.startswith("{")]
    assert _line_of("scripts.md", '{"url": "https://shop.example.com"') in answers


def _deploy_greet(reader: Reader) -> None:
    script = next(each.code for each in _examples("tutorial.md") if "def main" in each.code)
    deployed = reader.api("scripts/create", path="u/ada/greet", summary="", content=script, language="python3")
    assert deployed.status_code == 201, deployed.text


def _examples(page: str) -> list[Example]:
    """The examples that a reader runs, with what is printed below them."""
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text())
    below = [*blocks[1:], ("", "")]
    return [
        Example(language, code, after if kind in ("text", "json") else "")
        for (language, code), (kind, after) in zip(blocks, below, strict=True)
        if language in ("sh", "python", "bash") and "make up" not in code and "wm_…" not in code
    ]


def _follow(reader: Reader, examples: list[Example]) -> None:
    """Run the examples in order and compare what they print."""
    for example, printed in zip(examples, reader.printed(examples), strict=True):
        if example.expected:
            assert _plain(printed) == _plain(example.expected), example.code


def _plain(text: str) -> list[str]:
    """The lines without what changes. Of events the last alone counts: how a log is cut into them is chance."""
    for pattern, name in CHANGING:
        text = re.sub(pattern, name, text)
    lines = [line for line in text.splitlines() if line.strip()]
    events = [line for line in lines if line.startswith("data: ")]
    return [re.sub(r"^data: .*(?=\"only_result\")", "", line) for line in lines if line not in events[:-1]]


def _line_of(page: str, begin: str) -> str:
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return next(line for line in lines if line.startswith(begin))
