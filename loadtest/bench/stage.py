"""A room as a broadcast has it: goods on the shelf, a flash sale, a host who goes on talking."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loadtest.bench.cues import Cue
from loadtest.bench.target import Server, ServerFailed
from loadtest.bench.viewers import events, join, send_text
from schemas.codes import Role

OPEN_DOORS = {
    "MIAODAN_LIMITS__JOINS_PER_SECOND": "0",
    "MIAODAN_LIMITS__CONNECTIONS_PER_ADDRESS": "0",
    "MIAODAN_GATEWAY__HELLO_TIMEOUT_MS": "120000",
}
"""Settings under which thousands may come at once, and say hello when they are told to."""
PRODUCTS = 20
STOCK = 500_000_000
SALE_STOCK = 1_000


def sku(number: int) -> str:
    return f"goods-{number:02}"


def shelf() -> list[dict[str, Any]]:
    """The commands that furnish a room: products with pictures and prices, and a sale that runs."""
    mounts: list[dict[str, Any]] = [
        {
            "type": "product.mount",
            "product": {
                "sku": sku(number),
                "title": f"A thing worth having, number {number}",
                "price": 9_900 + number,
                "list_price": 12_900 + number,
                "image": f"https://img.example/goods/{number}.webp",
                "per_user_limit": 10_000,
                "stock": STOCK,
            },
        }
        for number in range(PRODUCTS)
    ]
    sale = {"sku": sku(1), "price": 4_900, "stock": SALE_STOCK, "starts_in_ms": 0, "duration_ms": 3_600_000}
    return [*mounts, {"type": "product.pin", "sku": sku(1)}, {"type": "sale.schedule", **sale}]


def command(control: socket.socket, said: dict[str, Any]) -> int:
    """The `seq` of what came of it; raises ServerFailed when it was refused."""
    send_text(control, {**said, "id": 1})
    for event in events(control):
        if event.get("id") == 1:
            if event["type"] != "done":
                raise ServerFailed(f"{said['type']} was answered with {event}")
            return int(event["seq"])
    raise ServerFailed(f"{said['type']} was not answered")


@contextmanager
def furnished(server: Server) -> Iterator[socket.socket]:
    """Open a room, furnish it; the host's control socket."""
    server.open_room()
    address = server.address.host, server.address.port
    (control,) = join(address, f"/ws/control/{server.room}", [server.token("host", Role.HOST)])
    with control:
        for said in shelf():
            command(control, said)
        yield control


def talking(control: socket.socket, every_s: float) -> Cue:
    """The host changes a product's title every so often: one sequenced event each."""

    def update(number: int) -> dict[str, Any]:
        title = f"A thing worth having, take {number}"
        return {"type": "product.update", "sku": sku(number % PRODUCTS), "title": title}

    return Cue(control, every_s, update)


def restocking(control: socket.socket, every_s: float) -> Cue:
    """The host adds one unit to a product every so often: a number of the room changes."""
    return Cue(control, every_s, lambda _: {"type": "product.restock", "sku": sku(0), "delta": 1})


def buying(link: socket.socket, every_s: float, buyer: str) -> Cue:
    """A viewer orders one unit every so often."""

    def order(number: int) -> dict[str, Any]:
        return {
            "type": "order.place",
            "request_id": f"{buyer}-{number}",
            "sku": sku(number % PRODUCTS),
            "quantity": 1,
        }

    return Cue(link, every_s, order)
