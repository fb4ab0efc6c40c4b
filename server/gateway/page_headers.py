"""What every page, asset and error tells the browser about what may run, load and look in."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    # Products' pictures come from wherever the host keeps them.
    "img-src": "'self' data: https:",
    # A stream's playlists and segments are fetched, and handed to the browser as a `blob:`: `page_headers`
    # adds from where.
    "media-src": "'self' blob:",
    "connect-src": "'self' ws: wss:",
    "worker-src": "'none'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    # Every form is sent by a script.
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # No text becomes markup or code: the browser refuses `innerHTML = text` and the like.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def content_security_policy(media_sources: Sequence[str]) -> str:
    """The pages' policy. `media_sources`: from where streams come besides the server itself, as
    `pages.media_sources` holds them."""
    more = dict.fromkeys(("media-src", "connect-src"), "".join(f" {source}" for source in media_sources))
    return "; ".join(f"{name} {sources}{more.get(name, '')}" for name, sources in POLICY.items())


def page_headers(media_sources: Sequence[str]) -> Mapping[str, str]:
    """What every page says."""
    return {**_PAGE_HEADERS, "Content-Security-Policy": content_security_policy(media_sources)}


_PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}

# What is no page shows nothing and runs nothing, wherever a browser is made to open it.
OTHER_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class SafeHeaders:
    """Puts OTHER_HEADERS on each HTTP answer that does not say otherwise. Sockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":  # no frame of ours stays on the stack of every viewer
            return self._app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in OTHER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return self._app(scope, receive, send_safely)
