"""The components on /design/: accessible, without errors under the site's CSP, and their islands at work.

No server: the browser's requests are answered from the view and from static/dist.
"""

import mimetypes
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.test import RequestFactory
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.waiting import eventually
from windmill_site import assets, design
from workspaces.principal import ANONYMOUS

SITE = "http://design.test"
AXE = assets.ROOT / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    assets.build()


def answer(route: Route) -> None:
    """One request of the browser, answered in this process."""
    url = urlsplit(route.request.url)
    if url.path.startswith(f"{settings.STATIC_URL}dist/"):
        file = assets.DIST / url.path.rsplit("/", 1)[1]
        route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0])
        return
    if url.path == "/echo":
        route.fulfill(body=str(sorted(parse_qs(route.request.post_data or "").items())), content_type="text/plain")
        return
    request: Any = RequestFactory().get(
        f"{url.path}?{url.query}", headers={"cookie": route.request.headers.get("cookie", "")}
    )
    request.principal = ANONYMOUS
    response = ContentSecurityPolicyMiddleware(view_of(url.path))(request)
    route.fulfill(status=response.status_code, body=response.content, headers=dict(response.items()))


def view_of(path: str) -> Callable[[HttpRequest], HttpResponse]:
    return design.more if path.endswith("/more") else design.design


def opened(context: BrowserContext, *, theme: str = "light", width: int = 1440) -> Page:
    """The design page, loaded, with the editor ready; an error on its console fails the test at `assert_quiet`."""
    context.add_cookies([{"name": "theme", "value": theme, "url": SITE}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.set_viewport_size({"width": width, "height": 900})
    page.errors = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda said: said.type == "error" and page.errors.append(said.text))  # type: ignore[attr-defined]
    page.route(f"{SITE}/**", answer)
    page.goto(f"{SITE}/design/")
    expect(page.locator("wm-editor[name=content][data-ready]")).to_be_visible()
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_page_is_accessible_quiet_and_not_too_wide(new_context, theme, width):
    context = new_context(bypass_csp=True)
    page = opened(context, theme=theme, width=width)
    page.evaluate(AXE.read_text())
    found = page.evaluate("(tags) => axe.run({runOnly: tags})", WCAG)
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_nothing_breaks_the_content_security_policy(context):
    page = opened(context)
    page.locator("#demo-log [data-log=wrap]").click()
    page.locator("#tab-code").click()
    page.locator("button[popovertarget=demo-menu]").click()
    expect(page.locator("#demo-menu")).to_be_visible()
    assert page.errors == []


def test_editor_is_a_field_of_its_form(context):
    page = opened(context)
    page.evaluate("""() => {
        const form = document.createElement("form");
        form.setAttribute("hx-post", "/echo");
        form.setAttribute("hx-trigger", "wm:run");
        form.setAttribute("hx-target", "#answer");
        const answer = document.createElement("pre");
        answer.id = "answer";
        const editor = document.querySelector("wm-editor[name=content]");
        editor.replaceWith(form);
        form.append(editor, answer);
        htmx.process(form);
    }""")
    page.locator("wm-editor[name=content] .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("x = 1")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer")).to_have_text("[('content', ['x = 1'])]")


