"""A server that hands out no tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, say, shelf_item
from tests.live_server import LiveServer, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory, built_pages: None) -> Iterator[LiveServer]:
    """Not in demo mode: tokens come from elsewhere."""
    with running(tmp_path_factory.mktemp("plain")) as live:
        yield live


def test_without_demo_mode_a_guest_watches_and_a_pasted_token_buys(
    plain_server: LiveServer, open_page: OpenPage
) -> None:
    plain_server.create_room("real", title="Real")
    page = open_page("/")
    page.goto(f"{plain_server.url}/console/real")
    page.locator("textarea[name=token]").fill(plain_server.token("host", "host", "real"))
    page.get_by_role("button", name="Enter").click()
    go_live(page)
    mount(page, "tea", "Tea", "10", 5)

    page.goto(f"{plain_server.url}/live/real")
    page.get_by_test_id("as-guest").click()
    shelf_item(page, "tea").get_by_test_id("buy").click()
    expect(page.get_by_test_id("order-sheet")).to_contain_text("Tea")
    expect(page.locator("textarea[name=token]")).to_have_count(0)
    page.get_by_test_id("pay-now").click()
    page.locator("textarea[name=token]").fill(plain_server.token("ann"))
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_test_id("chat-input")).to_be_enabled()
    expect(page.get_by_test_id("demo-notice")).to_have_count(0)
    say(page, "hello")
    expect(page.get_by_test_id("chat-line")).to_contain_text("ann")
    shelf_item(page, "tea").get_by_test_id("buy").click()
    page.get_by_test_id("pay-now").click()
    expect(shelf_item(page, "tea").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")


def test_pages_work_in_a_browser_that_stores_nothing(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    """Blocked cookies, a sandboxed frame: reading the property itself throws."""
    blocked = """for (const name of ["localStorage", "sessionStorage"]) {
      const get = () => { throw new DOMException("denied", "SecurityError"); };
      Object.defineProperty(window, name, { get });
    }"""
    console, viewer = open_page("/"), open_page("/", phone=True)
    for page in (console, viewer):
        page.add_init_script(blocked)
        page.reload()
        expect(page.get_by_role("heading", name="Live rooms")).to_be_visible()
    console.goto(f"{server.url}/console/{room}")
    go_live(console)
    mount(console, "tea", "Tea", "10", 5)
    viewer.goto(f"{server.url}/live/{room}")
    viewer.get_by_test_id("demo-notice-close").click()
    expect(viewer.get_by_test_id("demo-notice")).to_have_count(0)
    shelf_item(viewer, "tea").get_by_test_id("buy").click()
    viewer.get_by_test_id("pay-now").click()
    expect(shelf_item(viewer, "tea").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
