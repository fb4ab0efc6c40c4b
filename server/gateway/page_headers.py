"""What every page, asset and error tells the browser about what may run, load and look in."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    # Products' pictures come from wherever the host keeps them; so does the stream.
    "img-src": "'self' data: https:",
    "media-src": "'self' blob: https:",
    "connect-src": "'self' ws: wss: https:",
    "worker-src": "'self' blob:",
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

PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
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
