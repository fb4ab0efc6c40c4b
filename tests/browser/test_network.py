"""A network that is cut, stalls, swallows answers and comes back, between a real page and a real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cable import Cable, plugged
from tests.browser.conftest import OpenPage
from tests.browser.desk import mount, say, shelf_item, stock_of
from tests.browser.wire import buy_as, direct, say_as
from tests.live_server import LiveServer, product, running

pytestmark = pytest.mark.browser

SOON_MS = 20_000
"""A page that tried four times in vain waits up to 8 s; twice that is slack."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None) -> Iterator[LiveServer]:
    """Two gateways, and a heartbeat that notices a silent network within a test."""
    with running(
        tmp_path_factory.mktemp("network"), workers=2, server__demo=True, gateway__heartbeat_ms=1_000
    ) as live:
        yield live


@pytest.fixture
def cable(server: LiveServer) -> Iterator[Cable]:
    with plugged(server.port) as one:
        yield one


@pytest.fixture
def shop(server: LiveServer, room: str) -> str:
    """The test's room, live, with cups and tea on the shelf."""
    direct(
        server,
        room,
        ("room.start", {}),
        ("product.mount", {"product": product("cup", 5)}),
        ("product.mount", {"product": product("tea", 9)}),
    )
    return room


def watch(open_page: OpenPage, room: str, at: str | None = None, **options: object) -> Page:
    """A viewer's page that is in the room, and marked so that a reload would be noticed."""
    page = open_page(f"/live/{room}", at=at, **options)
    expect(page.get_by_test_id("room")).to_have_attribute("data-status", "live")
    page.evaluate("window.sameDocument = true")
    return page


def expect_back(page: Page) -> None:
    """Connected again, without a reload."""
    expect(page.get_by_test_id("link-banner")).to_have_count(0, timeout=SOON_MS)
    assert page.evaluate("window.sameDocument") is True


def test_nothing_is_missing_after_a_cut(
    server: LiveServer, shop: str, cable: Cable, open_page: OpenPage
) -> None:
    (spoken,) = say_as(server, shop, "ben", "the first line")
    viewer = watch(open_page, shop, cable.url)
    (regretted,) = say_as(server, shop, "ben", "to be taken back")
    # The first line is there too where this gateway heard it.
    taken_back = viewer.get_by_test_id("chat-line").filter(has_text="to be taken back")
    expect(taken_back).to_have_count(1)
    viewer.get_by_test_id("chat-input").fill("half a sent")
    assert spoken["message"] != regretted["message"]

    cable.cut()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible()
    # What was there stays to be read.
    expect(taken_back).to_have_count(1)
    direct(
        server,
        shop,
        ("danmaku.recall", {"message": regretted["message"]}),
        ("product.mount", {"product": product("cake", 3, title="Cake 蛋糕")}),
        ("product.update", {"sku": "tea", "title": "Better tea"}),
        ("product.pin", {"sku": "tea"}),
        ("product.restock", {"sku": "tea", "delta": 4}),
        ("room.announce", {"text": "While you were away"}),
        (
            "sale.schedule",
            {"sku": "cake", "price": 100, "stock": 1, "starts_in_ms": 600_000, "duration_ms": 60_000},
        ),
    )
    buy_as(server, shop, "ben", sku="cup", quantity=2)
    expect(viewer.get_by_test_id("link-banner")).to_have_attribute("data-state", "lost", timeout=SOON_MS)
    cable.mend()

    expect_back(viewer)
    expect(viewer.get_by_test_id("chat-input")).to_have_value("half a sent")
    expect(taken_back).to_have_count(0)
    expect(viewer.get_by_test_id("announcement")).to_contain_text("While you were away")
    expect(viewer.get_by_test_id("flash")).to_contain_text("Cake 蛋糕")
    expect(viewer.get_by_test_id("pinned")).to_contain_text("Better tea")
    expect(stock_of(viewer, "cup")).to_have_attribute("data-available", "3")
    expect(stock_of(viewer, "tea")).to_have_attribute("data-available", "13")
    expect(stock_of(viewer, "cake")).to_have_attribute("data-available", "2")
    say_as(server, shop, "ben", "welcome back")
    expect(viewer.get_by_test_id("chat-line").last).to_contain_text("welcome back")


