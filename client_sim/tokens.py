"""Tokens of simulated users: signed here with the server's key, asked from a demo server, or given."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import jwt

from client_sim.api import Api, ApiError
from schemas.codes import Role

AUDIENCE = "miaodan"
LIFETIME_S = 24 * 3600


class TokenSource(Protocol):
    """Where a simulated user gets a token from."""

    def token(self, user: str, role: Role, room: str | None, name: str = "") -> str:
        """A JWT for `user`; raises OSError or ApiError when it cannot be had."""
        ...


class KeyTokens:
    """Signs with `token.key`, the HS256 secret a server keeps in its data directory."""

    def __init__(self, key_file: Path) -> None:
        self._key = key_file.read_text().strip()

    def token(self, user: str, role: Role, room: str | None, name: str = "") -> str:
        now = int(time.time())
        claims: dict[str, str | int] = {
            "sub": user,
            "name": name or user,
            "role": role.value,
            # A simulated clock may be behind the server's: a token "from the future" is refused.
            "iat": now - 5,
            "exp": now + LIFETIME_S,
            "aud": AUDIENCE,
        }
        if room is not None:
            claims["room"] = room
        return jwt.encode(claims, self._key, algorithm="HS256")


NOT_FOUND = 404


class DemoTokens:
    """Asks a demo server, which hands tokens to anybody: `GET /demo/token`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def token(self, user: str, role: Role, room: str | None, name: str = "") -> str:
        try:
            answer = self._api.get("/demo/token", role=role.value, user=user, room=room, name=name or None)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            raise ApiError(
                error.status, error.code, "not a demo server: give --token-key DATA_DIR/token.key"
            ) from error
        return str(answer["token"])


class FixedToken:
    """The same token for everybody."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self, user: str, role: Role, room: str | None, name: str = "") -> str:
        del user, role, room, name
        return self._token


def token_source(api: Api, key_file: str | None, token: str | None) -> TokenSource:
    """The source that was asked for: a key file, a token, or else the demo server's own tokens."""
    if key_file:
        return KeyTokens(Path(key_file))
    if token:
        return FixedToken(token)
    return DemoTokens(api)
