"""Cut off and back: everything missed, in order, once; or a snapshot that is true."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.test_main_job import live_room
from tests.live_server import Client, LiveServer, client, host, product, viewer

pytestmark = pytest.mark.anyio


async def events_of(control: Client, count: int) -> int:
    """`count` host events; the last one's seq."""
    last = 0
    for number in range(count):
        last = (await control.ask("room.announce", text=f"event {number}"))["seq"]
    return last


@pytest.mark.parametrize("count", [1, 50, 200], ids=["one", "ring", "log behind the ring"])
async def test_a_viewer_cut_off_gets_all_of_it_once(server: LiveServer, room: str, count: int) -> None:
    async with host(server, room) as control:
        await live_room(control, product("A1"))
        async with client(server, room) as first:
            welcome = await first.hello(server.token("ann"))
        async with viewer(server, room, "bob") as bob:
            assert (await bob.ask("order.place", request_id="r", sku="A1"))["type"] == "order.accepted"
        last = await events_of(control, count)
        async with client(server, room) as back:
            resume = {"epoch": welcome["epoch"], "seq": welcome["seq"]}
            again = await back.hello(server.token("ann"), resume)
            assert again["recovered"] is True and "room" not in again
            assert again["seq"] == last
            missed = [await back.next() for _ in range(count)]
            assert [event["seq"] for event in missed] == list(range(welcome["seq"] + 1, last + 1))
            assert missed[-1]["announcement"] == f"event {count - 1}"
            numbers = await back.wait_for("room.state")
            assert numbers["stock"] == {"A1": 99}, "sold meanwhile, and no event of the log says so"
            following = await control.ask("room.announce", text="after")
            assert (await back.wait_for("room.updated"))["seq"] == following["seq"]


async def test_who_comes_anew_is_told_what_was_last_said(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control)
        said = [(await ann.ask("danmaku.send", text=f"word {number}"))["message"] for number in range(23)]
        while (await ann.wait_for("danmaku"))["message"] != said[-1]:
            pass
        recalled = await control.ask("danmaku.recall", message=said[-2])
        await ann.wait_for("danmaku.recalled")
        async with client(server, room) as new:
            welcome = await new.hello(server.token("bob"))
            assert [line["message"] for line in welcome["recent"]] == [*said[3:-2], said[-1]]
            assert welcome["recent"][-1]["text"] == "word 22"
        async with client(server, room) as back:
            resume = {"epoch": welcome["epoch"], "seq": recalled["seq"]}
            again = await back.hello(server.token("bob"), resume)
            assert again["recovered"] is True and "recent" not in again


async def test_a_cut_of_five_seconds_during_two_hundred_events(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        await live_room(control)
        async with client(server, room) as first:
            welcome = await first.hello(server.token("ann"))
            first.socket.transport.abort()
        told = asyncio.get_running_loop().create_task(events_of(control, 200))
        await asyncio.sleep(5)  # the five seconds the promise names
        async with client(server, room) as back:
            again = await back.hello(server.token("ann"), {"epoch": welcome["epoch"], "seq": welcome["seq"]})
            last = await told
            seqs = [(await back.wait_for("room.updated"))["seq"] for _ in range(last - welcome["seq"])]
            assert again["recovered"] is True
            assert seqs == list(range(welcome["seq"] + 1, last + 1))


async def test_a_log_trimmed_past_the_place_means_a_true_snapshot(server: LiveServer, room: str) -> None:
    async with host(server, room) as control:
        await live_room(control, product("A1", stock=5))
        async with client(server, room) as first:
            welcome = await first.hello(server.token("ann"))
        last = await events_of(control, 700)  # the log keeps 400, give or take a stream node of 100
        async with client(server, room) as back:
            again = await back.hello(server.token("ann"), {"epoch": welcome["epoch"], "seq": welcome["seq"]})
        assert again["recovered"] is False and again["seq"] == last
        assert again["room"]["announcement"] == "event 699"
        assert [(p["sku"], p["available"]) for p in again["room"]["products"]] == [("A1", 5)]


@pytest.mark.parametrize("epoch,ahead", [("another", 0), (None, 1_000)])
async def test_a_place_that_never_was_means_a_snapshot(
    server: LiveServer, room: str, epoch: str | None, ahead: int
) -> None:
    async with client(server, room) as first:
        welcome = await first.hello(server.token("ann"))
    async with client(server, room) as back:
        resume = {"epoch": epoch or welcome["epoch"], "seq": welcome["seq"] + ahead}
        again = await back.hello(server.token("ann"), resume)
    assert again["recovered"] is False and again["room"]["id"] == room


async def test_unfinished_orders_come_with_the_welcome(server: LiveServer, room: str) -> None:
    async with host(server, room) as control, viewer(server, room, "ann") as ann:
        await live_room(control, product("A1"))
        placed = await ann.ask("order.place", request_id="r1", sku="A1")
        async with client(server, room) as second:
            welcome = await second.hello(server.token("ann"))
        assert [order["order"] for order in welcome["orders"]] == [placed["order"]["order"]]