RECORD_BANNER = """() => {
  const root = document.documentElement;
  let lost = null;
  new MutationObserver(() => {
    const shown = document.querySelector('[data-testid="link-banner"]') !== null;
    if (shown) lost ??= performance.now();
    else if (lost !== null) root.dataset.backAfter ??= Math.round(performance.now() - lost);
  }).observe(document.body, { childList: true, subtree: true });
}"""


def test_a_short_drop_is_mended_before_anybody_minds(shop: str, cable: Cable, open_page: OpenPage) -> None:
    viewer = watch(open_page, shop, cable.url)
    viewer.evaluate(RECORD_BANNER)
    cable.drop()
    expect(viewer.locator("html")).to_have_attribute("data-back-after", re.compile(r"\d+"))
    milliseconds = int(viewer.locator("html").get_attribute("data-back-after") or "")
    print(f"\nreconnect after a drop: {milliseconds} ms")
    # The first wait is at most half a second.
    assert milliseconds <= 3_000
    expect_back(viewer)


def test_an_order_whose_answer_was_lost_has_one_outcome(
    server: LiveServer, shop: str, cable: Cable, open_page: OpenPage
) -> None:
    viewer = watch(open_page, shop, cable.url, phone=True)
    other = watch(open_page, shop)
    shelf_item(viewer, "cup").get_by_test_id("buy").click()
    # The server hears the order; the page hears nothing.
    cable.stall(up=False)
    viewer.get_by_test_id("pay-now").click()
    server.wait_until(lambda: len(server.ledger_orders(shop)) == 1, "the order reached the ledger")
    expect(stock_of(other, "cup")).to_have_attribute("data-available", "4")
    card = viewer.get_by_test_id("order-sheet")
    expect(card.get_by_test_id("outcome")).to_have_attribute("data-status", "placing")
    cable.cut()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible()
    cable.mend()

    expect(shelf_item(viewer, "cup").get_by_test_id("outcome")).to_have_attribute(
        "data-status", "paid", timeout=SOON_MS
    )
    expect_back(viewer)
    expect(stock_of(viewer, "cup")).to_have_attribute("data-available", "4")
    server.wait_until(lambda: server.ledger_orders(shop)[0]["status"] == "paid", "it is paid in the ledger")
    assert len(server.ledger_orders(shop)) == 1


def test_an_order_that_never_left_the_phone_is_placed_once_it_is_back(
    server: LiveServer, shop: str, cable: Cable, open_page: OpenPage
) -> None:
    viewer = watch(open_page, shop, cable.url, phone=True)
    shelf_item(viewer, "cup").get_by_test_id("buy").click()
    cable.stall()
    viewer.get_by_test_id("pay-now").click()
    expect(shelf_item(viewer, "cup").get_by_test_id("buy")).to_be_disabled()
    cable.cut()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible()
    assert server.ledger_orders(shop) == []
    cable.mend()
    expect(shelf_item(viewer, "cup").get_by_test_id("outcome")).to_have_attribute(
        "data-status", "paid", timeout=SOON_MS
    )
    expect(stock_of(viewer, "cup")).to_have_attribute("data-available", "4")
    server.wait_until(lambda: len(server.ledger_orders(shop)) == 1, "one order in the ledger")


def test_a_silent_network_is_noticed(shop: str, cable: Cable, open_page: OpenPage) -> None:
    """Nothing closes the socket; only the missing answer to a heartbeat tells."""
    viewer = watch(open_page, shop, cable.url)
    cable.stall()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible(timeout=25_000)
    cable.drop()
    cable.mend()
    expect_back(viewer)


