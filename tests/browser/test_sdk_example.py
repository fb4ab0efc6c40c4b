"""The page in docs/sdk.md does what the text says, from an origin of its own, word for word."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import ClientConnection, connect

from server.demo import ROOM
from tests.browser.conftest import CHROMIUM_ARGUMENTS, CHROMIUM_NAMES
from tests.live_server import LiveServer, running

pytestmark = pytest.mark.browser

GUIDE = Path(__file__).parents[2] / "docs" / "sdk.md"
WRITTEN = "127.0.0.1:8460"
"""The server that the example names; the browser is led to the test's."""


def example() -> str:
    (found,) = re.findall(r"^```html\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    html: str = found
    return html


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The origin of a web server of its own with the files of a folder."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the example as its page."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "index.html").write_text(example(), "utf-8")
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[str]:
    with serving(folder) as origin:
        yield origin


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None, shop: str) -> Iterator[LiveServer]:
    """A demo's server that admits the shop."""
    directory = tmp_path_factory.mktemp("example")
    with running(directory, server__demo=True, server__allowed_origins=shop) as live:
        yield live


@pytest.fixture
def page(browser: Browser, server: LiveServer) -> Iterator[Page]:
    """A page of a browser for which the example's server is the test's."""
    executable = next(path for name in CHROMIUM_NAMES if (path := shutil.which(name)))
    led = f"--host-resolver-rules=MAP {WRITTEN} 127.0.0.1:{server.port}"
    led_browser = browser.browser_type.launch(
        executable_path=executable, headless=True, args=[*CHROMIUM_ARGUMENTS, led]
    )
    page = led_browser.new_page()
    page.set_default_timeout(30_000)
    yield page
    led_browser.close()


class Host:
    """The room's host, one command at a time."""

    def __init__(self, socket: ClientConnection, token: str) -> None:
        self._socket = socket
        self._say({"type": "hello", "token": token})

    def _say(self, command: dict[str, object]) -> None:
        self._socket.send(json.dumps(command))

    def ask(self, kind: str, **fields: object) -> None:
        """Returns once it is done."""
        self._say({"type": kind, "id": 1, **fields})
        while True:
            for event in json.loads(self._socket.recv(timeout=20)):
                if event.get("id") == 1:
                    assert event["type"] in ("done", "danmaku.accepted"), event
                    return


@pytest.fixture
def host(server: LiveServer) -> Iterator[Host]:
    """Of the example's room."""
    server.create_room(ROOM, title="Tea house 茶馆")
    with connect(f"{server.ws}/ws/control/{ROOM}") as socket:
        yield Host(socket, server.token("host", "host"))


def test_the_example_has_twenty_lines_and_names_the_demo() -> None:
    assert len(example().splitlines()) == 20
    assert example().count(WRITTEN) == 3
    assert f'"{ROOM}"' in example()


def test_the_example_shows_and_sells(page: Page, host: Host, shop: str) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    host.ask("room.start")
    host.ask("product.mount", product={"sku": "tea", "title": "Oolong", "price": 12950, "stock": 1})
    page.goto(shop)
    expect(page.locator("#title")).to_have_text("Tea house 茶馆", timeout=30_000)
    expect(page.locator("#shown")).to_have_text("Oolong 129.5 CNY")
    host.ask("danmaku.send", text="hello <b>all</b>")
    expect(page.locator("#chat li")).to_have_text(["host: hello <b>all</b>"])
    host.ask("product.update", sku="tea", price=9900)
    expect(page.locator("#shown")).to_have_text("Oolong 99 CNY")
    expect(page.locator("#buy")).to_be_enabled()
    page.locator("#buy").click()
    expect(page.locator("#result")).to_have_text("paid", timeout=30_000)
    expect(page.locator("#buy")).to_be_disabled()
    assert complaints == []


def test_a_page_that_is_not_admitted_may_load_the_client_and_waits(page: Page, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    with serving(tmp_path) as stranger:
        page.goto(stranger)
        status = page.evaluate(
            """async () => {
              const { joinRoom } = await import("http://127.0.0.1:8460/sdk/miaodan-client.js");
              const live = joinRoom("http://127.0.0.1:8460", "demo");
              const lost = await live.next("status", { where: ({ phase }) => phase !== "connecting" });
              live.close();
              return [lost.phase, lost.code];
            }"""
        )
    assert status == ["waiting", 1006]
