"""The host's shelf, forms and flash sales."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, open_mount, open_sale, schedule
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser


def shelf(page: Page) -> Locator:
    return page.get_by_test_id("desk-item")


def expect_order(page: Page, *skus: str) -> None:
    expect(shelf(page)).to_have_count(len(skus))
    for index, sku in enumerate(skus):
        expect(shelf(page).nth(index)).to_have_attribute("data-sku", sku)


def stocked(open_page: OpenPage, room: str) -> Page:
    console = open_page(f"/console/{room}")
    for sku, title in (("a", "Apple"), ("b", "Banana"), ("c", "Cherry")):
        mount(console, sku, title, "10", 5)
    return console


def test_the_shelf_is_sorted_by_dragging(room: str, open_page: OpenPage) -> None:
    console = stocked(open_page, room)
    viewer = open_page(f"/live/{room}")
    handle = shelf(console).nth(0).get_by_test_id("handle")
    handle.scroll_into_view_if_needed()
    start, target = handle.bounding_box(), shelf(console).nth(1).bounding_box()
    assert start is not None and target is not None
    x, y = start["x"] + 15, start["y"] + 15
    console.mouse.move(x, y)
    console.mouse.down()
    console.mouse.move(x, y + 20)
    console.mouse.move(x, y + target["height"] * 0.9, steps=4)
    expect(shelf(console).nth(0)).to_have_class(re.compile("dragged"))
    console.mouse.up()
    expect_order(console, "b", "a", "c")
    expect(viewer.get_by_test_id("shelf-item").first).to_have_attribute("data-sku", "b")
    expect(console.get_by_test_id("sort-said")).to_have_text("Apple dropped at place 2 of 3.")


def test_the_shelf_is_sorted_by_keyboard(room: str, open_page: OpenPage) -> None:
    console = stocked(open_page, room)
    viewer = open_page(f"/live/{room}")
    said = console.get_by_test_id("sort-said")
    last = console.locator('[data-handle="c"]')
    last.focus()
    console.keyboard.press("Space")
    expect(said).to_contain_text("Cherry lifted, place 3 of 3")
    console.keyboard.press("ArrowUp")
    expect(said).to_have_text("Cherry, place 2 of 3.")
    console.keyboard.press("ArrowUp")
    expect_order(console, "c", "a", "b")
    expect(last).to_be_focused()
    console.keyboard.press("Escape")
    expect_order(console, "a", "b", "c")
    console.keyboard.press("Space")
    console.keyboard.press("Home")
    console.keyboard.press("Space")
    expect(said).to_have_text("Cherry dropped at place 1 of 3.")
    expect(viewer.get_by_test_id("shelf-item").first).to_have_attribute("data-sku", "c")
    expect_order(console, "c", "a", "b")


def test_an_order_that_another_host_makes_shows(room: str, open_page: OpenPage) -> None:
    one = stocked(open_page, room)
    other = open_page(f"/console/{room}")
    expect_order(other, "a", "b", "c")
    one.locator('[data-handle="a"]').focus()
    one.keyboard.press("Space")
    one.keyboard.press("ArrowDown")
    other.locator('[data-handle="c"]').focus()
    for key in ("Space", "Home", "Space"):
        other.keyboard.press(key)
    # What the first lifts is put down: the shelf it lay on is another.
    expect_order(one, "c", "a", "b")
    expect(one.get_by_test_id("sort-said")).to_contain_text("changed by somebody else")


def test_a_product_is_edited_in_its_row(server: LiveServer, room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    row = mount(console, "cup", "Cup", "10", 5, list_price="20", per_user_limit="2")
    row.get_by_test_id("edit").click()
    form = row.get_by_test_id("edit-form")
    expect(form.get_by_test_id("edit-price")).to_have_value("10.00")
    expect(form.get_by_test_id("edit-submit")).to_be_disabled()
    form.get_by_test_id("edit-price").fill("9.999")
    form.get_by_test_id("edit-title").focus()
    expect(form.get_by_test_id("problem-price")).to_have_text("An amount such as 9.90")
    form.get_by_test_id("edit-title").fill("Porcelain cup")
    form.get_by_test_id("edit-price").fill("8.5")
    form.get_by_test_id("edit-list_price").fill("")
    form.get_by_test_id("edit-submit").click()
    expect(form).to_have_count(0)
    expect(row).to_contain_text("Porcelain cup")
    expect(row.get_by_test_id("desk-price")).to_have_text("¥8.50")
    expect(row.get_by_test_id("list-price")).to_have_count(0)
    expect(row).to_contain_text("Limit 2")


def test_stock_is_added_and_taken_away(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    row = mount(console, "cup", "Cup", "10", 5)
    row.get_by_test_id("restock").click()
    row.get_by_test_id("restock-50").click()
    row.get_by_test_id("restock-less").click()
    expect(row.get_by_test_id("restock-after")).to_have_text("5 available now, 54 afterwards")
    row.get_by_test_id("restock-submit").click()
    expect(row.get_by_test_id("desk-available")).to_have_text("54")
    row.get_by_test_id("restock").click()
    row.get_by_test_id("restock-delta").fill("-55")
    expect(row.get_by_test_id("restock-after")).to_have_text("Only 54 are available to take away")
    expect(row.get_by_test_id("restock-submit")).to_be_disabled()
    row.get_by_test_id("restock-delta").fill("-54")
    row.get_by_test_id("restock-submit").click()
    expect(row.get_by_test_id("desk-out")).to_have_text("Sold out")
    row.get_by_test_id("restock").click()
    row.get_by_test_id("restock-delta").press("Escape")
    expect(row.get_by_test_id("restock-delta")).to_have_count(0)
    expect(row.get_by_test_id("restock")).to_be_focused()


def test_an_empty_shelf_says_where_to_begin_and_another_can_follow(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    console.get_by_test_id("shelf-first").click()
    form = console.get_by_test_id("mount-form")
    form.get_by_test_id("mount-title").fill("Cloud Runner 云感跑鞋")
    form.get_by_test_id("mount-price").fill("9.999")
    form.get_by_test_id("mount-stock").fill("3")
    expect(form.get_by_test_id("problem-price")).to_have_text("An amount such as 9.90")
    form.get_by_test_id("mount-another").click()
    expect(form.get_by_test_id("mount-price")).to_be_focused()
    form.get_by_test_id("mount-price").fill("399")
    form.get_by_test_id("mount-another").click()
    expect(form.get_by_test_id("mounted")).to_contain_text("Cloud Runner")
    expect(form.get_by_test_id("mount-title")).to_have_value("")
    expect_order(console, "cloud-runner")
    # What is typed and not sent is there again.
    form.get_by_test_id("mount-title").fill("Cloud Runner")
    console.get_by_test_id("dialog-close").click()
    console.reload()
    form = open_mount(console)
    expect(form.get_by_test_id("mount-title")).to_have_value("Cloud Runner")
    expect(form.get_by_test_id("problem-sku")).to_contain_text("cloud-runner-2")
    form.get_by_test_id("mount-sku").fill("cloud-runner")
    form.get_by_test_id("mount-price").fill("1")
    expect(form.get_by_test_id("problem-sku")).to_have_text("On the shelf already")


def test_what_the_server_finds_wrong_is_shown_at_its_field(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    mount(console, "cup", "Cup", "10", 5)
    form = open_sale(console)
    form.get_by_test_id("sale-at").click()
    form.get_by_test_id("sale-starts_at").fill("2020-01-01T00:00:00")
    form.get_by_test_id("sale-price").fill("5")
    form.get_by_test_id("sale-stock").fill("9")
    form.get_by_test_id("sale-submit").click()
    expect(form.get_by_test_id("problem-stock")).to_have_text("Only 5 are available")
    expect(form.get_by_test_id("problem-starts_at")).to_have_text("That has passed already")
    expect(form.get_by_test_id("sale-stock")).to_be_focused()
    form.get_by_test_id("sale-in-30").click()
    form.get_by_test_id("sale-stock").fill("5")
    # Another desk takes the units away while this page does not hear of it.
    console.evaluate(
        """() => {
          const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (data) {
            if (typeof data !== 'string' || !data.includes('sale.schedule')) return send.call(this, data);
            return send.call(this, data.replace('"stock":5', '"stock":6'));
          };
        }"""
    )
    form.get_by_test_id("sale-submit").click()
    expect(form.get_by_test_id("problem-stock")).to_have_text("only 5 are available")
    expect(form.get_by_test_id("sale-stock")).to_be_focused()


def test_a_sale_is_previewed_scheduled_cancelled_and_done_again(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    row = mount(console, "cup", "Cup", "10", 8)
    form = open_sale(console)
    form.get_by_test_id("sale-price").fill("6")
    form.get_by_test_id("sale-stock").fill("5")
    expect(form.get_by_test_id("problem-price")).to_have_text("40% off")
    plan = "In 30 s, for 1 min: 5 × “Cup” at ¥6 instead of ¥10"
    expect(form.get_by_test_id("sale-plan")).to_contain_text(plan)
    preview = form.get_by_test_id("sale-preview")
    expect(preview.get_by_test_id("flash")).to_have_attribute("data-window", "before")
    expect(preview.get_by_test_id("flash")).to_contain_text("¥6")
    form.get_by_test_id("preview-open").click()
    expect(preview.get_by_test_id("flash")).to_have_attribute("data-window", "open")
    form.get_by_test_id("sale-in-300").click()
    form.get_by_test_id("sale-for-180").click()
    form.get_by_test_id("sale-submit").click()
    sale = console.get_by_test_id("sale")
    expect(sale).to_have_attribute("data-window", "before")
    expect(row.get_by_test_id("desk-available")).to_have_text("3")
    row.get_by_test_id("unmount").click()
    expect(row.get_by_test_id("unmount-sure")).to_be_disabled()

    sale.get_by_test_id("sale-cancel").click()
    sale.get_by_test_id("sale-cancel").click()
    expect(sale).to_have_attribute("data-window", "over")
    expect(sale.get_by_test_id("sale-units")).to_have_text("0 of 5 sold · 5 went back to the shelf")
    expect(row.get_by_test_id("desk-available")).to_have_text("8")
    sale.get_by_test_id("sale-again").click()
    expect(form.get_by_test_id("sale-price")).to_have_value("6.00")
    expect(form.get_by_test_id("sale-duration")).to_have_value("180")


def test_an_ended_sale_says_what_it_sold(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "cup", "Cup", "10", 8)
    viewer = open_page(f"/live/{room}")
    schedule(console, "cup", "6", 5, 1, 20)
    viewer.get_by_test_id("flash-buy").click()
    sale = console.get_by_test_id("sale")
    expect(sale.get_by_test_id("sale-units")).to_contain_text("1 of 5 sold")
    sale.get_by_test_id("sale-cancel").click()
    sale.get_by_test_id("sale-cancel").click()
    expect(sale.get_by_test_id("sale-units")).to_have_text("1 of 5 sold · 4 went back to the shelf")
