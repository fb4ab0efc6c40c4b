"""The JavaScript client as it was built with the pages: `/sdk/…`, for pages of any origin."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from server.gateway.assets import media_type
from server.gateway.pages import DIST

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    # The names carry no version: a page asks again after five minutes, and mostly hears 304.
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
}


class _Files(StaticFiles):
    """The package's files, for pages of any origin."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: MutableMapping[str, Any],
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        if response.status_code == 200:
            response.headers["Content-Type"] = media_type(Path(full_path))
        return response


def route() -> Mount:
    """`/sdk/miaodan-client.js` and the rest of the package, which is also there as `miaodan-client.tgz`."""
    return Mount("/sdk", _Files(directory=DIST / "sdk", check_dir=False))
