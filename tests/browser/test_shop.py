"""The bag, the product card over the stage and the flash card: what they show, and how they say no."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import shelf_item
from tests.browser.wire import buy_as, direct
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser


def tea(**changes: object) -> tuple[str, dict[str, object]]:
    product = {
        "sku": "tea",
        "title": "Spring tea 春茶",
        "price": 1990,
        "list_price": 2990,
        "stock": 10,
        **changes,
    }
    return "product.mount", {"product": product}


def flash(**changes: object) -> tuple[str, dict[str, object]]:
    fields: dict[str, object] = {"sku": "tea", "price": 990, "stock": 2, "duration_ms": 120_000}
    return "sale.schedule", {**fields, "starts_in_ms": 0, "per_user_limit": 1, **changes}


RISEN = """() => document.querySelector(".product-card").getAnimations()
  .every(one => one.playState === "finished")"""


def watch(open_page: OpenPage, room: str, **options: Any) -> Page:
    page = open_page(f"/live/{room}", phone=True, **options)
    expect(page.get_by_test_id("room")).to_be_visible()
    return page


def card_of(page: Page, sku: str) -> Locator:
    """The product's card, opened from the bag."""
    shelf_item(page, sku).get_by_test_id("buy").click()
    card = page.get_by_test_id("order-sheet")
    expect(card).to_be_visible()
    return card


def outcome_of(card: Locator) -> Locator:
    return card.get_by_test_id("outcome")


