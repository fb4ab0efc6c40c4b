"""The built pages under `server/web/dist`: list of rooms, viewer page, host console, and "no such page"."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from server.gateway.assets import Assets, accepted
from server.gateway.page_headers import page_headers

DIST = Path(__file__).parent.parent / "web" / "dist"
NOT_BUILT = "The pages are not built yet: run `make pages`, or `make demo`, and reload.\n"
MODE = '<meta name="miaodan-mode" content="live" />'
DEMO_MODE = '<meta name="miaodan-mode" content="demo" />'
_ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Built(NamedTuple):
    modified_ns: int
    html: bytes
    zipped: bytes
    tag: str


class Pages:
    """`demo`: the pages are told that this server hands out tokens, so that they need not try.
    `media_sources`: from where they may load streams, besides this server."""

    def __init__(self, *, demo: bool, media_sources: Sequence[str] = (), dist: Path = DIST) -> None:
        self._demo = demo
        self._headers = page_headers(media_sources)
        self._dist = dist
        self._built: dict[str, _Built] = {}

    def routes(self) -> list[BaseRoute]:
        """`/`, `/live/{room}`, `/console/{room}`, and `/assets/…`."""

        async def index(request: Request) -> Response:
            return self._answer(request, "index.html")

        async def live(request: Request) -> Response:
            return self._room(request, "live.html")

        async def console(request: Request) -> Response:
            return self._room(request, "console.html")

        assets = Assets(directory=self._dist / "assets", check_dir=False)
        return [
            Route("/", index, methods=["GET"]),
            Route("/live/{room}", live, methods=["GET"]),
            Route("/console/{room}", console, methods=["GET"]),
            Mount("/assets", assets),
        ]

    def missing(self, request: Request) -> Response | None:
        """The page for an address that leads nowhere; None where the caller is no browser."""
        if request.method not in ("GET", "HEAD") or not wants_page(request.headers.get("accept", "")):
            return None
        if request.url.path.startswith(("/api/", "/assets/", "/sdk/")):
            return None
        return self._answer(request, "missing.html", 404)

    def _room(self, request: Request, name: str) -> Response:
        if not _ROOM.fullmatch(request.path_params["room"]):
            return self._answer(request, "missing.html", 404)
        return self._answer(request, name)

    def _answer(self, request: Request, name: str, status: int = 200) -> Response:
        built = self._load(name)
        if built is None:
            return PlainTextResponse(NOT_BUILT, 503)
        zipped = "gzip" in accepted(request.headers.get("accept-encoding", ""))
        tag = f'"{built.tag}-gz"' if zipped else f'"{built.tag}"'
        headers = {**self._headers, "ETag": tag, "Vary": "Accept-Encoding"}
        if status == 200 and tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
        body = built.zipped if zipped else built.html
        return Response(body, status, headers, media_type="text/html")

    def _load(self, name: str) -> _Built | None:
        """A page as it is built now: a build beside a running server shows at the next reload."""
        file = self._dist / name
        try:
            modified_ns = file.stat().st_mtime_ns
            known = self._built.get(name)
            if known is not None and known.modified_ns == modified_ns:
                return known
            text = file.read_text(encoding="utf-8")
        except OSError:
            return None
        html = (text.replace(MODE, DEMO_MODE) if self._demo else text).encode()
        tag = hashlib.sha256(html).hexdigest()[:20]
        built = _Built(modified_ns, html, gzip.compress(html, 9, mtime=0), tag)
        self._built[name] = built
        return built


def wants_page(accept: str) -> bool:
    """Whether a client asks for a page, as browsers do when somebody follows a link."""
    return "text/html" in accept.lower()
