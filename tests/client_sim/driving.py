"""A session on a bench: time by hand, its commands as dictionaries."""

from __future__ import annotations

import random
from typing import Any

import orjson

from client_sim.notices import Notice
from client_sim.session import ClientSession
from schemas.events import Event
from schemas.models import RoomSnapshot
from tests.client_sim.room_model import batch, snapshot, welcome


class Bench:
    """`now` is local milliseconds; `sent` are the commands the session said since the last look."""

    def __init__(self, **arguments: Any) -> None:
        self.now = 1_000.0
        self.session = ClientSession(token="t", random_source=random.Random(7), **arguments)
        self.notices: list[Notice] = []

    def sent(self) -> list[dict[str, Any]]:
        return [orjson.loads(message) for message in self.session.take()]

    def sent_of(self, kind: str) -> list[dict[str, Any]]:
        return [command for command in self.sent() if command["type"] == kind]

    def hear(self, *events: Event) -> list[Notice]:
        return self.session.received(batch(*events), self.now)

    def tick(self, after: float) -> list[Notice]:
        self.now += after
        return self.session.tick(self.now)

    def connect(self) -> dict[str, Any]:
        """Open the socket; returns the hello."""
        self.session.opened(self.now)
        (hello,) = self.sent()
        return hello

    def join(self, room: RoomSnapshot | None = None, **changes: Any) -> list[Notice]:
        """Open the socket and be welcomed."""
        self.connect()
        return self.hear(welcome(room or snapshot(), **changes))

    def lose(self, code: int | None = None) -> list[Notice]:
        return self.session.lost(code, "", self.now)
