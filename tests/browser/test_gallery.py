"""Every state of the pages can be reached, and its pictures are kept in `build/gallery`."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.gallery import OUT, SHORT_LOOKS, make_gallery
from tests.live_server import LiveServer

pytestmark = pytest.mark.browser

STATES = [
    "not-started",
    "live",
    "shelf",
    "product-card",
    "countdown",
    "sale-open",
    "paid",
    "limit",
    "sold-out",
    "orders",
    "muted",
    "paused",
    "reconnecting",
    "network-lost",
    "sign-in",
    "guest",
    "no-room",
    "ended",
]
DESKS = [
    "start",
    "live",
    "goods",
    "orders",
    "chat",
    "figures",
    "mount",
    "sale",
    "keys",
    "moderator",
    "end",
    "ended",
]


@pytest.mark.timeout(300)
def test_every_state_has_its_picture(browser: Browser, server: LiveServer) -> None:
    studio = make_gallery(browser, server, OUT, SHORT_LOOKS, strict=True)
    names = {file.name for file in studio.taken}
    for state in STATES:
        assert f"viewer-{state}-zh-dark-phone.png" in names, state
    for state in DESKS:
        assert any(name.startswith(f"console-{state}-") for name in names), state
    assert {file.stat().st_size > 4_000 for file in studio.taken} == {True}
    code, report = server.audit()
    assert code == 0, report
