"""Where a server is: one address, from which the socket and HTTP URLs follow."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_SECURE = ("wss", "https")
_SCHEMES = ("ws", "http", *_SECURE)


@dataclass(frozen=True, slots=True)
class Address:
    """Scheme, host and port of a server, and the path it is mounted under."""

    host: str
    port: int
    secure: bool = False
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """`ws://`, `wss://`, `http://` or `https://`; raises ValueError with what was expected."""
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError(f"expected ws://HOST:PORT or http://HOST:PORT, got {url!r}")
        secure = parts.scheme in _SECURE
        port = parts.port or (443 if secure else 80)
        return cls(parts.hostname, port, secure, parts.path.rstrip("/"))

    @property
    def _origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.prefix}"

    @property
    def http(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self._origin}"

    def live(self, room: str) -> str:
        """The viewers' socket of a room."""
        return f"{'wss' if self.secure else 'ws'}://{self._origin}/ws/live/{quote(room, safe='')}"

    def control(self, room: str) -> str:
        """The hosts' socket of a room."""
        return f"{'wss' if self.secure else 'ws'}://{self._origin}/ws/control/{quote(room, safe='')}"
