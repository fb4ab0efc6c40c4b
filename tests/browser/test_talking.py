"""Danmaku, moderation, language, and who may enter."""

from __future__ import annotations

import json
import re

import jwt
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import announce, go_live, mount, open_mount, say
from tests.browser.wire import direct, say_as
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="window.evil=1"><b>bold</b>'


def test_danmaku_with_markup_stays_text(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    sender, reader = open_page(f"/live/{room}", phone=True), open_page(f"/live/{room}")
    expect(reader.get_by_test_id("room")).to_have_attribute("data-status", "live")
    say(sender, EVIL)
    expect(reader.get_by_test_id("chat-line")).to_contain_text(EVIL)
    expect(reader.get_by_test_id("danmaku-layer")).to_have_attribute("data-flown", "1")
    expect(console.get_by_test_id("desk-line")).to_contain_text(EVIL)
    for page in (sender, reader, console):
        assert page.evaluate("window.evil") is None
        assert page.locator('img[src="x"]').count() == 0


def test_a_product_title_with_markup_stays_text(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    mount(console, "evil", EVIL, "1", 1)
    viewer = open_page(f"/live/{room}")
    expect(viewer.get_by_test_id("shelf-item")).to_contain_text(EVIL)
    assert viewer.locator('img[src="x"]').count() == 0


def test_host_recalls_mutes_and_kicks(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    viewer, other = open_page(f"/live/{room}"), open_page(f"/live/{room}")
    expect(other.get_by_test_id("room")).to_have_attribute("data-status", "live")
    say(viewer, "buy from my shop")
    expect(other.get_by_test_id("chat-line")).to_have_count(1)
    line = console.get_by_test_id("desk-line")
    line.get_by_test_id("recall").click()
    expect(other.get_by_test_id("chat-line")).to_have_count(0)

    line.get_by_test_id("mute").click()
    console.get_by_test_id("for-60000").click()
    console.get_by_test_id("moderate-reason").fill("advertising")
    console.get_by_test_id("mute-sure").click()
    expect(console.get_by_test_id("muted-list")).to_contain_text("Muted from here: 1")
    expect(viewer.get_by_test_id("chat-input")).to_be_disabled()
    expect(viewer.get_by_test_id("chat-input")).to_have_accessible_name(re.compile("Muted until"))
    viewer.reload()
    expect(viewer.get_by_test_id("chat-input")).to_be_disabled()
    expect(viewer.get_by_test_id("chat-input")).to_have_accessible_name(re.compile("Muted until"))
    line.get_by_test_id("mute").click()
    expect(viewer.get_by_test_id("chat-input")).to_be_enabled()

    expect(console.get_by_test_id("muted-list")).to_have_count(0)

    line.get_by_test_id("kick").click()
    console.get_by_test_id("kick-dialog").get_by_test_id("for-good").click()
    console.get_by_test_id("moderate-reason").fill("advertising")
    console.get_by_test_id("kick-sure").click()
    expect(viewer.get_by_test_id("gone")).to_have_attribute("data-code", "4502")
    expect(viewer.get_by_test_id("gone")).to_contain_text("You were removed from this room")
    viewer.keyboard.press("Tab")
    assert viewer.get_by_test_id("gone").evaluate("gone => gone.contains(document.activeElement)")


def test_a_muted_viewer_who_comes_back_sees_it_until_it_is_over(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    viewer = open_page(f"/live/{room}", phone=True)
    line = viewer.get_by_test_id("chat-input")
    expect(line).to_be_enabled()
    kept = json.loads(viewer.evaluate("sessionStorage.getItem('miaodan.token.viewer')"))
    user = jwt.decode(kept["token"], options={"verify_signature": False})["sub"]
    direct(server, room, ("room.start", {}), ("viewer.mute", {"user": user}))
    expect(line).to_be_disabled()
    viewer.reload()
    expect(line).to_be_disabled()
    expect(line).to_have_accessible_name("You are muted")
    direct(server, room, ("viewer.unmute", {"user": user}))
    expect(line).to_be_enabled()
    direct(server, room, ("viewer.mute", {"user": user, "duration_ms": 6_000}))
    viewer.reload()
    expect(line).to_have_accessible_name(re.compile("Muted until"))
    expect(line).to_be_enabled(timeout=15_000)
    # A room that is over: nobody waits for the end of a mute, and what is offered can be read.
    direct(server, room, ("viewer.mute", {"user": user, "duration_ms": 600_000}))
    expect(viewer.locator(".muted-left")).to_be_visible()
    direct(server, room, ("room.end", {}))
    expect(line).to_have_attribute("placeholder", "The chat is closed")
    expect(viewer.locator(".muted-left")).to_have_count(0)
    orders = viewer.get_by_test_id("curtain").get_by_role("button", name="My orders")
    ink, paper = orders.evaluate(
        "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
    )
    assert ink != paper


def test_the_chat_is_there_after_a_reload_and_flies_once(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    direct(server, room, ("room.start", {}))
    viewer = open_page(f"/live/{room}", phone=True)
    lines = viewer.get_by_test_id("chat-line")
    expect(viewer.get_by_test_id("room")).to_have_attribute("data-status", "live")
    *_, second = say_as(server, room, "ann", "is it fresh", "not this one")
    expect(lines).to_have_count(2)
    direct(server, room, ("danmaku.recall", {"message": second["message"]}))
    expect(lines).to_have_count(1)
    viewer.reload()
    expect(lines).to_contain_text(["is it fresh"])
    (third,) = say_as(server, room, "bo", "how much")
    expect(lines).to_contain_text(["is it fresh", "how much"])
    expect(viewer.get_by_test_id("danmaku-layer")).to_have_attribute("data-flown", "1")
    direct(server, room, ("danmaku.recall", {"message": third["message"]}))
    expect(lines).to_have_count(1)


def test_announcement_pin_and_order_of_the_shelf(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    go_live(console)
    mount(console, "a", "Apple", "1", 5)
    second = mount(console, "b", "Banana", "2", 5)
    viewer = open_page(f"/live/{room}")
    announce(console, "Free shipping today")
    expect(viewer.get_by_test_id("announcement")).to_contain_text("Free shipping today")
    console.get_by_test_id("announce-clear").click()
    expect(viewer.get_by_test_id("announcement")).to_have_count(0)

    second.get_by_test_id("pin").click()
    expect(viewer.get_by_test_id("pinned")).to_have_attribute("data-sku", "b")
    second.get_by_test_id("handle").click()
    second.get_by_test_id("up").click()
    second.get_by_test_id("handle").click()
    expect(viewer.get_by_test_id("shelf-item").first).to_have_attribute("data-sku", "b")
    second.get_by_test_id("restock").click()
    second.get_by_test_id("restock-delta").fill("7")
    second.get_by_test_id("restock-submit").click()
    expect(second.get_by_test_id("desk-available")).to_have_text("12")
    second.get_by_test_id("unmount").click()
    second.get_by_test_id("unmount-sure").click()
    expect(viewer.get_by_test_id("shelf-item")).to_have_count(1)
    expect(viewer.get_by_test_id("pinned")).to_have_count(0)


def test_the_mount_form_says_what_is_wrong(room: str, open_page: OpenPage) -> None:
    console = open_page(f"/console/{room}")
    form = open_mount(console)
    for name, text in {"sku": "not a sku", "title": "x", "price": "9.999", "stock": "-1"}.items():
        form.get_by_test_id(f"mount-{name}").fill(text)
    form.get_by_test_id("mount-list_price").fill("abc")
    form.get_by_test_id("mount-submit").click()
    for name in ("sku", "price", "stock", "list_price"):
        expect(form.get_by_test_id(f"problem-{name}")).not_to_be_empty()
    expect(form.get_by_test_id("problem-title")).to_be_empty()
    expect(console.get_by_test_id("desk-item")).to_have_count(0)


def test_language_follows_the_browser_and_the_switch_is_remembered(room: str, open_page: OpenPage) -> None:
    chinese = open_page(f"/live/{room}", locale="zh-CN")
    expect(chinese.get_by_test_id("room-status")).to_have_text("未开播")
    expect(chinese.get_by_test_id("demo-notice")).to_contain_text("演示模式")
    english = open_page(f"/live/{room}", locale="en-GB")
    expect(english.get_by_test_id("room-status")).to_have_text("Not started")
    english.get_by_test_id("language").click()
    expect(english.get_by_test_id("room-status")).to_have_text("未开播")
    assert english.evaluate("document.documentElement.lang") == "zh-CN"
    english.reload()
    expect(english.get_by_test_id("room-status")).to_have_text("未开播")


def test_a_room_that_is_not_there(open_page: OpenPage) -> None:
    viewer = open_page("/live/no-such-room")
    expect(viewer.get_by_test_id("gone")).to_have_attribute("data-code", "4504")
    expect(viewer.get_by_test_id("gone")).to_contain_text("No such room")


def test_the_console_creates_its_room(open_page: OpenPage) -> None:
    console = open_page("/console/brand-new")
    console.get_by_test_id("create-room").get_by_test_id("field-title").fill("Brand new")
    console.get_by_test_id("create-submit").click()
    expect(console.get_by_test_id("desk-status")).to_have_attribute("data-status", "scheduled")


def test_live_rooms_are_listed(room: str, open_page: OpenPage) -> None:
    go_live(open_page(f"/console/{room}"))
    card = open_page("/").locator(f'[data-room="{room}"]')
    expect(card).to_contain_text("Tea house 茶馆")
    card.get_by_role("link", name="Tea house").click()
    expect(card.page.get_by_test_id("room")).to_have_attribute("data-status", "live")


def test_tokens_are_in_no_address(server: LiveServer, room: str, open_page: OpenPage) -> None:
    page = open_page("/")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url))
    page.goto(f"{server.url}/live/{room}")
    expect(page.get_by_test_id("room")).to_be_visible()
    token = page.evaluate("JSON.parse(sessionStorage.getItem('miaodan.token.viewer')).token")
    assert any("/ws/live/" in address for address in addresses)
    assert all(token not in address for address in addresses)
