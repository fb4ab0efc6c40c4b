"""Which web pages a browser may open our sockets from.

A browser sends `Origin` with every WebSocket handshake and applies no same-origin rule of its own
(RFC 6455 section 10.2), so the server does. Programs that are no browsers send none and are let in:
they need a token like everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Origins:
    """The server's own origin (whatever `Host` it is asked by) and a list of others; `*` admits all."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed`: origins like `https://shop.example`. Raises ValueError for what is none."""
        entries = list(allowed)
        self._any = "*" in entries
        self._allowed = set()
        for entry in entries:
            if entry in ("*", "null"):
                continue
            parsed = _parse(entry)
            if parsed is None:
                raise ValueError(f"{entry!r} is not an origin like `https://shop.example`")
            self._allowed.add(parsed)
        self._null = "null" in entries

    def admits(self, origin: str | None, host: str | None) -> bool:
        """Whether a handshake with these `Origin` and `Host` headers (None: not sent) may go on."""
        if origin is None or self._any:
            return True
        if origin == "null":
            return self._null
        parsed = _parse(origin)
        if parsed is None:
            return False
        return parsed in self._allowed or (host is not None and _is_own(parsed, host))


def _parse(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port (RFC 6454 section 4)."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None
    if not parts.hostname or not parts.scheme or extra:
        return None
    return parts.scheme, parts.hostname, port


def _is_own(origin: tuple[str, str, int], host: str) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS the server sees http, the browser https.
    scheme, name, port = origin
    own = _parse(f"{scheme}://{host}")
    return own is not None and own[1:] == (name, port)
