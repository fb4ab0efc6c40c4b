"""What the Python stand-ins for the C programs share: the line protocol and the socket loop.

They are used where there is no compiler; the figures of the server hold, those of the load do not.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from collections.abc import Callable, Mapping

import orjson

from client_sim.frames import FrameReader, Opcode, frame

READ_SIZE = 65_536
Message = tuple[int, bytes]


def sockets(listed: str) -> list[socket.socket]:
    """Inherited descriptors, "3,4,5", as non-blocking sockets."""
    links = [socket.socket(fileno=int(word)) for word in listed.split(",") if word]
    for link in links:
        link.setblocking(False)
    return links


def answer(figures: Mapping[str, int]) -> None:
    """One JSON line on stdout."""
    sys.stdout.buffer.write(orjson.dumps(figures) + b"\n")
    sys.stdout.buffer.flush()


def send_text(link: socket.socket, payload: bytes) -> None:
    """One masked frame; raises OSError when the socket does not take all of it."""
    whole = frame(Opcode.TEXT, payload)
    if link.send(whole) != len(whole):
        raise BlockingIOError("a socket is full")


class Loop:
    """Reads every socket as it fills: `heard(index, size, messages)`, messages None at its end."""

    def __init__(
        self, links: list[socket.socket], heard: Callable[[int, int, list[Message] | None], None]
    ) -> None:
        self._links = links
        self._heard = heard
        self._readers = [FrameReader() for _ in links]
        self._selector = selectors.DefaultSelector()
        for index, link in enumerate(links):
            self._selector.register(link, selectors.EVENT_READ, index)

    def listen(self, descriptor: int) -> None:
        """Have `turn` say when there is a line on `descriptor`."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def turn(self, timeout: float | None) -> bool:
        """Wait for bytes and deliver them; True when the other descriptor has some too."""
        told = False
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                told = True
            else:
                self._read(key.data)
        return told

    def _read(self, index: int) -> None:
        link = self._links[index]
        try:
            data = link.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._heard(index, len(data), self._readers[index].feed(data))
        else:
            self._selector.unregister(link)
            self._heard(index, 0, None)


def command(descriptor: int) -> str | None:
    """The next line, without its end; None at the end of input."""
    line = os.read(descriptor, 4096)
    return line.decode().rstrip("\n") if line else None
