"""One room, read side by side by other people's WebSockets, with and without compression."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import CHROMIUM_ARGUMENTS, CHROMIUM_NAMES
from tests.conformance.readers import OVER, BrowserReader, NodeReader, PythonReader, Reader
from tests.integration.test_main_job import live_room
from tests.live_server import Client, Event, LiveServer, host, product, running, viewer

pytestmark = [pytest.mark.anyio, pytest.mark.conformance, pytest.mark.timeout(180)]

ROUNDS = 80
EVERYBODYS = {"room.updated", "product.mounted", "product.pinned", "room.state", "danmaku", "danmaku.skipped"}
START = "now it begins"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(
        tmp_path_factory.mktemp("interop"),
        limits__danmaku_per_second=0,
        limits__commands_per_second=0,
        fanout__chat_budget=100_000,
        fanout__chat_bytes=10_000_000,
        fanout__soft_mark=16_000_000,
        fanout__hard_mark=32_000_000,
    ) as live:
        yield live


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    executable = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if executable is None:
        reason = "no Chromium on PATH: install the package `chromium`"
        if os.environ.get("MIAODAN_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=executable, headless=True, args=CHROMIUM_ARGUMENTS
        )
        yield launched
        await launched.close()


async def readers(browser: Browser) -> list[Reader]:
    """The first of each encoding takes no compression: what it reads is what all have to."""
    bits = [12, 13, 14, 15]
    return [
        PythonReader("plain"),
        PythonReader("plain-packed", binary=True),
        PythonReader("python", deflate={}),
        PythonReader("python-packed", binary=True, deflate={}),
        *(PythonReader(f"python-{n}", deflate={"server_max_window_bits": n}) for n in bits),
        PythonReader(
            "python-small", deflate={"client_max_window_bits": 9, "server_no_context_takeover": True}
        ),
        PythonReader("python-packed-12", binary=True, deflate={"server_max_window_bits": 12}),
        NodeReader("node-plain"),
        NodeReader("node", deflate={}),
        NodeReader("node-packed", binary=True, deflate={}),
        NodeReader("node-12", deflate={"server_max_window_bits": 12, "client_max_window_bits": 10}),
        NodeReader(
            "node-bare", deflate={"client_max_window_bits": False, "client_no_context_takeover": True}
        ),
        BrowserReader("chromium", await browser.new_page(bypass_csp=True)),
        BrowserReader("chromium-packed", await browser.new_page(bypass_csp=True), binary=True),
    ]


async def an_evening(control: Client, speaker: Client) -> None:
    """Rounds of every size: alone and in bursts, that compress well and that hardly do, under the threshold
    and over it."""
    drawn = random.Random(7)
    await control.ask("room.announce", text=START)
    for number in range(ROUNDS):
        size = drawn.choice((1, 10, 100, 150, 200, 480))
        letters = "茶" if number % 3 else [chr(drawn.randrange(0x4E00, 0x9FFF)) for _ in range(500)]
        text = "".join(drawn.choice(letters) for _ in range(size))
        for said in range(drawn.choice((0, 1, 25))):
            words = f"{number}/{said} " + text[:150]
            await speaker.send({"type": "danmaku.send", "id": 1_000 + said, "text": words})
        told = await control.ask("room.announce", text=f"{number} {text}")
        assert told["type"] == "done", told
        if number % 10 == 0:
            mounted = product(f"S{number}", title=text[:60])
            assert (await control.ask("product.mount", product=mounted))["type"] == "done"
    last = await speaker.ask("danmaku.send", text="good night")
    await speaker.wait_for("danmaku", message=last["message"])
    assert (await control.ask("room.announce", text=OVER))["type"] == "done"


def evening(reader: Reader) -> list[Event]:
    """What everybody was told, from the start to the end."""
    everybodys = [event for event in reader.events if event["type"] in EVERYBODYS]
    announced = [event.get("announcement") for event in everybodys]
    return everybodys[announced.index(START) : announced.index(OVER) + 1]


async def test_everybody_reads_the_same(server: LiveServer, browser: Browser) -> None:
    server.create_room("r")
    crowd = await readers(browser)
    async with host(server, "r") as control, viewer(server, "r", "speaker") as speaker:
        await live_room(control)
        async with asyncio.TaskGroup() as group:
            for reader in crowd:
                group.create_task(reader.read(server, "r"), name=reader.name)
            async with asyncio.timeout(60):
                for reader in crowd:
                    await reader.welcomed.wait()
            await an_evening(control, speaker)
    by_codec = {reader.binary: evening(reader) for reader in reversed(crowd) if reader.deflate is None}
    kinds = {event["type"] for event in by_codec[False]}
    assert {"danmaku", "room.updated", "product.mounted"} <= kinds and "danmaku.skipped" not in kinds
    assert by_codec[False] == by_codec[True]
    for reader in crowd:
        assert evening(reader) == by_codec[reader.binary], reader.name
        assert reader.extensions.startswith("permessage-deflate") is (reader.deflate is not None), reader.name
