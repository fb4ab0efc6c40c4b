"""A real Chromium against a real server with the built pages."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.live_server import LiveServer, running

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "server" / "web" / "build.py"
FAILURES = ROOT / "build" / "browser-failures"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}

OpenPage = Callable[..., Page]
Theme = Literal["dark", "light"]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def built_pages() -> None:
    """`server/web/dist`, built from the present sources."""
    done = subprocess.run([sys.executable, str(BUILD)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if executable is None:
        reason = "no Chromium on PATH: install the package `chromium`"
        if os.environ.get("MIAODAN_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, headless=True, args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built_pages: None) -> Iterator[LiveServer]:
    """A server in demo mode, shared by a module's tests; each uses a room of its own."""
    with running(tmp_path_factory.mktemp("browser"), server__demo=True) as live:
        yield live


def talkative(directory: Path) -> AbstractContextManager[LiveServer]:
    """A demo server where everybody may say as much as they like, and everybody gets all of it."""
    return running(
        directory,
        server__demo=True,
        limits__danmaku_per_second=0,
        limits__commands_per_second=0,
        fanout__chat_budget=5_000,
    )


@pytest.fixture
def room(request: pytest.FixtureRequest, server: LiveServer) -> str:
    """A room of the test's own, not yet live."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", request.node.name)[:64]
    server.create_room(name, title="Tea house 茶馆")
    return name


@pytest.fixture
def open_page(request: pytest.FixtureRequest, browser: Browser, server: LiveServer) -> Iterator[OpenPage]:
    """Opens a path as a new visitor; what a page complained about fails the test at its end.

    `at`: an origin that is not the server's own; `script`: run before any of the page's. Where the test
    failed, `build/browser-failures` has a picture of every page.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_path(
        path: str,
        *,
        phone: bool = False,
        locale: str = "en-US",
        theme: Theme = "light",
        at: str | None = None,
        script: str | None = None,
    ) -> Page:
        context = browser.new_context(viewport=PHONE if phone else DESKTOP, locale=locale, color_scheme=theme)
        context.set_default_timeout(15_000)
        if script is not None:
            context.add_init_script(script)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda message: _complain(complaints, message.text))
        page.on("request", lambda request: _outside(complaints, request.url))
        page.goto((at or server.url) + path)
        return page

    yield open_path
    if request.node.stash.get(FAILED, False):
        _picture(request.node.name, contexts)
    for context in contexts:
        context.close()
    assert complaints == []


def _picture(test: str, contexts: list[BrowserContext]) -> None:
    FAILURES.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", test)
    for number, page in enumerate([page for context in contexts for page in context.pages]):
        # A page that hangs is no reason to lose the others' pictures.
        with contextlib.suppress(PlaywrightError):
            page.screenshot(path=FAILURES / f"{name}-{number}.png", timeout=5_000)


def _complain(complaints: list[str], text: str) -> None:
    if "Content Security Policy" in text:
        complaints.append(f"policy: {text}")


def _outside(complaints: list[str], url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        complaints.append(f"request to elsewhere: {url}")
