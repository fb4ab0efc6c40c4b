"""A server that goes away and comes back, without a reload; and a server that hands out no tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, say, shelf_item, stock_of
from tests.live_server import LiveServer, running

pytestmark = pytest.mark.browser


def test_a_page_comes_back_by_itself_after_a_restart(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "tea", "Tea", "10", 5)
    viewer = open_page(f"/live/{room}")
    expect(stock_of(viewer, "tea")).to_have_attribute("data-available", "5")
    viewer.evaluate("window.sameDocument = true")

    server.stop()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible()
    server.start()
    expect(viewer.get_by_test_id("link-banner")).to_have_count(0, timeout=40_000)
    expect(console.get_by_test_id("link-banner")).to_have_count(0, timeout=40_000)

    mount(console, "cake", "Cake", "3", 2)
    expect(shelf_item(viewer, "cake")).to_be_visible()
    shelf_item(viewer, "tea").get_by_test_id("buy").click()
    viewer.get_by_test_id("pay-now").click()
    expect(shelf_item(viewer, "tea").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
    expect(stock_of(viewer, "tea")).to_have_attribute("data-available", "4")
    assert viewer.evaluate("window.sameDocument") is True


def test_a_lost_network_is_said_and_mended(room: str, open_page: OpenPage) -> None:
    viewer = open_page(f"/live/{room}")
    expect(viewer.get_by_test_id("room")).to_be_visible()
    viewer.context.set_offline(True)
    expect(viewer.get_by_test_id("link-banner")).to_contain_text("Network lost")
    viewer.context.set_offline(False)
    expect(viewer.get_by_test_id("link-banner")).to_have_count(0)


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
    page.locator("textarea[name=token]").fill(plain_server.token("ann"))
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_test_id("chat-input")).to_be_enabled()
    expect(page.get_by_test_id("demo-notice")).to_have_count(0)
    say(page, "hello")
    expect(page.get_by_test_id("chat-line")).to_contain_text("ann")
    shelf_item(page, "tea").get_by_test_id("buy").click()
    page.get_by_test_id("pay-now").click()
    expect(shelf_item(page, "tea").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