def test_editor_tells_of_saving_and_of_a_pause_in_typing(context):
    page = opened(context)
    page.evaluate("""() => {
        window.told = [];
        const tell = (event) => told.push([event.type, event.detail.value ?? ""]);
        for (const name of ["wm:save", "wm:edited"]) document.addEventListener(name, tell);
    }""")
    page.locator("wm-editor[name=content] .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("ab")
    page.keyboard.press("Control+s")
    eventually(lambda: page.evaluate("told.length === 2"), within_s=5)
    assert page.evaluate("told") == [["wm:save", ""], ["wm:edited", "ab"]]


APPEND = """([seq, part, first, count, continues]) => {
    const chunk = document.createElement("div");
    chunk.className = "log-chunk";
    Object.assign(chunk.dataset, {seq, part, ...(continues ? {continues: ""} : {})});
    for (let n = first; n < first + count; n++) {
        const line = document.createElement("div");
        line.className = "ln";
        line.dataset.n = n;
        line.append(Object.assign(document.createElement("span"), {textContent: `new ${n}`}));
        chunk.append(line);
    }
    document.querySelector("#demo-log-lines").append(chunk);
}"""
SHOWN = "[...document.querySelectorAll('#demo-log-lines > .log-chunk')].map((chunk) => chunk.childElementCount)"
AT_END = """(() => {
    const { view } = document.querySelector("#demo-log");
    return view.scrollTop + view.clientHeight >= view.scrollHeight - 2;
})()"""


def test_log_joins_chunks_follows_and_takes_no_line_twice(context):
    page = opened(context)
    assert page.evaluate(SHOWN) == [200, 66]
    page.evaluate(APPEND, [2, 0, 267, 3, False])
    eventually(lambda: page.evaluate(SHOWN) == [200, 69], within_s=5)
    page.evaluate(APPEND, [2, 0, 267, 3, False])  # the server sends it again after a reconnect
    page.evaluate(APPEND, [3, 0, 269, 2, True])
    eventually(lambda: page.evaluate(SHOWN) == [200, 70], within_s=5)
    assert page.locator("#demo-log .ln[data-n='269'] > span").text_content() == "new 269new 269"
    eventually(lambda: page.evaluate(AT_END), within_s=5)


def test_log_stops_following_when_scrolled_up_and_goes_on_by_button(context):
    page = opened(context)
    page.locator("#demo-log .log-view").scroll_into_view_if_needed()
    page.locator("#demo-log .log-view").hover()
    page.mouse.wheel(0, -800)
    tail = page.locator("#demo-log [data-log=tail]")
    expect(tail).to_be_visible()
    page.evaluate(APPEND, [2, 0, 267, 3, False])
    expect(tail).to_have_attribute("data-new", "")
    assert not page.evaluate(AT_END)
    tail.click()
    eventually(lambda: page.evaluate(AT_END), within_s=5)
    expect(tail).to_be_hidden()


def test_find_counts_hits_and_goes_through_them(context):
    page = opened(context)
    page.locator("#demo-log [data-log=find]").fill("page")
    hits = page.locator("#demo-log [data-log=hits]")
    expect(hits).to_have_text("1/3")
    page.keyboard.press("Enter")
    expect(hits).to_have_text("2/3")
    page.keyboard.press("Escape")
    expect(hits).to_have_text("")


def test_split_moves_by_key_and_is_remembered(context):
    page = opened(context)
    bar = page.locator(".split-bar")
    bar.focus()
    before = int(bar.get_attribute("aria-valuenow") or 0)
    page.keyboard.press("ArrowLeft")
    expect(bar).to_have_attribute("aria-valuenow", str(before - 2))
    page.reload()
    expect(page.locator(".split-bar")).to_have_attribute("aria-valuenow", str(before - 2))


def test_rows_of_a_list_are_added_and_removed(context):
    page = opened(context)
    rows = page.locator("#arg-tags li")
    expect(rows).to_have_count(2)
    page.locator("#arg-tags [data-add]").click()
    page.keyboard.type("third")
    rows.first.locator("[data-remove]").click()
    sent = page.evaluate("new FormData(document.querySelector('#demo')).getAll('arg.tags.2')")
    assert sent == ["third"]
    expect(rows).to_have_count(2)


def test_theme_is_chosen_without_a_reload_and_kept(context):
    page = opened(context)
    page.locator("button[popovertarget=user-menu]").click()
    page.locator("#user-menu button[value=dark]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert {"name": "theme", "value": "dark"}.items() <= next(
        c for c in context.cookies() if c["name"] == "theme"
    ).items()


def test_rest_of_a_cut_level_is_fetched(context):
    page = opened(context)
    page.locator("summary", has_text="260 items").click()
    page.get_by_role("button", name="60 more").click()
    expect(page.locator("#result .json-leaf", has_text="259").last).to_be_visible()


def test_toast_of_an_error_stays_until_closed(context):
    page = opened(context)
    page.evaluate("document.dispatchEvent(new CustomEvent('wm:toast', {detail: {text: 'Not saved', tone: 'bad'}}))")
    toast = page.locator("#toasts .toast", has_text="Not saved")
    expect(toast).to_be_visible()
    expect(toast).to_have_attribute("role", "alert")
    toast.locator("[data-close]").click()
    expect(toast).to_have_count(0)
