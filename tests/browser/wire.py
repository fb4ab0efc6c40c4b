"""What a host or a buyer does meanwhile, on sockets of their own: for tests whose subject is another page."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.live_server import Event, LiveServer, host, viewer

Result = TypeVar("Result")
Step = tuple[str, dict[str, object]]


def beside_the_browser(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs it on a loop of its own: Playwright's occupies this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result(60)


def direct(server: LiveServer, room: str, *steps: Step) -> list[Event]:
    """The host sends these commands, each once the one before is done; their replies."""

    async def run() -> list[Event]:
        async with host(server, room) as desk:
            return [await _done(desk.ask(command, **fields), command) for command, fields in steps]

    return beside_the_browser(run())


def say_as(server: LiveServer, room: str, user: str, *texts: str) -> list[Event]:
    """A viewer speaks; the `danmaku.accepted` of each line."""

    async def run() -> list[Event]:
        async with viewer(server, room, user) as one:
            return [await _done(one.ask("danmaku.send", text=text), text) for text in texts]

    return beside_the_browser(run())


def buy_as(server: LiveServer, room: str, user: str, **what: object) -> Event:
    """A viewer buys `sku` or `sale` and pays; the order."""

    async def run() -> Event:
        async with viewer(server, room, user) as one:
            request = {"request_id": f"{user}-1", "pay": True, **what}
            order: Event = (await _done(one.ask("order.place", **request), "order.place"))["order"]
            return order

    return beside_the_browser(run())


async def _done(asked: Coroutine[Any, Any, Event], what: str) -> Event:
    reply = await asked
    assert reply["type"] != "error", (what, reply)
    return reply
