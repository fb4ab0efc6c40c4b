"""A real Chromium against a real server with the built pages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.live_server import LiveServer, running

BUILD = Path(__file__).parents[2] / "server" / "web" / "build.py"
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


@pytest.fixture
def room(request: pytest.FixtureRequest, server: LiveServer) -> str:
    """A room of the test's own, not yet live."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", request.node.name)[:64]
    server.create_room(name, title="Tea house 茶馆")
    return name


@pytest.fixture
def open_page(browser: Browser, server: LiveServer) -> Iterator[OpenPage]:
    """Opens a path as a new visitor; what a page complained about fails the test at its end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_path(path: str, *, phone: bool = False, locale: str = "en-US") -> Page:
        context = browser.new_context(viewport=PHONE if phone else DESKTOP, locale=locale)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda message: _complain(complaints, message.text))
        page.on("request", lambda request: _outside(complaints, request.url))
        page.goto(server.url + path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert complaints == []


def _complain(complaints: list[str], text: str) -> None:
    if "Content Security Policy" in text:
        complaints.append(f"policy: {text}")


def _outside(complaints: list[str], url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        complaints.append(f"request to elsewhere: {url}")
