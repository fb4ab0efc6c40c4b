"""`python -m loadtest.bench.joins`: what a join costs the gateway, and a resume after all were cut at once.

Handshakes, hellos and resumes are three phases, each done by everybody before the next begins, so
that the gateway's CPU time of a phase is that of its joins alone. The store's own count of commands
says how much of it came from the store.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from redis import Redis

from loadtest.bench.machine import cpu_ns, place
from loadtest.bench.target import Server
from loadtest.bench.viewers import JoinFailed, entered, join, knock, read_batch, send_text
from schemas.codes import Role

TOGETHER = 200
"""Handshakes under way at a time: the listener's backlog is not what is measured."""
SPARE_DESCRIPTORS = 200
PRODUCTS = 8
UNLIMITED = {
    "MIAODAN_LIMITS__JOINS_PER_SECOND": "0",
    "MIAODAN_GATEWAY__HELLO_TIMEOUT_MS": "600000",
    "MIAODAN_GATEWAY__MAX_CONNECTIONS": "100000",
}


class Storm:
    """One server, one live room with products, and viewers who come all at once."""

    def __init__(self, server: Server, viewers: int, events: int) -> None:
        self._server = server
        self._events = events
        self._address = (server.address.host, server.address.port)
        self._store = Redis(unix_socket_path=server.store_socket)
        server.open_room()
        self._path = f"/ws/live/{server.room}"
        self._tokens = [server.token(f"viewer{number}", Role.VIEWER) for number in range(viewers)]
        (self._host,) = join(self._address, f"/ws/control/{server.room}", [server.token("host", Role.HOST)])
        self._host.settimeout(20)
        for number in range(PRODUCTS):
            product = {"sku": f"sku{number}", "title": f"Product {number}", "price": 9900, "stock": 1000}
            self._command({"type": "product.mount", "product": product})

    def close(self) -> None:
        self._host.close()
        self._store.close()

    def _command(self, command: dict[str, Any]) -> None:
        send_text(self._host, {**command, "id": 1})
        while True:
            for event in read_batch(self._host):
                if event.get("id") == 1:
                    if event["type"] != "done":
                        raise JoinFailed(f"the host was answered with {event}")
                    return

    def round(self) -> dict[str, float]:
        """Per viewer: CPU in microseconds and store commands of each phase."""
        figures: dict[str, float] = {}
        links = self._measured(figures, "handshake", self._knock)
        welcomes = self._measured(figures, "hello", lambda: self._enter(links, None))
        for link in links:
            link.close()
        for number in range(self._events):
            self._command({"type": "room.announce", "text": f"announcement {number}"})
        resume = {"epoch": welcomes[0]["epoch"], "seq": welcomes[0]["seq"]}
        links = self._measured(figures, "handshake again", self._knock)
        again = self._measured(figures, "resume", lambda: self._enter(links, resume))
        if not all(welcome["recovered"] and welcome["behind"] >= self._events for welcome in again):
            raise JoinFailed("a resume was not complete")
        for link in links:
            link.close()
        return figures

    def _measured(self, figures: dict[str, float], phase: str, work: Callable[[], Any]) -> Any:
        commands, cpu = self._commands(), cpu_ns(self._server.gateway)
        result = work()
        count = len(self._tokens)
        figures[f"{phase}, CPU us"] = (cpu_ns(self._server.gateway) - cpu) / 1000 / count
        figures[f"{phase}, store commands"] = (self._commands() - commands) / count
        return result

    def _commands(self) -> int:
        info: dict[str, Any] = self._store.info("stats")
        return int(info["total_commands_processed"])

    def _knock(self) -> list[socket.socket]:
        links: list[socket.socket] = []
        for start in range(0, len(self._tokens), TOGETHER):
            fresh = [knock(self._address, self._path) for _ in self._tokens[start : start + TOGETHER]]
            for link in fresh:
                entered(link)
            links += fresh
        return links

    def _enter(self, links: list[socket.socket], resume: dict[str, Any] | None) -> list[dict[str, Any]]:
        for link, token in zip(links, self._tokens, strict=True):
            send_text(link, {"type": "hello", "token": token} | ({"resume": resume} if resume else {}))
        return [self._welcome(link) for link in links]

    def _welcome(self, link: socket.socket) -> dict[str, Any]:
        first, *behind = read_batch(link)
        if first["type"] != "welcome":
            raise JoinFailed(f"instead of a welcome: {orjson.dumps(first).decode()}")
        return {**first, "behind": sum("seq" in event for event in behind)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench.joins", description=__doc__)
    parser.add_argument("--viewers", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=20, help="events missed by those who resume")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    needed = options.viewers + SPARE_DESCRIPTORS
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        parser.error(f"{needed} open files are needed, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))
    placement = place()
    os.sched_setaffinity(0, placement.others)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="miaodan-joins-")))
        server = stack.enter_context(Server(placement, UNLIMITED, folder))
        storm = Storm(server, options.viewers, options.events)
        stack.callback(storm.close)
        rounds = [storm.round() for _ in range(options.repeat)]
    for phase in rounds[0]:
        values = [figures[phase] for figures in rounds]
        print(f"{phase:>32}: {median(values):8.1f}   ({min(values):.1f} to {max(values):.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
