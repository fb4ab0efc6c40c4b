"""The desk's chat: it follows what is said until the host scrolls back, and a finger opens a line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage, talkative
from tests.browser.wire import direct, say_as
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser

LEFT = "list => list.scrollHeight - list.clientHeight - list.scrollTop"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None) -> Iterator[LiveServer]:
    """Everybody may say as much as they like, and the desk gets all of it."""
    with talkative(tmp_path_factory.mktemp("desk-chat")) as live:
        yield live


def said(server: LiveServer, room: str, desk: Page, first: int, count: int) -> None:
    """Lines `first` and on are on the desk."""
    say_as(
        server,
        room,
        "talker",
        *(f"line {number} " + "so much to say " * 4 for number in range(first, first + count)),
    )
    expect(desk.get_by_test_id("desk-line").last).to_contain_text(f"line {first + count - 1} ")


def at_end(desk: Page) -> None:
    desk.wait_for_function(f"({LEFT})(document.querySelector('[data-testid=desk-chat]')) <= 1")


def test_it_follows_until_the_host_scrolls_back(server: LiveServer, room: str, open_page: OpenPage) -> None:
    desk = open_page(f"/console/{room}")
    expect(desk.get_by_test_id("desk")).to_be_visible()
    direct(server, room, ("room.start", {}))
    chat = desk.get_by_test_id("desk-chat")
    said(server, room, desk, 0, 40)
    at_end(desk)
    # What a list does by itself, where lines go or come between two looks, is nobody's wish.
    chat.evaluate("list => { list.scrollTop -= 150; }")
    said(server, room, desk, 40, 40)
    at_end(desk)
    expect(desk.get_by_test_id("chat-follow")).to_have_count(0)

    chat.hover()
    desk.mouse.wheel(0, -300)
    expect(desk.get_by_test_id("chat-follow")).to_be_visible()
    said(server, room, desk, 80, 5)
    expect(desk.get_by_test_id("chat-follow")).to_contain_text("5")
    assert chat.evaluate(LEFT) > 100
    desk.get_by_test_id("chat-follow").click()
    at_end(desk)
    expect(desk.get_by_test_id("chat-follow")).to_have_count(0)
    said(server, room, desk, 85, 5)
    at_end(desk)


def test_a_finger_opens_a_line_before_anything_is_done(
    server: LiveServer, room: str, browser: Browser
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en-US"
    )
    desk = context.new_page()
    desk.goto(f"{server.url}/console/{room}")
    expect(desk.get_by_test_id("desk")).to_be_visible()
    direct(server, room, ("room.start", {}))
    desk.get_by_test_id("desk-tab-chat").tap()
    said(server, room, desk, 0, 1)
    line = desk.get_by_test_id("desk-line")
    box, recall = line.bounding_box(), line.get_by_test_id("recall")
    assert box is not None
    # At the very place of the buttons: they are not to be seen, so they are not to be hit.
    desk.touchscreen.tap(box["x"] + box["width"] - 10, box["y"] + 10)
    expect(line).to_have_class("open")
    expect(desk.get_by_test_id("kick-dialog")).to_have_count(0)
    button = recall.bounding_box()
    assert button is not None
    assert button["height"] >= 40
    recall.tap()
    expect(line).to_have_class("recalled open")
    context.close()
