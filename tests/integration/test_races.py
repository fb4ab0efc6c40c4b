"""Two hundred sockets at two gateways want the same thing at the same moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.depth import rounds
from tests.integration.test_main_job import live_room
from tests.live_server import Client, LiveServer, host, product, running, viewer
from tests.sandbox.running import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RACERS = 200
TURNS = rounds(8, 25)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data_dir: Path = tmp_path_factory.mktemp("races")
    with running(
        data_dir,
        workers=2,
        limits__orders_per_second=0,
        limits__commands_per_second=0,
        gateway__sockets_per_user=RACERS,
    ) as live:
        yield live


def sockets_of_gateways(server: LiveServer) -> list[int]:
    """Open connections per gateway."""
    counts = []
    for gateway in server.children("gateway"):
        connections = gateway.net_connections(kind="tcp")
        counts.append(sum(c.status == "ESTABLISHED" and c.laddr.port == server.port for c in connections))
    return counts


async def enter(
    stack: contextlib.AsyncExitStack, server: LiveServer, room: str, users: list[str]
) -> list[Client]:
    """A socket for each, some at either gateway."""
    sockets: list[Client] = []
    for start in range(0, len(users), 20):  # as many as a listen queue takes
        some = users[start : start + 20]
        sockets += await asyncio.gather(
            *(stack.enter_async_context(viewer(server, room, user, open_timeout=30)) for user in some)
        )
    assert min(sockets_of_gateways(server)) >= 10, "both gateways have some"
    return sockets


async def paid_for(server: LiveServer, order: str) -> list[tuple[str, int]]:
    """Standing and refunded amount of every payment the provider has for it."""
    provider = Sandbox.beside(server)
    try:
        book = await provider.book()
    finally:
        await provider.close()
    return [(entry["status"], entry["refunded"]) for entry in book if entry["order"] == order]


async def test_two_hundred_want_the_last_one_again_and_again(server: LiveServer) -> None:
    server.create_room("last")
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(host(server, "last"))
        await live_room(control, *(product(f"L{turn}", stock=1) for turn in range(TURNS)))
        racers = await enter(stack, server, "last", [f"u{number}" for number in range(RACERS)])
        for turn in range(TURNS):
            replies = await asyncio.gather(
                *(
                    racer.ask("order.place", request_id=f"r{turn}", sku=f"L{turn}", pay=number % 4 == 0)
                    for number, racer in enumerate(racers)
                )
            )
            counts = Counter(reply.get("code", "accepted") for reply in replies)
            assert counts == {"accepted": 1, "sold_out": RACERS - 1}, f"turn {turn}"
    code, report = await asyncio.to_thread(server.audit)
    assert code == 0, report


@pytest.mark.parametrize("pay", [False, True])
async def test_two_hundred_duplicates_are_one_order(server: LiveServer, pay: bool) -> None:
    room = f"same-{pay}".lower()
    server.create_room(room)
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(host(server, room))
        await live_room(control, product("A1", stock=RACERS))
        sockets = await enter(stack, server, room, ["ann"] * RACERS)
        replies = await asyncio.gather(
            *(socket.ask("order.place", request_id="same", sku="A1", pay=pay) for socket in sockets)
        )
        assert Counter(reply["type"] for reply in replies) == {"order.accepted": RACERS}
        (order,) = {reply["order"]["order"] for reply in replies}
        assert Counter(reply["replayed"] for reply in replies) == {False: 1, True: RACERS - 1}
        assert {reply["order"]["status"] for reply in replies} == {"paid" if pay else "reserved"}
    snapshot = server.get(f"/api/v1/rooms/{room}")[1]
    assert snapshot["products"][0]["available"] == RACERS - 1
    payments = await paid_for(server, order)
    assert payments == ([("captured", 0)] if pay else []), "one payment, however often it was asked for"
    code, report = await asyncio.to_thread(server.audit)
    assert code == 0, report
