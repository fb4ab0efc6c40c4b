"""A small blocking client of the HTTP API, on the standard library (works under gevent too)."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import orjson

from client_sim.address import Address


class ApiError(Exception):
    """The server answered with an error. `status`, and `code`, `message` where it said them."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.code}: {self.message}"


class Api:
    """One connection to the HTTP API, opened when needed, opened again once when it went stale."""

    def __init__(self, address: Address, token: str | None = None, timeout: float = 10.0) -> None:
        self._address = address
        self._token = token
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON document at `path`; raises ApiError, OSError."""
        asked = {key: value for key, value in query.items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(asked)}" if asked else path, None)

    def post(self, path: str, document: Any) -> Any:
        """Post a JSON document; raises ApiError, OSError."""
        return self._call("POST", path, orjson.dumps(document))

    def put(self, path: str, document: Any) -> Any:
        """Put a JSON document; raises ApiError, OSError."""
        return self._call("PUT", path, orjson.dumps(document))

    def delete(self, path: str) -> Any:
        """Raises ApiError, OSError."""
        return self._call("DELETE", path, None)

    def pages(self, path: str, name: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """Every item of a paginated list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page[name]
            following = page.get("cursor")
            if not following:
                return
            if following == cursor:
                raise ApiError(200, "invalid", f"the cursor of {path} does not move on")
            cursor = following

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        reused = self._connection is not None
        try:
            status, answer = self._exchange(method, path, body, headers)
        except (http.client.HTTPException, ConnectionError):
            self.close()
            if not reused:
                raise
            status, answer = self._exchange(method, path, body, headers)
        except OSError:
            self.close()
            raise
        return _document(status, answer)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._address.secure else http.client.HTTPConnection
            self._connection = kind(self._address.host, self._address.port, timeout=self._timeout)
        self._connection.request(method, self._address.prefix + path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def _document(status: int, answer: bytes) -> Any:
    try:
        document: Any = orjson.loads(answer) if answer else None
    except orjson.JSONDecodeError:
        document = None
    if status >= 400:
        error = document.get("error") if isinstance(document, dict) else None
        error = error if isinstance(error, dict) else {}
        raise ApiError(
            status,
            str(error.get("code", "")),
            str(error.get("message", answer[:200].decode("utf-8", "replace"))),
        )
    return document


def wait_for(address: Address, path: str, token: str | None = None, timeout: float = 30.0) -> None:
    """Return once `path` answers 2xx; raises TimeoutError with what it said last.

    `/ready` waits for the server, `/api/v1/rooms/ROOM` for a room that somebody else is making.
    """
    until = time.monotonic() + timeout
    while True:
        api = Api(address, token, timeout=2.0)
        try:
            api.get(path)
        except (OSError, ApiError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
        else:
            return
        finally:
            api.close()
        if time.monotonic() >= until:
            raise TimeoutError(f"{address.http}{path} did not answer within {timeout:.0f} s: {said}")
        time.sleep(0.1)
