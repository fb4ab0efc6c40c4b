"""The built pages under `server/web/dist`: landing page, viewer page, host console, their assets."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

DIST = Path(__file__).parent.parent / "web" / "dist"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: https:; style-src 'self'; connect-src 'self' ws: wss:; "
        "media-src 'self' blob: https:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
NOT_BUILT = "The pages are not built yet: run `make pages`, or `make demo`, and reload.\n"


def _page(name: str) -> Route:
    path = {"index.html": "/", "live.html": "/live/{room}", "console.html": "/console/{room}"}[name]

    async def show(request: Request) -> Response:
        file = DIST / name
        if not file.is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        return FileResponse(file, headers=SECURITY_HEADERS)

    return Route(path, show, methods=["GET"])


def routes() -> list[BaseRoute]:
    """`/`, `/live/{room}`, `/console/{room}`, and `/assets/…` (hashed names, cached for long)."""
    assets = StaticFiles(directory=DIST / "assets", check_dir=False)
    return [_page("index.html"), _page("live.html"), _page("console.html"), Mount("/assets", assets)]
