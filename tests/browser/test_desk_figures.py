"""The desk's charts: they follow the room, outlive a lost connection with a hole, and are said in words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import go_live, mount, shelf_item
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser


def points(desk: Page) -> int:
    return int(desk.get_by_test_id("chart-online").get_attribute("data-points") or 0)


def await_points(desk: Page, least: int) -> None:
    """Until the charts hold this many samples."""
    desk.wait_for_function(
        "least => Number(document.querySelector('[data-testid=chart-online]').dataset.points) >= least",
        arg=least,
        timeout=30_000,
    )


def painted(desk: Page, metric: str) -> bool:
    """Whether the chart's canvas shows anything at all."""
    canvas = desk.get_by_test_id(f"chart-{metric}").locator("canvas")
    pixels = "getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    return bool(canvas.evaluate(f"canvas => canvas.{pixels}.some(Boolean)"))


def test_charts_follow_the_room_and_are_said_in_words(room: str, open_page: OpenPage) -> None:
    desk = open_page(f"/console/{room}")
    go_live(desk)
    mount(desk, "tea", "Tea", "10", 5)
    buyer = open_page(f"/live/{room}")
    shelf_item(buyer, "tea").get_by_test_id("buy").click()
    buyer.get_by_test_id("pay-now").click()
    expect(desk.get_by_test_id("counter-revenue")).to_have_text("¥10")
    expect(desk.get_by_test_id("chart-revenue-words")).to_have_text(
        re.compile("In the last 10 minutes: least ¥0, most ¥10")
    )
    await_points(desk, 3)
    for metric in ("online", "danmaku", "orders", "revenue"):
        assert painted(desk, metric), metric
    desk.get_by_test_id("window-2").click()
    expect(desk.get_by_test_id("chart-online-words")).to_contain_text("In the last 2 minutes")
    desk.get_by_test_id("theme").click()
    expect(desk.get_by_test_id("chart-online").locator("canvas")).to_have_count(1)
    assert painted(desk, "online")

    desk.get_by_test_id("figures-products").click()
    row = desk.locator('[data-testid="bar-row"][data-key="tea"] td')
    expect(row).to_have_text(["1", "0", "4"])


def test_charts_fit_their_box_when_it_changes(room: str, open_page: OpenPage) -> None:
    desk = open_page(f"/console/{room}")
    canvas = desk.get_by_test_id("chart-online").locator("canvas")
    expect(canvas).to_be_visible()
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.get_by_test_id("desk-tab-figures").click()
    desk.wait_for_function(
        """() => {
            const chart = document.querySelector('[data-testid=chart-online] .chart');
            const canvas = chart.querySelector('canvas');
            return chart.clientWidth > 300 && Math.abs(canvas.clientWidth - chart.clientWidth) <= 1;
        }"""
    )
    assert painted(desk, "online")


def test_what_was_drawn_outlives_a_restart_of_the_server(
    server: LiveServer, room: str, open_page: OpenPage
) -> None:
    desk = open_page(f"/console/{room}")
    go_live(desk)
    await_points(desk, 3)
    before = points(desk)
    server.stop()
    expect(desk.get_by_test_id("desk-link")).to_have_attribute("data-phase", "waiting")
    expect(desk.get_by_test_id("pause")).to_be_disabled()
    expect(desk.get_by_test_id("switch-why")).to_have_text(
        "No connection: nothing can be switched until it is back"
    )
    expect(desk.get_by_test_id("open-mount")).to_be_disabled()
    server.start()
    expect(desk.get_by_test_id("desk-link")).to_have_attribute("data-phase", "open", timeout=40_000)
    expect(desk.get_by_test_id("pause")).to_be_enabled()
    await_points(desk, before + 1)
