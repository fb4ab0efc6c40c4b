"""The host's desk: one screen, what viewers see, start and end, keys, figures, announcement, summary."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import announce, end_room, go_live, mount, say, schedule, shelf_item
from tests.browser.wire import Step, direct
from tests.live_server import LiveServer, product

pytestmark = pytest.mark.browser

SCREENS: dict[str, ViewportSize] = {
    "wide": {"width": 1440, "height": 900},
    "laptop": {"width": 1280, "height": 800},
    "tablet": {"width": 768, "height": 1024},
    "phone": {"width": 390, "height": 844},
}
PARTS = ("show", "goods", "orders", "chat", "figures")


def open_desk(open_page: OpenPage, room: str, **options: bool | str) -> Page:
    desk = open_page(f"/console/{room}", **options)
    expect(desk.get_by_test_id("desk-link")).to_have_attribute("data-phase", "open")
    return desk


@pytest.mark.parametrize("screen", SCREENS)
def test_the_desk_is_one_screen(screen: str, room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    go_live(desk)
    for number in range(1, 9):
        mount(desk, f"tea-{number}", f"Tea {number} 很长的茶叶名字和它的产地说明", "19.90", 5)
    desk.set_viewport_size(SCREENS[screen])
    wide = SCREENS[screen]["width"] >= 1100
    expect(desk.get_by_test_id("desk-tabs")).to_be_visible(visible=not wide)
    for part in PARTS:
        if not wide and (screen == "phone" or part != "show"):
            desk.get_by_test_id(f"desk-tab-{part}").click()
        expect(desk.get_by_test_id(f"part-{part}")).to_be_in_viewport(ratio=1)
        root = "document.documentElement"
        assert desk.evaluate(f"{root}.scrollHeight <= innerHeight && {root}.scrollWidth <= innerWidth"), part


def test_the_preview_shows_what_viewers_see(room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    preview = desk.get_by_test_id("preview")
    expect(preview).to_contain_text("The host has not started yet")
    go_live(desk)
    expect(preview).not_to_contain_text("The host has not started yet")
    row = mount(desk, "tea", "Spring tea", "19.90", 5)
    row.get_by_test_id("pin").click()
    expect(preview.get_by_test_id("pinned")).to_contain_text("Spring tea")
    announce(desk, "Free shipping today")
    expect(desk.get_by_test_id("preview-announcement")).to_have_text("Free shipping today")
    schedule(desk, "tea", "9.90", 3, 600, 60)
    expect(preview.get_by_test_id("flash")).to_have_attribute("data-window", "before")
    viewer = open_page(f"/live/{room}", phone=True)
    say(viewer, "looks good")
    expect(preview.get_by_test_id("chat-line")).to_contain_text("looks good")
    # To be looked at only: neither the pointer nor the keyboard gets in.
    assert preview.locator(".phone").evaluate("phone => phone.inert") is True
    box = preview.locator(".phone").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 390 / 844) < 0.01


def test_a_phone_shows_a_product_from_beneath_its_preview(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    goods: list[Step] = [("product.mount", {"product": product(sku, title=sku)}) for sku in ("tea", "cup")]
    direct(server, room, ("room.start", {}), *goods)
    desk = open_page(f"/console/{room}", phone=True)
    cup, tea = (desk.locator(f'[data-testid="strip-pin"][data-sku="{sku}"]') for sku in ("cup", "tea"))
    cup.click()
    expect(cup).to_have_attribute("aria-pressed", "true")
    expect(desk.get_by_test_id("preview").get_by_test_id("pinned")).to_have_attribute("data-sku", "cup")
    tea.click()
    expect(cup).to_have_attribute("aria-pressed", "false")
    tea.click()
    expect(tea).to_have_attribute("aria-pressed", "false")
    expect(desk.get_by_test_id("preview").get_by_test_id("pinned")).to_have_count(0)
    # Where the shelf itself is in sight there is no second one.
    desk.set_viewport_size({"width": 1280, "height": 800})
    expect(desk.get_by_test_id("pin-strip")).to_be_hidden()


def test_starting_and_ending_ask_first_and_say_what_will_happen(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    desk = open_desk(open_page, room)
    expect(desk.get_by_test_id("switch-why")).to_have_text("Orders are taken once the room is live")
    desk.get_by_test_id("start").click()
    expect(desk.get_by_test_id("start-dialog")).to_contain_text("The shelf is empty")
    desk.keyboard.press("Escape")
    expect(desk.get_by_test_id("start-dialog")).to_have_count(0)
    expect(desk.get_by_test_id("start")).to_be_focused()
    expect(desk.get_by_test_id("desk-status")).to_have_attribute("data-status", "scheduled")

    go_live(desk)
    expect(desk.get_by_test_id("on-air")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    desk.get_by_test_id("pause").click()
    expect(desk.get_by_test_id("switch-why")).to_have_text("Paused: nobody can order until you resume")
    desk.get_by_test_id("start").click()
    expect(desk.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")

    mount(desk, "tea", "Tea", "10", 5)
    schedule(desk, "tea", "9", 2, 600, 60)
    buyer = open_page(f"/live/{room}")
    shelf_item(buyer, "tea").get_by_test_id("buy").click()
    buyer.get_by_test_id("hold").click()
    expect(desk.get_by_test_id("counter-reserved")).to_have_text("1")
    desk.get_by_test_id("end").click()
    expect(desk.get_by_test_id("end-sales")).to_contain_text("their rest goes back to the shelf: 1")
    expect(desk.get_by_test_id("end-unpaid")).to_contain_text("Unpaid orders: 1")
    expect(desk.get_by_test_id("end-keep")).to_be_focused()
    dialog = desk.get_by_test_id("end-dialog")
    expect(dialog.get_by_text("An ended room cannot go live again.")).to_be_in_viewport(ratio=1)
    assert dialog.locator(".hint").evaluate("hint => getComputedStyle(hint).position") == "static"
    desk.get_by_test_id("end-keep").click()
    expect(desk.get_by_test_id("desk-status")).to_have_attribute("data-status", "live")
    end_room(desk)
    expect(buyer.get_by_test_id("room")).to_have_attribute("data-status", "ended")


def test_an_ended_room_is_summed_up(room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    go_live(desk)
    mount(desk, "tea", "Tea", "10", 5)
    buyer = open_page(f"/live/{room}")
    shelf_item(buyer, "tea").get_by_test_id("buy").click()
    buyer.get_by_test_id("pay-now").click()
    expect(desk.get_by_test_id("counter-revenue")).to_have_text("¥10")
    end_room(desk)
    expect(desk.get_by_test_id("summary-revenue")).to_have_text("¥10")
    expect(desk.get_by_test_id("summary-paid")).to_have_text("1")
    row = desk.get_by_test_id("summary").locator('[data-testid="bar-row"][data-key="tea"] td')
    expect(row).to_have_text(["1", "0", "4"])
    expect(desk.get_by_test_id("part-orders")).to_be_visible()
    expect(desk.get_by_test_id("start")).to_have_count(0)
    desk.get_by_test_id("next-room").click()
    expect(desk.get_by_test_id("create-room")).to_be_visible()


def test_keys_run_the_desk_and_are_letters_where_one_types(room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    status = desk.get_by_test_id("desk-status")
    press = desk.keyboard.press
    press("l")
    expect(desk.get_by_test_id("confirm-start")).to_be_focused()
    press("Enter")
    expect(status).to_have_attribute("data-status", "live")
    # Under the dialog keys do nothing, and it goes once the server answered.
    expect(desk.get_by_test_id("start-dialog")).to_have_count(0)
    press("p")
    expect(status).to_have_attribute("data-status", "paused")
    press("l")
    expect(status).to_have_attribute("data-status", "live")

    press("f")
    expect(desk.get_by_test_id("toast").last).to_have_text("Put a product on the shelf first")
    press("n")
    expect(desk.get_by_test_id("mount-title")).to_be_focused()
    # In a field every key is text: neither does this pause, nor does it open anything.
    desk.keyboard.type("lp-fan")
    expect(desk.get_by_test_id("mount-title")).to_have_value("lp-fan")
    expect(desk.get_by_test_id("sale-drawer")).to_have_count(0)
    press("Escape")
    expect(desk.get_by_test_id("mount-drawer")).to_have_count(0)
    expect(status).to_have_attribute("data-status", "live")

    mount(desk, "a", "Apple", "1", 5)
    mount(desk, "b", "Banana", "2", 5)
    pinned = desk.get_by_test_id("preview").get_by_test_id("pinned")
    press("2")
    expect(pinned).to_have_attribute("data-sku", "b")
    press("1")
    expect(pinned).to_have_attribute("data-sku", "a")
    press("0")
    expect(pinned).to_have_count(0)
    press("f")
    expect(desk.get_by_test_id("sale-drawer")).to_be_visible()
    press("Escape")
    press("a")
    expect(desk.get_by_test_id("announce-text")).to_be_focused()
    press("Escape")
    press("/")
    expect(desk.get_by_test_id("desk-chat-input")).to_be_focused()
    expect(desk.get_by_test_id("desk-chat-input")).to_have_value("")


def test_the_list_of_keys_turns_them_off_and_that_is_remembered(room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    desk.keyboard.press("?")
    expect(desk.get_by_test_id("keys-dialog")).to_contain_text("Go live, or resume")
    desk.get_by_test_id("keys-on").uncheck()
    desk.keyboard.press("Escape")
    expect(desk.get_by_test_id("keys-dialog")).to_have_count(0)
    desk.reload()
    expect(desk.get_by_test_id("desk-link")).to_have_attribute("data-phase", "open")
    desk.keyboard.press("n")
    desk.keyboard.press("l")
    # `?` always works: that it opens shows that the keys before it did nothing.
    desk.keyboard.press("?")
    expect(desk.get_by_test_id("keys-on")).not_to_be_checked()
    expect(desk.get_by_test_id("mount-drawer")).to_have_count(0)
    desk.get_by_test_id("keys-on").check()
    desk.keyboard.press("Escape")
    desk.keyboard.press("n")
    expect(desk.get_by_test_id("mount-drawer")).to_be_visible()


def test_an_announcement_is_written_from_what_was_said_before(room: str, open_page: OpenPage) -> None:
    desk = open_desk(open_page, room)
    expect(desk.get_by_test_id("announce-current")).to_have_text("No announcement")
    desk.get_by_test_id("open-announce").click()
    desk.get_by_test_id("announce-text").fill("<b>Today</b> 全场包邮")
    expect(desk.get_by_test_id("announce-preview")).to_have_text("<b>Today</b> 全场包邮")
    desk.get_by_test_id("announce-submit").click()
    expect(desk.get_by_test_id("announce-current")).to_have_text("<b>Today</b> 全场包邮")
    desk.get_by_test_id("announce-clear").click()
    expect(desk.get_by_test_id("announce-current")).to_have_text("No announcement")
    desk.get_by_test_id("open-announce").click()
    desk.get_by_test_id("announce-preset").first.click()
    expect(desk.get_by_test_id("announce-text")).to_have_value("<b>Today</b> 全场包邮")
