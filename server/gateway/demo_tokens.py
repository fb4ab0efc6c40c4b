"""Tokens for everybody who asks. Mounted in demo mode alone; `serve` never does."""

from __future__ import annotations

import re
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.codes import ErrorCode, Role
from schemas.models import User
from server.gateway.callers import ApiError, guarded, json_response
from server.gateway.doorway import Doorway
from server.trust.tokens import shown_name

TTL_MS = 12 * 3_600_000
_USER = re.compile(r"[^\s\x00-\x1f]{1,64}")


def routes(door: Doorway) -> list[BaseRoute]:
    """`GET /demo/token?role=viewer|host|moderator&user=U&name=N` -> `{token, user}`."""

    async def token(request: Request) -> Response:
        wanted = request.query_params.get("role", "viewer")
        if wanted not in ("viewer", "host", "moderator"):
            raise ApiError(ErrorCode.INVALID, "expected viewer, host or moderator", "role")
        role = Role(wanted)
        user = request.query_params.get("user") or f"{wanted}-{uuid.uuid4().hex[:8]}"
        if not _USER.fullmatch(user):
            raise ApiError(ErrorCode.INVALID, "expected 1 to 64 characters without white space", "user")
        asked = request.query_params.get("name")
        name = shown_name(asked or user)
        if not name:
            raise ApiError(ErrorCode.INVALID, "nothing in it that can be seen", "name" if asked else "user")
        # A demo's host may run any of the demo's rooms: the room named in the token admits them.
        room = request.query_params.get("room") if role is Role.HOST else None
        try:
            signed = door.tokens.sign(user, role, now=door.clock(), ttl_ms=TTL_MS, name=name, room=room)
        except ValueError as error:
            raise ApiError(ErrorCode.INVALID, str(error), "room") from None
        body = {"token": signed, "user": User(id=user, name=name, role=role)}
        response = json_response(body)
        response.headers["Cache-Control"] = "no-store"
        return response

    return [Route("/demo/token", guarded(token), methods=["GET"])]