def test_offline_is_said_at_once_and_online_does_not_wait(
    server: LiveServer, shop: str, cable: Cable, open_page: OpenPage
) -> None:
    viewer = watch(open_page, shop, cable.url)
    banner = viewer.get_by_test_id("link-banner")
    # Chromium's offline emulation holds an open WebSocket's messages back ...
    viewer.context.set_offline(True)
    expect(banner).to_have_attribute("data-state", "lost")
    say_as(server, shop, "ben", "can you hear me?")
    viewer.context.set_offline(False)
    expect(banner).to_have_count(0)
    expect(viewer.get_by_test_id("chat-line")).to_contain_text("can you hear me?")

    # ... a network that is gone for longer breaks it.
    viewer.context.set_offline(True)
    cable.cut()
    expect(banner).to_have_attribute("data-state", "lost")
    direct(server, shop, ("room.announce", {"text": "Good news"}))
    cable.mend()
    viewer.context.set_offline(False)
    expect_back(viewer)
    expect(viewer.get_by_test_id("announcement")).to_contain_text("Good news")


def test_gateways_that_are_killed_are_not_missed(server: LiveServer, shop: str, open_page: OpenPage) -> None:
    viewer, phone = watch(open_page, shop), watch(open_page, shop, phone=True)
    viewer.get_by_test_id("chat-input").fill("a draft")
    shelf_item(phone, "tea").get_by_test_id("buy").click()
    killed = server.children("gateway")
    assert len(killed) >= 2
    for worker in killed:
        worker.kill()
    started = time.monotonic()
    phone.get_by_test_id("pay-now").click()
    expect(shelf_item(phone, "tea").get_by_test_id("outcome")).to_have_attribute(
        "data-status", "paid", timeout=2 * SOON_MS
    )
    expect_back(viewer)
    expect_back(phone)
    print(f"\nback and paid after kill -9 of every gateway: {time.monotonic() - started:.1f} s")
    direct(server, shop, ("product.pin", {"sku": "tea"}))
    expect(viewer.get_by_test_id("pinned")).to_have_attribute("data-sku", "tea")
    expect(viewer.get_by_test_id("chat-input")).to_have_value("a draft")
    expect(stock_of(viewer, "tea")).to_have_attribute("data-available", "8")
    say(viewer, "still here")
    phone.get_by_test_id("card-close").click()
    phone.get_by_test_id("panel-close").click()
    expect(phone.get_by_test_id("chat-line")).to_contain_text("still here")
    server.wait_until(lambda: len(server.ledger_orders(shop)) == 1, "one order in the ledger")


def test_a_sale_runs_on_over_a_restart(server: LiveServer, shop: str, open_page: OpenPage) -> None:
    direct(
        server,
        shop,
        (
            "sale.schedule",
            {"sku": "cup", "price": 100, "stock": 2, "starts_in_ms": 0, "duration_ms": 600_000},
        ),
    )
    viewer, console = watch(open_page, shop, phone=True), open_page(f"/console/{shop}")
    expect(console.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")
    expect(viewer.get_by_test_id("flash")).to_have_attribute("data-window", "open")
    before = viewer.get_by_test_id("flash").get_attribute("data-sale")
    viewer.get_by_test_id("chat-input").fill("a draft")
    server.stop()
    expect(viewer.get_by_test_id("link-banner")).to_be_visible()
    server.start()
    buy_as(server, shop, "early", sale=before, quantity=1)
    expect_back(viewer)
    expect(viewer.get_by_test_id("flash-stock")).to_contain_text("1 left")
    viewer.get_by_test_id("flash-buy").click()
    expect(viewer.get_by_test_id("flash").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
    expect(viewer.get_by_test_id("flash")).to_have_attribute("data-sale", str(before))
    expect(viewer.get_by_test_id("chat-input")).to_have_value("a draft")
    expect(console.get_by_test_id("link-banner")).to_have_count(0, timeout=SOON_MS)
    mount(console, "cake", "Cake", "3", 2)
    expect(shelf_item(viewer, "cake")).to_be_visible()
    code, report = server.audit()
    assert code == 0, report
