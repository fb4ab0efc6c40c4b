"""From the host's form to a paid order, and what everybody else sees of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, open_orders, schedule, shelf_item, stock_of
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser


def test_a_mounted_product_is_bought_and_stock_falls_for_everybody(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    console = open_page(f"/console/{room}")
    buyer = open_page(f"/live/{room}", phone=True)
    other = open_page(f"/live/{room}")
    expect(buyer.get_by_test_id("demo-notice")).to_contain_text("Demo mode")
    go_live(console)
    row = mount(console, "tea-01", "Spring tea 春茶", "19.90", 5, list_price="29.90", per_user_limit="3")

    item = shelf_item(buyer, "tea-01")
    expect(item).to_contain_text("Spring tea 春茶")
    expect(item).to_contain_text("19.90")
    expect(item.get_by_test_id("list-price")).to_contain_text("29.90")
    expect(stock_of(other, "tea-01")).to_have_attribute("data-available", "5")

    item.get_by_test_id("buy").click()
    buyer.get_by_role("button", name="One more").click()
    buyer.get_by_test_id("pay-now").click()
    expect(item.get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
    expect(item.get_by_test_id("outcome")).to_contain_text("39.80")
    expect(stock_of(other, "tea-01")).to_have_attribute("data-available", "3")
    expect(row.get_by_test_id("desk-sold")).to_have_text("2")
    expect(console.get_by_test_id("counter-revenue")).to_contain_text("39.8")

    open_orders(buyer)
    expect(buyer.get_by_test_id("order")).to_have_attribute("data-status", "paid")
    server.wait_until(lambda: len(server.ledger_orders(room)) == 1, "the ledger has the order")
    order = server.ledger_orders(room)[0]
    assert (order["status"], order["quantity"], order["amount"]) == ("paid", 2, 3980)


def test_a_hold_is_paid_refunded_and_another_one_cancelled(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "cup", "Cup", "5", 4)
    buyer = open_page(f"/live/{room}")
    for _ in range(2):
        shelf_item(buyer, "cup").get_by_test_id("buy").click()
        buyer.get_by_test_id("hold").click()
        expect(shelf_item(buyer, "cup").get_by_test_id("outcome")).to_have_attribute(
            "data-status", "reserved"
        )
        shelf_item(buyer, "cup").get_by_role("button", name="Close").click()
    expect(stock_of(buyer, "cup")).to_have_attribute("data-available", "2")

    open_orders(buyer)
    orders = buyer.get_by_test_id("order")
    expect(orders).to_have_count(2)
    first = orders.nth(0).get_attribute("data-order")
    second = orders.nth(1).get_attribute("data-order")
    paid = buyer.locator(f'[data-order="{first}"]')
    dropped = buyer.locator(f'[data-order="{second}"]')
    paid.get_by_test_id("order-pay").click()
    expect(paid).to_have_attribute("data-status", "paid")
    dropped.get_by_test_id("order-cancel").click()
    expect(dropped.get_by_test_id("order-cancel")).to_have_text("Tap again to cancel")
    expect(dropped).to_have_attribute("data-status", "reserved")
    dropped.get_by_test_id("order-cancel").click()
    expect(dropped).to_have_attribute("data-status", "cancelled")
    paid.get_by_test_id("order-refund").click()
    paid.get_by_test_id("order-refund").click()
    expect(paid).to_have_attribute("data-status", "refunded")
    buyer.get_by_test_id("tab-shelf").click()
    expect(stock_of(buyer, "cup")).to_have_attribute("data-available", "4")

    # What is over is not told by the socket any more; a reload has it from the ledger.
    buyer.reload()
    open_orders(buyer)
    expect(buyer.get_by_test_id("order")).to_have_count(2)


RECORD_OPENING = """() => {
  window.opening = [];
  const card = document.querySelector('[data-testid="flash"]');
  const button = card.querySelector('[data-testid="flash-buy"]');
  const countdown = card.querySelector('[data-testid="flash-countdown"]');
  const look = () => window.opening.push(
    {at: Date.now(), window: card.dataset.window, text: countdown.textContent,
      enabled: button.ariaDisabled === "false"});
  look();
  new MutationObserver(look).observe(
    card, {subtree: true, childList: true, characterData: true, attributes: true});
}"""


def test_a_flash_sale_opens_at_zero_and_buy_works(server: LiveServer, room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "pot", "Tea pot", "99", 10)
    viewer = open_page(f"/live/{room}", phone=True)
    expect(viewer.get_by_test_id("room")).to_be_visible()
    schedule(console, "pot", "9.90", 2, starts_in=3, duration=60)
    expect(viewer.get_by_test_id("flash")).to_have_attribute("data-window", "before")
    viewer.evaluate(RECORD_OPENING)

    card = viewer.get_by_test_id("flash")
    button = viewer.get_by_test_id("flash-buy")
    expect(button).to_be_enabled(timeout=8_000)
    button.click()
    expect(card.get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
    expect(card.get_by_test_id("outcome")).to_contain_text("9.90")
    # One each is the form's default: this buyer has theirs.
    expect(button).to_be_disabled()
    expect(button).to_have_text("Limit reached")
    expect(card.get_by_test_id("flash-stock")).to_contain_text("1 left")

    seen = viewer.evaluate("window.opening")
    waiting = [moment for moment in seen if moment["window"] == "before"]
    assert not any(moment["enabled"] for moment in waiting)
    assert waiting[-1]["text"] <= "00:00.3"
    # When it opens, in milliseconds, is measured by test_countdown.py, which has the machine to itself.
    assert any(moment["enabled"] for moment in seen)


def test_the_last_unit_goes_to_one_and_the_others_see_sold_out(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "one", "The only one", "1", 1)
    first, second = open_page(f"/live/{room}"), open_page(f"/live/{room}")
    for page in (first, second):
        shelf_item(page, "one").get_by_test_id("buy").click()
    first.get_by_test_id("pay-now").click()
    expect(shelf_item(first, "one").get_by_test_id("outcome")).to_have_attribute("data-status", "paid")
    # The sheet that was open all the while says so too.
    expect(second.get_by_test_id("pay-now")).to_be_disabled()
    expect(second.get_by_test_id("pay-now")).to_have_text("Sold out")
    expect(shelf_item(second, "one").get_by_test_id("buy")).to_be_disabled()