def test_the_bag_numbers_its_products_and_shows_how_much_is_taken(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    cup = {"sku": "cup", "title": "Cup", "price": 500, "stock": 4}
    direct(server, room, ("room.start", {}), tea(), ("product.mount", {"product": cup}))
    direct(server, room, ("product.pin", {"sku": "cup"}))
    viewer = watch(open_page, room)
    expect(viewer.get_by_test_id("open-shelf")).to_have_accessible_name(re.compile("2 products"))
    first, second = shelf_item(viewer, "tea"), shelf_item(viewer, "cup")
    expect(first).to_contain_text("No. 1")
    expect(second).to_contain_text("No. 2")
    expect(second).to_contain_text("Showing now")
    expect(first.get_by_test_id("stock-bar")).to_have_attribute("data-percent", "0")
    buy_as(server, room, "ann", sku="tea", quantity=7)
    expect(first.get_by_test_id("stock-bar")).to_have_attribute("data-percent", "70")
    expect(first.get_by_test_id("stock")).to_contain_text("Only 3 left")
    direct(server, room, ("product.restock", {"sku": "tea", "delta": 4}))
    expect(first.get_by_test_id("stock-bar")).to_have_attribute("data-percent", "50")


def test_a_product_on_sale_is_bought_at_its_flash_price_from_the_bag(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea(), flash())
    viewer = watch(open_page, room)
    item = shelf_item(viewer, "tea")
    expect(item).to_have_attribute("data-by", "sale")
    expect(item.get_by_test_id("sale-line")).to_contain_text("Flash price")
    card = card_of(viewer, "tea")
    expect(card.get_by_test_id("pay-now")).to_have_text("Pay ¥9.90")
    # One each: there is nothing to step up to.
    expect(card.get_by_role("button", name="One more")).to_be_disabled()
    card.get_by_test_id("pay-now").click()
    expect(outcome_of(card)).to_have_attribute("data-status", "paid")
    expect(outcome_of(card)).to_contain_text("Paid ¥9.90")
    # The next one is at the normal price.
    expect(item).to_have_attribute("data-by", "shelf")
    outcome_of(card).get_by_test_id("outcome-orders").click()
    expect(card).to_have_count(0)
    expect(viewer.get_by_test_id("order")).to_contain_text("¥9.90")


def test_the_card_says_what_changed_while_it_was_open(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea(stock=1))
    viewer = watch(open_page, room)
    card = card_of(viewer, "tea")
    notice = card.get_by_test_id("card-notice")
    expect(notice).to_have_count(0)
    direct(server, room, ("product.update", {"sku": "tea", "price": 1590}))
    expect(notice).to_contain_text("¥19.90 → ¥15.90")
    expect(card.get_by_test_id("pay-now")).to_have_text("Pay ¥15.90")
    buy_as(server, room, "ann", sku="tea")
    expect(card.locator('[data-notice="sold_out"]')).to_be_visible()
    expect(card.get_by_test_id("pay-now")).to_be_disabled()
    direct(server, room, ("product.unmount", {"sku": "tea"}))
    expect(card).to_have_attribute("data-gone", "true")
    expect(card.locator('[data-notice="gone"]')).to_contain_text("taken down")
    expect(card).to_contain_text("Spring tea 春茶")


def test_the_card_keeps_the_keyboard_and_gives_it_back(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room)
    buy = shelf_item(viewer, "tea").get_by_test_id("buy")
    buy.focus()
    viewer.keyboard.press("Enter")
    card = viewer.get_by_test_id("order-sheet")
    expect(card).to_be_focused()
    for _ in range(8):
        viewer.keyboard.press("Tab")
        assert card.evaluate("card => card.contains(document.activeElement)")
    viewer.keyboard.press("Escape")
    expect(card).to_have_count(0)
    expect(buy).to_be_focused()
    # A tap beside the card closes it, and so does a drag by its head.
    buy.click()
    viewer.mouse.click(195, 120)
    expect(card).to_have_count(0)
    expect(viewer.get_by_test_id("shelf")).to_be_hidden()
    shelf_item(viewer, "tea").get_by_test_id("buy").click()
    expect(card).to_be_visible()
    viewer.wait_for_function(RISEN)
    head = card.locator(".card-head").bounding_box()
    assert head is not None
    viewer.mouse.move(head["x"] + 60, head["y"] + 12)
    viewer.mouse.down()
    viewer.mouse.move(head["x"] + 60, head["y"] + 140, steps=4)
    viewer.mouse.up()
    expect(card).to_have_count(0)


def test_the_bag_of_a_phone_keeps_the_keyboard_and_closes_on_escape(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room)
    for name in ("open-shelf", "open-orders"):
        opener = viewer.get_by_test_id(name)
        opener.focus()
        viewer.keyboard.press("Enter")
        panel = viewer.get_by_test_id("panel")
        expect(panel).to_be_focused()
        for _ in range(8):
            viewer.keyboard.press("Tab")
            assert panel.evaluate("panel => panel.contains(document.activeElement)")
        viewer.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(opener).to_be_focused()


def test_the_bag_of_a_phone_makes_way_for_a_product_and_comes_back(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room)
    bag = viewer.get_by_test_id("panel")
    card = card_of(viewer, "tea")
    expect(bag).not_to_be_in_viewport()
    expect(viewer.locator(".panel-back")).to_have_count(0)
    card.get_by_test_id("card-close").click()
    expect(card).to_have_count(0)
    expect(bag).to_be_in_viewport()
    expect(shelf_item(viewer, "tea").get_by_test_id("buy")).to_be_focused()
    viewer.keyboard.press("Escape")
    expect(bag).to_be_hidden()


def test_the_flash_card_is_as_high_when_its_sale_is_over(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea(), flash(starts_in_ms=4_000, duration_ms=3_000))
    card = watch(open_page, room).get_by_test_id("flash")
    height = "card => card.getBoundingClientRect().height"
    before = card.evaluate(height)
    expect(card).to_have_attribute("data-window", "over", timeout=20_000)
    assert abs(card.evaluate(height) - before) < 0.5


def test_a_flash_button_that_cannot_buy_explains_itself(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea(), flash(starts_in_ms=25_000))
    viewer = watch(open_page, room)
    button, why = viewer.get_by_test_id("flash-buy"), viewer.get_by_test_id("flash-why")
    expect(button).to_be_disabled()
    button.click(force=True)
    expect(why).to_contain_text(re.compile(r"Opens in \d\d:\d\d\.\d"))
    expect(button).to_be_enabled(timeout=40_000)
    expect(why).to_have_count(0)
    height = "card => card.getBoundingClientRect().height"
    before = viewer.get_by_test_id("flash").evaluate(height)
    button.click()
    outcome = viewer.get_by_test_id("flash").get_by_test_id("outcome")
    expect(outcome).to_have_attribute("data-status", "paid")
    expect(button).to_have_text("Limit reached")
    button.click(force=True)
    expect(why).to_contain_text("You have your 1")
    buy_as(server, room, "ann", sale=sale_of(server, room))
    expect(viewer.get_by_test_id("flash")).to_have_attribute("data-window", "sold_out")
    # Whatever it had to say, it kept its height: the chat above did not move.
    assert abs(viewer.get_by_test_id("flash").evaluate(height) - before) < 1
    # There are more of it at its own price.
    outcome.get_by_role("button", name="Close").click()
    viewer.get_by_test_id("flash-normal").click()
    expect(viewer.get_by_test_id("pay-now")).to_have_text("Pay ¥19.90")


def sale_of(server: LiveServer, room: str) -> str:
    _, snapshot = server.get(f"/api/v1/rooms/{room}")
    return str(snapshot["sales"][0]["sale"])


def test_two_buyers_race_for_the_last_unit(server: LiveServer, room: str, open_page: OpenPage) -> None:
    direct(server, room, ("room.start", {}), tea(stock=1))
    buyers = [watch(open_page, room), watch(open_page, room)]
    for buyer in buyers:
        card_of(buyer, "tea")
    for buyer in buyers:
        buyer.get_by_test_id("pay-now").dispatch_event("click")
    # Who was too late is told so by the answer, or by a card that already knows.
    ends = ('[data-status="paid"]', '[data-status="sold_out"]', '[data-notice="sold_out"]')
    for buyer in buyers:
        expect(buyer.get_by_test_id("order-sheet").locator(", ".join(ends)).first).to_be_visible()
    paid = [buyer.get_by_test_id("order-sheet").locator(ends[0]).count() for buyer in buyers]
    assert sum(paid) == 1, paid
    server.wait_until(lambda: len(server.ledger_orders(room)) == 1, "one of them has it")


NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, {get() { throw new DOMException("denied", "SecurityError"); }});
}"""


def test_a_browser_that_stores_nothing_watches_and_buys(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room, script=NO_STORAGE)
    viewer.get_by_test_id("demo-notice-close").click()
    expect(viewer.get_by_test_id("demo-notice")).to_have_count(0)
    card = card_of(viewer, "tea")
    card.get_by_test_id("pay-now").click()
    expect(outcome_of(card)).to_have_attribute("data-status", "paid")


def test_pay_later_is_paid_where_it_was_reserved(server: LiveServer, room: str, open_page: OpenPage) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room)
    card = card_of(viewer, "tea")
    card.get_by_test_id("hold").click()
    expect(outcome_of(card)).to_have_attribute("data-status", "reserved")
    expect(outcome_of(card)).to_contain_text(re.compile(r"Reserved\. Pay within \d+:\d\d"))
    expect(viewer.get_by_test_id("orders-badge")).to_contain_text("1")
    outcome_of(card).get_by_test_id("outcome-pay").click()
    expect(outcome_of(card)).to_have_attribute("data-status", "paid")
    expect(viewer.get_by_test_id("orders-badge")).to_have_count(0)


def test_a_stranger_sees_where_to_buy_and_does_in_one_tap(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea(), flash())
    viewer = watch(open_page, room, locale="zh-CN")
    expect(viewer.get_by_test_id("hint")).to_have_text("点这里就能买")
    viewer.get_by_test_id("flash-buy").click()
    expect(viewer.get_by_test_id("flash").get_by_test_id("outcome")).to_contain_text("已支付 ¥9.90")
    expect(viewer.get_by_test_id("hint")).to_have_count(0)
    # It is shown once.
    viewer.reload()
    expect(viewer.get_by_test_id("flash")).to_be_visible()
    expect(viewer.get_by_test_id("hint")).to_have_count(0)


def test_an_order_keeps_its_product_after_that_left_the_shelf(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}), tea())
    viewer = watch(open_page, room)
    card = card_of(viewer, "tea")
    card.get_by_test_id("pay-now").click()
    expect(outcome_of(card)).to_have_attribute("data-status", "paid")
    direct(server, room, ("product.unmount", {"sku": "tea"}))
    viewer.reload()
    viewer.get_by_test_id("open-orders").click()
    order = viewer.get_by_test_id("order")
    expect(order).to_contain_text("Spring tea 春茶")
    expect(order.locator('[data-step="Paid"]')).to_have_class("done")
