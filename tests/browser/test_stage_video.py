"""The room's stream in a real browser: from another origin under the pages' policy, and missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.stream import serving, write_stream
from tests.browser.wire import direct
from tests.live_server import LiveServer, product, running

pytestmark = pytest.mark.browser

ADVANCED = "since => document.querySelector('video').currentTime > since + 0.5"
PLAYING_MS = 60_000


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("stream")
    write_stream(directory)
    with serving(directory) as url:
        yield url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None, stream: str) -> Iterator[LiveServer]:
    """Streams may come from the stream's origin and from nowhere else."""
    with running(tmp_path_factory.mktemp("video"), server__demo=True, pages__media_sources=stream) as live:
        yield live


def on_air(server: LiveServer, name: str, url: str) -> str:
    server.create_room(name, title="Tea house 茶馆", stream_url=url)
    direct(server, name, ("room.start", {}), ("product.mount", {"product": product("tea", 5)}))
    return name


def position(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def test_a_stream_plays_and_goes_on_behind_the_product_card(
    server: LiveServer, stream: str, open_page: OpenPage
) -> None:
    page = open_page(f"/live/{on_air(server, 'plays', f'{stream}/live.m3u8')}", phone=True)
    expect(page.get_by_test_id("video")).to_have_attribute("data-state", "playing", timeout=PLAYING_MS)
    expect(page.get_by_test_id("video")).to_have_attribute("data-shape", "tall")
    page.wait_for_function(ADVANCED, arg=position(page), timeout=PLAYING_MS)
    page.get_by_test_id("open-shelf").click()
    page.get_by_test_id("shelf-item").get_by_test_id("buy").click()
    page.wait_for_function(ADVANCED, arg=position(page), timeout=PLAYING_MS)
    assert page.evaluate("document.querySelector('video').paused") is False
    assert page.evaluate("document.querySelector('video').muted") is True


def test_sound_is_one_tap_away(server: LiveServer, stream: str, open_page: OpenPage) -> None:
    page = open_page(f"/live/{on_air(server, 'sound', f'{stream}/live.m3u8')}", phone=True)
    page.get_by_test_id("sound").click()
    expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.querySelector('video').muted") is False


def test_a_stream_that_is_missing_shows_the_poster_and_is_tried_again(
    server: LiveServer, stream: str, open_page: OpenPage
) -> None:
    page = open_page(f"/live/{on_air(server, 'missing', f'{stream}/later.m3u8')}", phone=True)
    expect(page.get_by_test_id("video")).to_have_attribute("data-state", "failed", timeout=PLAYING_MS)
    expect(page.get_by_test_id("video-note")).to_contain_text("interrupted")
    page.route("**/later.m3u8", lambda route: route.fulfill(response=route.fetch(url=f"{stream}/live.m3u8")))
    expect(page.get_by_test_id("video")).to_have_attribute("data-state", "playing", timeout=PLAYING_MS)


def test_without_a_stream_there_is_no_player(server: LiveServer, open_page: OpenPage) -> None:
    server.create_room("none", title="Tea")
    direct(server, "none", ("room.start", {}))
    page = open_page("/live/none", phone=True)
    expect(page.get_by_test_id("video")).to_have_attribute("data-state", "none")
    expect(page.get_by_test_id("video-element")).to_have_count(0)
    expect(page.get_by_test_id("sound")).to_have_count(0)
