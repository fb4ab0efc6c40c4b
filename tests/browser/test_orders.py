"""After the tap: payments that take their time, shipping, refunds between buyer and host."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, open_orders, shelf_item, stock_of
from tests.live_server import LiveServer, running
from tests.sandbox.running import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None) -> Iterator[LiveServer]:
    """As the other modules' server, with holds that run out within a test."""
    with running(
        tmp_path_factory.mktemp("orders"),
        server__demo=True,
        orders__hold_ms=6_000,
        orders__payment_grace_ms=2_500,
        payments__timeout_ms=2_000,
    ) as live:
        yield live


@pytest.fixture
def provider(server: LiveServer) -> Iterator[Sandbox]:
    """The sandbox beside the server; behaves again at the end."""
    sandbox = Sandbox.beside(server)
    yield sandbox
    behave(sandbox)


def behave(sandbox: Sandbox, **behaviour: float) -> None:
    request = urllib.request.Request(
        sandbox.url + "/v1/behaviour",
        data=json.dumps({"latency_ms": 0, **behaviour}).encode(),
        headers={"Authorization": f"Bearer {sandbox.key}"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def open_shop(open_page: OpenPage, room: str, *, phone: bool = True, stock: int = 4) -> tuple[Page, Page]:
    """The host's console and a buyer's page, with cups on the shelf."""
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "cup", "Porcelain cup 瓷杯", "19.90", stock)
    buyer = open_page(f"/live/{room}", phone=phone)
    expect(buyer.get_by_test_id("room")).to_be_visible()
    return console, buyer


def buy(buyer: Page) -> Locator:
    """One tap; what the page says about it."""
    shelf_item(buyer, "cup").get_by_test_id("buy").click()
    buyer.get_by_test_id("pay-now").click()
    return shelf_item(buyer, "cup").get_by_test_id("outcome")


def ship(console: Page) -> Locator:
    """Ships the one order there is; its line on the desk."""
    line = console.get_by_test_id("book-order")
    expect(line).to_have_attribute("data-status", "paid")
    line.get_by_test_id("ship").click()
    expect(line).to_have_attribute("data-status", "shipped")
    return line


def ask_for_refund(buyer: Page, reason: str) -> Locator:
    """Asks the host; the order in the buyer's list."""
    order = buyer.get_by_test_id("order")
    expect(order).to_have_attribute("data-status", "shipped")
    order.get_by_test_id("order-ask").click()
    buyer.get_by_test_id("refund-reason").fill(reason)
    buyer.get_by_test_id("refund-submit").click()
    expect(order).to_have_attribute("data-status", "refunding")
    return order


def test_a_shipped_order_is_refunded_once_the_host_approves(room: str, open_page: OpenPage) -> None:
    console, buyer = open_shop(open_page, room)
    expect(buy(buyer)).to_have_attribute("data-status", "paid")
    line = ship(console)
    open_orders(buyer)
    order = ask_for_refund(buyer, "one cup is chipped")
    expect(order.get_by_test_id("order-note").first).to_have_text(
        re.compile(r"The host is asked to refund ¥19\.90\. Without an answer it is approved at .*\d:\d\d")
    )
    expect(order.get_by_role("button")).to_have_count(0)

    waiting = console.get_by_test_id("book-waiting")
    expect(waiting).to_contain_text("Refunds that wait for you: 1")
    expect(waiting).to_contain_text("one cup is chipped")
    waiting.get_by_test_id("approve").click()
    waiting.get_by_test_id("approve").click()
    expect(order).to_have_attribute("data-status", "refunded")
    expect(line).to_have_attribute("data-status", "refunded")
    expect(waiting).to_have_count(0)
    # What was shipped does not sell again by itself.
    buyer.get_by_test_id("tab-shelf").click()
    expect(stock_of(buyer, "cup")).to_have_attribute("data-available", "3")


def test_a_declined_refund_tells_the_buyer_why(room: str, open_page: OpenPage) -> None:
    console, buyer = open_shop(open_page, room, phone=False)
    expect(buy(buyer)).to_have_attribute("data-status", "paid")
    line = ship(console)
    open_orders(buyer)
    order = ask_for_refund(buyer, "")

    # With the keyboard alone.
    waiting = console.get_by_test_id("book-waiting")
    waiting.get_by_test_id("decline").focus()
    console.keyboard.press("Enter")
    expect(waiting.get_by_test_id("decline-reason")).to_be_focused()
    console.keyboard.type("it was worn")
    console.keyboard.press("Enter")
    expect(order).to_have_attribute("data-status", "shipped")
    expect(order).to_contain_text("The host declined the refund: it was worn")
    line.get_by_test_id("deliver").click()
    expect(order).to_have_attribute("data-status", "delivered")
    expect(order.get_by_test_id("order-ask")).to_be_visible()

    buyer.get_by_test_id("language").click()
    expect(order).to_contain_text("已送达")
    console.get_by_test_id("book-filter").select_option("paid")
    expect(console.get_by_test_id("order-book")).to_contain_text("No orders in this state")


def test_a_payment_under_way_is_said_to_be_so_until_it_is_paid(
    provider: Sandbox, room: str, open_page: OpenPage
) -> None:
    _, buyer = open_shop(open_page, room)
    behave(provider, pending=1, pending_ms=2_500)
    outcome = buy(buyer)
    expect(outcome).to_have_attribute("data-status", "paying")
    expect(outcome).to_contain_text("Payment under way")
    open_orders(buyer)
    order = buyer.get_by_test_id("order")
    expect(order).to_have_attribute("data-paying", "true")
    expect(order.get_by_test_id("order-pay")).to_have_count(0)
    expect(order).to_have_attribute("data-status", "paid")
    expect(order).to_have_attribute("data-paying", "false")
    buyer.get_by_test_id("tab-shelf").click()
    expect(outcome).to_have_attribute("data-status", "paid")


def test_a_payment_that_is_refused_afterwards_is_told_in_words(
    provider: Sandbox, room: str, open_page: OpenPage
) -> None:
    _, buyer = open_shop(open_page, room)
    behave(provider, pending=1, pending_ms=1_000, decline=1)
    expect(buy(buyer)).to_have_attribute("data-status", "paying")
    trouble = buyer.get_by_test_id("trouble")
    expect(trouble).to_contain_text("The payment for Porcelain cup 瓷杯 was refused. You were not charged")
    behave(provider)
    trouble.get_by_role("button", name="My orders").click()
    expect(trouble).to_have_count(0)
    order = buyer.get_by_test_id("order")
    order.get_by_test_id("order-pay").click()
    expect(order).to_have_attribute("data-status", "paid")


def test_what_was_not_paid_in_time_can_be_paid_late(room: str, open_page: OpenPage) -> None:
    console, buyer = open_shop(open_page, room)
    shelf_item(buyer, "cup").get_by_test_id("buy").click()
    buyer.get_by_test_id("hold").click()
    open_orders(buyer)
    order = buyer.get_by_test_id("order")
    expect(order).to_contain_text("The time to pay is over", timeout=10_000)
    expect(order.get_by_role("button")).to_have_count(0)
    expect(order).to_have_attribute("data-status", "expired", timeout=10_000)
    expect(order).to_contain_text("It is still there: you can pay now")
    order.get_by_test_id("order-pay").click()
    expect(order).to_have_attribute("data-status", "paid")
    expect(console.get_by_test_id("book-order")).to_have_attribute("data-status", "paid")


def test_a_payment_that_came_too_late_is_told_to_go_back(
    provider: Sandbox, room: str, open_page: OpenPage
) -> None:
    _, buyer = open_shop(open_page, room, stock=1)
    other = open_page(f"/live/{room}", locale="zh-CN")
    expect(other.get_by_test_id("room")).to_be_visible()
    behave(provider, pending=1, pending_ms=14_000)
    outcome = buy(buyer)
    expect(outcome).to_have_attribute("data-status", "paying")
    behave(provider)
    expect(outcome).to_have_attribute("data-status", "expired", timeout=12_000)
    expect(buy(other)).to_have_attribute("data-status", "paid")
    trouble = buyer.get_by_test_id("trouble")
    expect(trouble).to_contain_text("came too late and nothing was left. ¥19.90 goes back", timeout=20_000)
    expect(trouble).to_have_attribute("data-code", "sold_out")
    buyer.get_by_test_id("card-close").click()
    buyer.get_by_test_id("panel-close").click()
    trouble.get_by_role("button", name="Close").click()
    expect(trouble).to_have_count(0)


def test_a_refused_payment_is_paid_again_where_it_was_refused(
    provider: Sandbox, room: str, open_page: OpenPage
) -> None:
    _, buyer = open_shop(open_page, room)
    behave(provider, decline=1)
    shelf_item(buyer, "cup").get_by_test_id("buy").click()
    card = buyer.get_by_test_id("order-sheet")
    card.get_by_test_id("pay-now").click()
    outcome = card.get_by_test_id("outcome")
    expect(outcome).to_have_attribute("data-status", "payment_failed")
    expect(outcome).to_contain_text("You were not charged")
    behave(provider)
    outcome.get_by_test_id("outcome-pay").click()
    expect(outcome).to_have_attribute("data-status", "paid")


def test_a_part_is_refunded_and_the_rest_can_be_asked_for(room: str, open_page: OpenPage) -> None:
    console, buyer = open_shop(open_page, room)
    expect(buy(buyer)).to_have_attribute("data-status", "paid")
    ship(console)
    open_orders(buyer)
    order = buyer.get_by_test_id("order")
    expect(order).to_have_attribute("data-status", "shipped")
    order.get_by_test_id("order-ask").click()
    amount = buyer.get_by_test_id("refund-amount")
    expect(amount).to_have_value("19.90")
    for wrong in ("0", "19.91", "5.001", "five"):
        amount.fill(wrong)
        expect(buyer.get_by_test_id("refund-submit")).to_be_disabled()
        expect(buyer.get_by_test_id("refund-most")).to_contain_text("between ¥0.01 and ¥19.90")
    amount.fill("5")
    buyer.get_by_test_id("refund-reason").fill("one cup is chipped")
    buyer.get_by_test_id("refund-submit").click()
    expect(order).to_have_attribute("data-status", "refunding")
    expect(order).to_contain_text("The host is asked to refund ¥5")
    expect(order).to_contain_text("You wrote: one cup is chipped")
    waiting = console.get_by_test_id("book-waiting")
    waiting.get_by_test_id("approve").click()
    waiting.get_by_test_id("approve").click()
    expect(order).to_have_attribute("data-status", "shipped")
    expect(order).to_contain_text("¥5 of ¥19.90 refunded")
    order.get_by_test_id("order-ask").click()
    expect(amount).to_have_value("14.90")
