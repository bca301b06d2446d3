"""Runs and jobs in a browser against a whole site: live log, result, cancel, reconnect, what is too big."""

from __future__ import annotations

import os
import signal
import statistics
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, LiveSite
from tests.processes import named

SHOTS = ROOT / "test-results"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
WORKSPACE = "runs"
WIDTHS = {"1440": {"width": 1440, "height": 900}, "390": {"width": 390, "height": 844}}
TICKS = """import time


def main(lines: int = 12, pause: float = 0.15):
    for number in range(lines):
        print(f"tick {number} {time.time():.4f}", flush=True)
        time.sleep(pause)
    return [{"number": number, "square": number * number} for number in range(lines)]
"""
FLOOD = """def main(lines: int = 100_000, size: int = 10_000_000):
    for number in range(lines):
        print("line", number)
    return "x" * size
"""
FAIL = """def look_up(day: str):
    return {}[day]


def main(day: str = "monday"):
    return look_up(day)
"""
SECONDS_SEEN = """() => {
  window.seen = [];
  new MutationObserver(() => {
    for (const line of document.querySelectorAll("#job-log-lines .ln:not([data-timed])")) {
      line.dataset.timed = "";
      const tick = line.textContent.match(/tick \\d+ ([\\d.]+)/);
      if (tick) window.seen.push(Date.now() / 1000 - Number(tick[1]));
    }
  }).observe(document.querySelector("#job-log-lines"), { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def api(live_site: LiveSite) -> Iterator[httpx.Client]:
    """The admin by API, in a workspace of this file's own."""
    with httpx.Client(base_url=f"{live_site.url}/api", timeout=60) as client:
        login = client.post("/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.text}"
        made = client.post("/workspaces/create", json={"id": WORKSPACE, "name": "Runs", "username": "admin"})
        assert made.status_code == 201, made.text
        assert client.post(f"/w/{WORKSPACE}/folders/create", json={"name": "demo"}).status_code == 200
        for name, content in (("ticks", TICKS), ("flood", FLOOD), ("fail", FAIL)):
            new = {"path": f"f/demo/{name}", "summary": "", "content": content, "language": "python3", "lock": ""}
            assert client.post(f"/w/{WORKSPACE}/scripts/create", json=new).status_code == 201
        yield client


@pytest.fixture
def run(api: httpx.Client) -> Callable[..., str]:
    """Start a script of the folder; answers the job's id."""

    def started(name: str, *, tag: str = "", **args: object) -> str:
        query = {"tag": tag} if tag else {}
        answer = api.post(f"/w/{WORKSPACE}/jobs/run/p/f/demo/{name}", json=args, params=query)
        assert answer.status_code == 201, answer.text
        return answer.text

    return started


@pytest.fixture
def open_page(browser: Browser, live_site: LiveSite, api: httpx.Client) -> Iterator[Callable[..., Page]]:
    """Pages of somebody who is logged in; what their console complained of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: str, *, width: str = "1440", theme: str = "light", bypass_csp: bool = False) -> Page:
        context = browser.new_context(viewport=WIDTHS[width], color_scheme=theme, bypass_csp=bypass_csp)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{live_site.url}/user/login?next={path}")
        page.get_by_label("E-mail").fill(ADMIN_EMAIL)
        page.get_by_label("Password").fill(ADMIN_PASSWORD)
        page.get_by_label("Password").press("Enter")
        page.wait_for_url(f"**{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    unexpected = [text for text in complaints if "ERR_CONNECTION" not in text and "WebSocket" not in text]
    assert unexpected == []


def job_path(job_id: str) -> str:
    return f"/w/{WORKSPACE}/runs/{job_id}"


def state_of(page: Page):
    return page.locator("#job-state")


def test_a_job_unfolds_while_one_looks(open_page, run):
    page = open_page(job_path(run("ticks")))
    expect(state_of(page)).to_have_text("Running")
    expect(page.locator("#job-log-lines")).to_contain_text("tick 1 ")
    expect(page.locator("#job-outcome")).to_contain_text("No result yet")
    expect(state_of(page)).to_have_text("Success")
    expect(page.locator("#job-log-lines")).to_contain_text("tick 11 ")
    expect(page.locator("#job-outcome")).to_contain_text("121")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    numbers = page.locator("#job-log-lines .ln").evaluate_all("lines => lines.map(line => Number(line.dataset.n))")
    assert numbers == list(range(1, len(numbers) + 1))
    shoot(page, "job-success")


def test_a_printed_line_is_on_the_page_within_150_ms(open_page, run):
    page = open_page(job_path(run("ticks", lines=40, pause=0.11)))
    page.evaluate(SECONDS_SEEN)
    expect(state_of(page)).to_have_text("Success")
    delays = page.evaluate("window.seen")
    assert len(delays) > 15
    assert statistics.median(delays) < 0.15, sorted(delays)


def test_a_hundred_thousand_lines_and_ten_megabytes_stall_nothing(open_page, run):
    page = open_page(job_path(run("flood")))
    expect(state_of(page)).to_have_text("Success")
    expect(page.locator("#job-log-lines")).to_contain_text("line 99999")
    expect(page.locator("#job-outcome")).to_contain_text("too much to draw here")
    assert page.locator("#job-log-lines .ln").count() <= 20_000
    with page.expect_download() as download:
        page.get_by_label("Download the whole log").click()
    text = download.value.path().read_text()
    assert text.count("\n") > 100_000 and "line 0\n" in text
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it").click()
    assert download.value.path().stat().st_size == 10_000_002


def test_cancel_ends_a_running_job_within_seconds(open_page, run):
    page = open_page(job_path(run("ticks", lines=1000)))
    expect(page.locator("#job-log-lines")).to_contain_text("tick 0 ")
    page.get_by_role("button", name="Cancel").click()
    expect(state_of(page)).to_have_text("Cancelled", timeout=6_000)
    expect(page.locator("#job-notice")).to_contain_text("Cancelled by admin")


def test_a_job_nobody_serves_says_so_and_can_be_cancelled(open_page, run):
    page = open_page(job_path(run("ticks", tag="nowhere")))
    expect(page.locator("#job-notice")).to_contain_text('No live worker serves the tag "nowhere"')
    shoot(page, "job-waiting")
    page.get_by_role("button", name="Cancel").click()
    expect(state_of(page)).to_have_text("Cancelled")


def test_an_error_leads_to_its_line(open_page, run):
    page = open_page(job_path(run("fail")))
    expect(state_of(page)).to_have_text("Failed")
    expect(page.locator("#job-outcome")).to_contain_text("KeyError")
    page.get_by_role("tab", name="Code").click()
    expect(page.locator("#job-code .hll")).to_contain_text("return {}[day]")
    shoot(page, "job-failure")


def test_run_again_opens_the_new_job(open_page, run):
    first = run("ticks", lines=1)
    page = open_page(job_path(first))
    expect(state_of(page)).to_have_text("Success")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/runs/" in url and first not in url)
    expect(state_of(page)).to_have_text("Success")
    page.get_by_role("tab", name="Inputs").click()
    expect(page.locator("#job-tab-inputs")).to_contain_text("lines")


def test_a_page_goes_on_after_the_server_was_killed(open_page, run, live_site):  # N2
    page = open_page(job_path(run("ticks", lines=60)))
    expect(page.locator("#job-log-lines")).to_contain_text("tick 5 ")
    os.kill(named(live_site.running.pid, "wm-web")[0].pid, signal.SIGKILL)
    expect(state_of(page)).to_have_text("Success", timeout=40_000)
    lines = page.locator("#job-log-lines .ln").all_inner_texts()
    ticks = [line.split()[1] for line in lines if line.startswith("tick")]
    assert ticks == [str(number) for number in range(60)]


def test_the_list_of_runs_shows_new_ones_by_itself(open_page, run):
    page = open_page(f"/w/{WORKSPACE}/runs")
    before = page.locator("#runs tbody tr").count()
    job_id = run("ticks", lines=1)
    expect(page.locator(f"#run-{job_id}")).to_contain_text("Success")
    assert page.locator("#runs tbody tr").count() == before + 1
    page.get_by_label("State").select_option("failure")
    expect(page.locator(f"#run-{job_id}")).to_have_count(0)
    assert "status=failure" in page.url
    shoot(page, "runs")


@pytest.mark.parametrize("width", ["1440", "390"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_and_are_accessible(open_page, run, width, theme):
    job_id, waiting = run("fail"), run("ticks", tag="nowhere")
    page = open_page(job_path(job_id), width=width, theme=theme, bypass_csp=True)  # axe comes as a script of its own
    expect(state_of(page)).to_have_text("Failed")
    pages = {
        "job": job_path(job_id),
        "waiting": job_path(waiting),
        "runs": f"/w/{WORKSPACE}/runs",
        "workers": f"/w/{WORKSPACE}/workers",
    }
    for name, path in pages.items():
        page.goto(page.url.split("/w/")[0] + path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, name
        shoot(page, f"{name}-{width}-{theme}")
        page.evaluate(AXE.read_text())
        found = page.evaluate("(tags) => axe.run({runOnly: tags})", WCAG)
        assert [(name, each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []


def shoot(page: Page, name: str) -> None:
    """A picture for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
