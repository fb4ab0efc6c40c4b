"""Built files with hashed names: cached for ever, and sent as they were compressed at the build."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOR_EVER = "public, max-age=31536000, immutable"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""What the build leaves beside a file, best first."""


_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".tgz": "application/gzip",
    ".ts": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}


def media_type(path: Path) -> str:
    """A built file's type, whatever the machine's `mime.types` says."""
    return _MEDIA_TYPES.get(path.suffix, "application/octet-stream")


def accepted(header: str) -> set[str]:
    """The codings a client takes.

    >>> sorted(accepted("gzip, br;q=1.0, zstd;q=0"))
    ['br', 'gzip']
    """
    found = set()
    for part in header.lower().split(","):
        coding, _, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=").strip()
        if coding and quality not in ("0", "0.0", "0.00", "0.000"):
            found.add(coding.strip())
    return found


class Assets(StaticFiles):
    """`/assets/…`, with the compressed copy where there is one and the client takes it."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        path, headers = Path(full_path), Headers(scope=scope)
        wanted = accepted(headers.get("accept-encoding", ""))
        chosen = next(
            (
                (coding, copy)
                for coding, suffix in ENCODINGS
                if coding in wanted and (copy := path.with_name(path.name + suffix)).is_file()
            ),
            None,
        )
        if chosen is None:
            response = super().file_response(path, stat_result, scope, status_code)
        else:
            coding, copy = chosen
            response = super().file_response(copy, copy.stat(), scope, status_code)
            if response.status_code != 304:
                response.headers["Content-Type"] = media_type(path)
                response.headers["Content-Encoding"] = coding
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = FOR_EVER
        return response
