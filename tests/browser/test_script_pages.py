"""Scripts by hand, in a browser, against a whole site: write, test, deploy, run, find again, cancel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, LiveSite
from tests.waiting import eventually

SHOTS = ROOT / "test-results"
WORKSPACE = "scripts"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
WIDTHS = {"1440": {"width": 1440, "height": 900}, "390": {"width": 390, "height": 844}}

ARTICLE = '''# Requirements: psycopg2-binary
import psycopg2


def main(username: str, plan: str, notify: bool = True) -> dict:
    """Make an account and tell the team.

    Args:
        username: who it is for
        plan: free or pro
    """
    database = wmill.get_resource("f/demo/database")
    print(f"connecting to {database['host']} with psycopg2 {psycopg2.__version__.split()[0]}")
    return {"username": username, "plan": plan, "notified": notify}
'''
SLOW = """import time


def main(lines: int = 600):
    for number in range(lines):
        print(f"line {number}")
        time.sleep(0.1)
    return lines
"""


@pytest.fixture(scope="module")
def api(live_site: LiveSite) -> Iterator[httpx.Client]:
    """The admin by API, in a workspace of this file's own."""
    with httpx.Client(base_url=f"{live_site.url}/api", timeout=30) as client:
        login = client.post("/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.text}"
        made = client.post("/workspaces/create", json={"id": WORKSPACE, "name": "Scripts", "username": "admin"})
        assert made.status_code == 201, made.text
        assert client.post(f"/w/{WORKSPACE}/folders/create", json={"name": "demo"}).status_code == 200
        value = {"host": "db.example.com", "port": 5432}
        resource = {"path": "f/demo/database", "value": value, "resource_type": "postgresql"}
        assert client.post(f"/w/{WORKSPACE}/resources/create", json=resource).status_code == 201
        yield client


@pytest.fixture
def open_page(browser: Browser, live_site: LiveSite, api: httpx.Client) -> Iterator[Callable[..., Page]]:
    """Pages of somebody who is logged in; what their console complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: str, *, width: str = "1440", theme: str = "light", bypass_csp: bool = False) -> Page:
        look = {"viewport": WIDTHS[width], "color_scheme": theme, "bypass_csp": bypass_csp}
        context = browser.new_context(**look)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{live_site.url}/user/login?next={path}")
        page.get_by_label("E-mail").fill(ADMIN_EMAIL)
        page.get_by_label("Password").fill(ADMIN_PASSWORD)
        page.get_by_label("Password").press("Enter")
        page.wait_for_url(lambda url: "/user/login" not in url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [text for text in complaints if "422" not in text and "409" not in text] == []


def write(page: Page, source: str) -> None:
    """Put `source` into the editor as if it were pasted."""
    page.locator("wm-editor#source .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)


def deploy(api: httpx.Client, path: str, content: str, **fields: object) -> str:
    body = {"path": path, "content": content, "language": "python3", "summary": "", "auto_parent": True, **fields}
    answer = api.post(f"/w/{WORKSPACE}/scripts/create", json=body)
    assert answer.status_code == 201, answer.text
    return answer.text


def shoot(page: Page, name: str, *, width: str = "1440", theme: str = "light") -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}_{width}_{theme}.png"))


def log_of(page: Page) -> str:
    return page.locator("#job-log-lines").inner_text()


def test_a_script_is_written_tested_deployed_run_and_found_again(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/w/{WORKSPACE}/scripts/new?language=python3")
    page.get_by_label("Folder").select_option("f/demo")
    page.get_by_label("Name", exact=True).fill("make_account")
    page.get_by_label("Summary").fill("Make an account")
    write(page, ARTICLE)
    form = page.locator("#args-form")
    expect(form.get_by_label("username")).to_be_visible()
    expect(form).to_contain_text("Make an account and tell the team.")
    expect(form).to_contain_text("who it is for")
    form.get_by_label("username").fill("ana")
    form.get_by_label("plan").fill("pro")
    expect(page.locator("#saved")).to_contain_text("Draft saved")

    page.get_by_role("button", name="Test").click()
    expect(page.locator("#job-state")).to_contain_text("Success", timeout=60_000)
    expect(page.locator("#job-log-lines")).to_contain_text("connecting to db.example.com with psycopg2")
    expect(page.locator("#job-outcome")).to_contain_text("ana")
    expect(form.get_by_label("plan")).to_have_value("pro")
    shoot(page, "editor_tested")

    page.get_by_role("button", name="Deploy").first.click()
    page.get_by_label("What changed").fill("The first one")
    shoot(page, "editor_deploy")
    page.locator("#deploy").get_by_role("button", name="Deploy").click()
    page.wait_for_url(f"**/w/{WORKSPACE}/scripts/f/demo/make_account")
    expect(page.locator("#state")).to_be_empty(timeout=60_000)  # its dependencies are resolved

    page.get_by_label("username").fill("bea")
    page.get_by_label("plan").fill("free")
    shoot(page, "script")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(rf"/w/{WORKSPACE}/runs/[0-9a-f-]{{36}}"))
    expect(page.locator("#job-state")).to_contain_text("Success", timeout=30_000)
    expect(page.locator("#job-outcome")).to_contain_text("bea")
    job_id = page.url.rsplit("/", 1)[1]

    page.get_by_role("link", name="Runs").first.click()
    page.locator(f'a[href*="{job_id}"]').first.click()
    expect(page.locator("#job-outcome")).to_contain_text("bea")


def test_the_form_follows_the_signature_without_a_reload(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/w/{WORKSPACE}/scripts/new?language=python3")
    page.evaluate("window.untouched = true")
    form = page.locator("#args-form")
    form.get_by_label("name").fill("kept")
    page.locator("wm-editor#source .cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("End")
    for _ in range(len(") -> dict:")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type(", loud: bool = True")
    expect(form.get_by_label("loud")).to_be_checked()
    expect(form.get_by_label("name")).to_have_value("kept")
    page.keyboard.type(" oops")
    expect(form).to_contain_text("Line 1:")
    expect(page.locator(".cm-lint-marker-error")).to_be_visible()
    expect(form.get_by_label("loud")).to_be_visible()
    assert page.evaluate("window.untouched")


def test_another_language_brings_its_own_starter_and_form(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/w/{WORKSPACE}/scripts/new?language=python3")
    page.get_by_text("Bash", exact=True).click()
    expect(page.locator("wm-editor#source")).to_contain_text('name="$1"')
    page.locator("#args-form").get_by_label("name").fill("Ana")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#job-log-lines")).to_contain_text("Hello Ana, 1 of 1", timeout=30_000)


def test_a_running_test_streams_and_can_be_cancelled(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/w/{WORKSPACE}/scripts/new?language=python3")
    write(page, SLOW)
    expect(page.locator("#args-form").get_by_label("lines")).to_have_value("600")
    page.locator("wm-editor#source .cm-content").press("Control+Enter")
    expect(page.locator("#job-log-lines")).to_contain_text("line 3", timeout=30_000)
    seen = len(log_of(page))
    eventually(lambda: len(log_of(page)) > seen, within_s=5)
    shoot(page, "editor_running")
    page.locator("#test").get_by_role("button", name="Cancel").click()
    expect(page.locator("#job-state")).to_contain_text("Cancelled", timeout=10_000)


def test_what_was_typed_is_there_after_a_reload(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/w/{WORKSPACE}/scripts/new?language=python3")
    page.get_by_label("Name", exact=True).fill("remembered")
    write(page, "def main(remembered: str = 'yes'): ...")
    expect(page.locator("#args-form").get_by_label("remembered")).to_have_value("yes")
    expect(page.locator("#saved")).to_contain_text("Draft saved")
    page.wait_for_url("**/scripts/edit/u/admin/remembered")
    page.reload()
    expect(page.locator("wm-editor#source")).to_contain_text("remembered: str")
    page.get_by_role("button", name="Discard it").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    page.wait_for_url(f"**/w/{WORKSPACE}/")
    expect(page.get_by_role("main")).not_to_contain_text("u/admin/remembered")


def test_a_stale_editor_hears_who_was_faster(open_page: Callable[..., Page], api: httpx.Client) -> None:
    deploy(api, "f/demo/raced", "def main(): return 1")
    page = open_page(f"/w/{WORKSPACE}/scripts/edit/f/demo/raced")
    deploy(api, "f/demo/raced", "def main(): return 2")
    write(page, "def main(): return 3")
    page.get_by_role("button", name="Deploy").first.click()
    page.locator("#deploy").get_by_role("button", name="Deploy").click()
    expect(page.locator("#deploy-problem")).to_contain_text("admin deployed version")
    shoot(page, "editor_conflict")
    page.get_by_role("button", name="Deploy mine over theirs").click()
    page.wait_for_url(f"**/w/{WORKSPACE}/scripts/f/demo/raced")
    script = api.get(f"/w/{WORKSPACE}/scripts/get/p/f/demo/raced").json()
    assert (script["content"], len(script["parent_hashes"])) == ("def main(): return 3", 2)


def test_a_double_click_starts_one_run(open_page: Callable[..., Page], api: httpx.Client) -> None:
    deploy(api, "f/demo/once", "def main(): return 1")
    page = open_page(f"/w/{WORKSPACE}/scripts/f/demo/once")
    page.get_by_role("button", name="Run", exact=True).dblclick()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("#job-state")).to_contain_text("Success", timeout=30_000)
    runs = api.get(f"/w/{WORKSPACE}/jobs/list?script_path_exact=f/demo/once").json()
    assert len(runs) == 1


def test_home_filters_while_typing(open_page: Callable[..., Page], api: httpx.Client) -> None:
    deploy(api, "f/demo/needle", "def main(): ...", summary="The needle")
    deploy(api, "f/demo/hay", "def main(): ...", summary="Some hay")
    page = open_page(f"/w/{WORKSPACE}/")
    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(page.locator("#scripts")).not_to_contain_text("Some hay")
    expect(page.locator("#scripts")).to_contain_text("The needle")
    expect(page).to_have_url(re.compile(r"\?q=needle"))
    page.keyboard.press("Control+a")
    page.keyboard.type("no such thing")
    expect(page.locator("#scripts")).to_contain_text("No script fits")


def test_arguments_change_between_form_and_json(open_page: Callable[..., Page], api: httpx.Client) -> None:
    deploy(api, "f/demo/typed", "def main(name: str, n: int = 1): return [name, n]")
    page = open_page(f"/w/{WORKSPACE}/scripts/f/demo/typed")
    page.get_by_label("name").fill("Ana")
    page.get_by_role("button", name="JSON", exact=True).click()
    editor = page.locator("wm-editor[name=args_json] .cm-content")
    expect(editor).to_contain_text('"name": "Ana"')
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"name": "Bea", "n": 4}')
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.get_by_label("name")).to_have_value("Bea")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#job-outcome")).to_contain_text("Bea", timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["1440", "390"])
def test_pages_fit_both_widths_and_themes(
    open_page: Callable[..., Page], api: httpx.Client, width: str, theme: str
) -> None:
    deploy(api, "f/demo/shown", ARTICLE, summary="Make an account for somebody", lock="", labels=["billing"])
    changed = ARTICLE.replace("bool = True", "bool = False").replace("free or pro", "free, pro or team")
    deploy(api, "f/demo/shown", changed, summary="Make an account for somebody", lock="", labels=["billing"])
    page = open_page(f"/w/{WORKSPACE}/", width=width, theme=theme, bypass_csp=True)
    pages = {
        "home": "",
        "script_page": "scripts/f/demo/shown",
        "versions": "scripts/versions/f/demo/shown",
        "changes": "scripts/versions/f/demo/shown?view=changes",
        "editor": "scripts/edit/f/demo/shown",
    }
    for name, path in pages.items():
        page.goto(page.url.split("/w/")[0] + f"/w/{WORKSPACE}/{path}")
        page.wait_for_load_state("networkidle")
        shoot(page, name, width=width, theme=theme)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} is {overflow} px too wide"
        page.evaluate(AXE.read_text())
        found = page.evaluate("(tags) => axe.run({runOnly: tags})", WCAG)
        assert [(name, each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []


def test_ctrl_enter_runs_from_the_form(open_page: Callable[..., Page], api: httpx.Client) -> None:
    deploy(api, "f/demo/keyed", "def main(name: str): return name")
    page = open_page(f"/w/{WORKSPACE}/scripts/f/demo/keyed")
    page.get_by_label("name").fill("Ana")
    page.get_by_label("name").press("Control+Enter")
    expect(page.locator("#job-outcome")).to_contain_text("Ana", timeout=30_000)
