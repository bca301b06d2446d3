"""The first admin, login and account in a browser: by keyboard, at both widths, in both themes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, LiveSite, free_port
from tests.waiting import eventually

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {"1440": {"width": 1440, "height": 900}, "390": {"width": 390, "height": 844}}
PASSWORD = "correct horse battery"


@pytest.fixture
def new_site(fresh_database: str) -> Iterator[LiveSite]:
    """A site nobody has set up."""
    unset = {"ADMIN_EMAIL": "", "ADMIN_PASSWORD": "", "SUPERADMIN_SECRET": ""}
    site = LiveSite(database_url=fresh_database, port=free_port(), extra=unset)
    site.start()
    yield site
    site.stop()


def test_the_first_admin_chooses_a_password_once(browser: Browser, new_site: LiveSite):
    link = eventually(lambda: re.search(r"http://\S+/setup/\S+", new_site.output()), within_s=10)[0]
    page = browser.new_page()
    page.goto(link)
    page.keyboard.type("boss@example.com")  # the first field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/w/main/"))
    assert page.goto(link).status == 404
    page.context.clear_cookies()
    page.goto(f"{new_site.url}/user/account")
    page.keyboard.type("boss@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/user/account$"))
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_login_and_account(browser: Browser, live_site: LiveSite, width: str, theme: str):
    look = {"viewport": WIDTHS[width], "color_scheme": theme, "bypass_csp": True}  # axe is not on our list of scripts
    page = browser.new_page(**look)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_site.url}/user/login?next=/user/account")
    page.get_by_label("E-mail").fill(ADMIN_EMAIL)
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The e-mail or the password is wrong")
    expect(page.get_by_label("E-mail")).to_have_value(ADMIN_EMAIL)
    check(page)
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url(re.compile(r"/user/account$"))
    label = f"for {width} {theme}"
    page.get_by_label("Label").fill(label)
    page.get_by_label("Scopes").fill("users:read")
    page.get_by_role("button", name="Create token").click()
    text = page.locator("#token-text").input_value()
    headers = {"Authorization": f"Bearer {text}"}
    assert httpx.get(f"{live_site.url}/api/users/whoami", headers=headers).json()["email"] == ADMIN_EMAIL
    check(page)
    page.reload()
    expect(page.locator("#token-text")).to_have_count(0)
    row = page.get_by_role("row").filter(has_text=label)
    row.get_by_role("button", name="Delete token").click()
    expect(page.get_by_role("row").filter(has_text=label)).to_have_count(0)
    assert httpx.get(f"{live_site.url}/api/users/whoami", headers=headers).status_code == 401
    assert complaints == []
    page.context.close()


def check(page: Page) -> None:
    """Nothing wider than the window, and nothing that a screen reader stumbles over."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})")
    assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]] == []
