"""Who sits at the desk: the host, a second host, a moderator, an operator, and who may not."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import announce, go_live, mount, say
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser

RUNNING = ("start", "end", "open-announce", "open-mount", "open-sale", "desk-shelf", "sales", "order-book")


def sit_down(open_page: OpenPage, server: LiveServer, room: str, user: str, role: str) -> Page:
    """The console as `user` in `role`, whose token is for this room alone."""
    page = open_page("/")
    page.evaluate(
        "([key, token]) => sessionStorage.setItem(key, JSON.stringify({kind: 'token', token}))",
        [f"miaodan.token.host.{room}", server.token(user, role, room)],
    )
    page.goto(f"{server.url}/console/{room}")
    return page


@pytest.mark.parametrize("role", ["host", "operator"])
def test_who_runs_the_room_has_everything(
    role: str, server: LiveServer, room: str, open_page: OpenPage
) -> None:
    desk = sit_down(open_page, server, room, "ann", role)
    expect(desk.get_by_test_id("desk-user")).to_have_attribute("data-role", role)
    for control in RUNNING:
        expect(desk.get_by_test_id(control)).to_have_count(1)
    expect(desk.get_by_test_id("counter-revenue")).to_be_visible()
    go_live(desk)
    mount(desk, "tea", "Tea", "10", 5)


def test_two_hosts_see_the_same_desk(server: LiveServer, room: str, open_page: OpenPage) -> None:
    first = sit_down(open_page, server, room, "ann", "host")
    second = sit_down(open_page, server, room, "bob", "host")
    expect(second.get_by_test_id("desk-user")).to_contain_text("bob")
    go_live(first)
    expect(second.get_by_test_id("pause")).to_be_visible()
    mount(second, "tea", "Tea", "10", 5)
    row = first.locator('[data-testid="desk-item"][data-sku="tea"]')
    row.get_by_test_id("pin").click()
    expect(second.get_by_test_id("preview").get_by_test_id("pinned")).to_have_attribute("data-sku", "tea")
    announce(second, "Two of us today")
    expect(first.get_by_test_id("announce-current")).to_have_text("Two of us today")
    second.get_by_test_id("pause").click()
    expect(first.get_by_test_id("desk-status")).to_have_attribute("data-status", "paused")


@pytest.mark.parametrize("phone", [False, True])
def test_a_moderator_has_the_chat_and_no_more(
    phone: bool, server: LiveServer, room: str, open_page: OpenPage
) -> None:
    host = sit_down(open_page, server, room, "ann", "host")
    go_live(host)
    desk = sit_down(open_page, server, room, "mod", "moderator")
    expect(desk.get_by_test_id("desk")).to_have_attribute("data-role", "moderator")
    if phone:
        desk.set_viewport_size({"width": 390, "height": 844})
        desk.get_by_test_id("desk-tab-chat").click()
        for part in ("goods", "orders"):
            expect(desk.get_by_test_id(f"desk-tab-{part}")).to_have_count(0)
    for control in (*RUNNING, "pause", "counter-revenue", "counter-paid"):
        expect(desk.get_by_test_id(control)).to_have_count(0)
    # Nor by the keyboard.
    for key in ("p", "n", "f", "a", "1"):
        desk.keyboard.press(key)

    viewer, other = open_page(f"/live/{room}"), open_page(f"/live/{room}")
    expect(other.get_by_test_id("room")).to_have_attribute("data-status", "live")
    say(viewer, "buy from my shop")
    expect(other.get_by_test_id("chat-line")).to_have_count(1)
    line = desk.get_by_test_id("desk-line")
    line.get_by_test_id("recall").click()
    expect(other.get_by_test_id("chat-line")).to_have_count(0)
    expect(desk.get_by_role("dialog")).to_have_count(0)


def test_who_is_no_host_is_told_so(server: LiveServer, room: str, open_page: OpenPage) -> None:
    desk = sit_down(open_page, server, room, "eve", "viewer")
    expect(desk.get_by_test_id("gone")).to_have_attribute("data-code", "4501")
    expect(desk.get_by_test_id("desk")).to_have_count(0)
    desk.locator("textarea[name=token]").fill(server.token("ann", "host", room))
    desk.get_by_role("button", name="Enter").click()
    expect(desk.get_by_test_id("desk")).to_be_visible()
