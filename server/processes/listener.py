"""The one listening socket, opened by the supervisor and inherited by every gateway."""

from __future__ import annotations

import errno
import socket
import time

BACKLOG = 4096


class CannotListen(Exception):
    """`host`, `port` and the system's `reason`."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot listen on {self.host}:{self.port}: {self.reason}"


def listen(host: str, port: int, *, send_buffer: int, patience: float = 0.0) -> socket.socket:
    """A listening TCP socket; `port` 0 takes any free one. Raises CannotListen.

    `send_buffer` is SO_SNDBUF, which accepted sockets inherit (tcp(7)): it bounds what a stopped
    reader piles up in the kernel. `patience`: seconds to wait for a port that a killed server's
    gateways are about to let go.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return _open(host, port, send_buffer)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise CannotListen(host, port, error.strerror or str(error)) from error
        time.sleep(0.05)


def _open(host: str, port: int, send_buffer: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """`http://HOST:PORT` with the actual port."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
