"""The OpenAPI 3.1 document of the HTTP API, made from the types and the examples."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from schemas import codes, examples, order_operations
from schemas.components import Schema, components, reference
from schemas.documents import main
from schemas.http import (
    MAX_BODY,
    SIGNATURE_HEADER,
    ActionList,
    ErrorResponse,
    Health,
    OrderList,
    OrderRecord,
    PaymentNotice,
    PaymentRecorded,
    Ready,
    RefundAsk,
    RefundRefusal,
    RoomCreate,
    RoomList,
)
from schemas.models import Order, RoomSnapshot
from schemas.operations import (
    NO_TOKEN,
    STATUSES,
    TOKEN,
    TOKEN_OR_GUEST,
    answer,
    error,
    errors,
    json_of,
    paging,
    path,
    response_name,
)

_READ = (RoomCreate, RefundAsk, RefundRefusal, PaymentNotice)
_SAID = (
    *(RoomSnapshot, RoomList, Order, OrderRecord, OrderList, ActionList),
    *(PaymentRecorded, ErrorResponse, Health, Ready),
)

_DESCRIPTION = f"""\
Rooms, orders and payment notices of Miaodan. What happens inside a room travels over its WebSockets:
see `/api/asyncapi.json`.

Bodies are JSON, at most {MAX_BODY} bytes. Unknown fields are ignored. Times are integer milliseconds
since the Unix epoch, money is integer minor units of the room's `currency`.

A list is `{{"orders": [...], "cursor": "..."}}`, named by its plural. Ask for the next page with the same
query and `cursor` set to the one that came; null means this was the last page. Cursors are opaque.

Every error is `{{"error": {{"code", "message", "field"}}}}`. The codes are those of the sockets.
"""


def document() -> dict[str, Any]:
    """The whole document, JSON types only; the same at every call."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Miaodan HTTP API",
            "version": f"{codes.API_VERSION}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server this document came from."}],
        "tags": [
            {"name": "rooms", "description": "Making and finding rooms."},
            {"name": "orders", "description": "Orders, from the ledger; and what sellers do to them."},
            {"name": "payments", "description": "What a payment provider tells."},
            {"name": "operations", "description": "Health, metrics and these documents."},
        ],
        "paths": {
            "/api/v1/rooms": {"get": _list_rooms(), "post": _create_room()},
            "/api/v1/rooms/{room}": {"get": _get_room()},
            "/api/v1/rooms/{room}/actions": {"get": _list_actions()},
            **order_operations.paths(),
            "/api/v1/payments/webhook": {"post": _payment_webhook()},
            "/api/openapi.json": {"get": _served_document("openapi", "This document.")},
            "/api/asyncapi.json": {
                "get": _served_document("asyncapi", "The AsyncAPI document of the sockets.")
            },
            "/health": {"get": _health()},
            "/ready": {"get": _ready()},
            "/metrics": {"get": _metrics()},
        },
        "components": {
            "schemas": components(read=_READ, said=_SAID),
            "responses": {response_name(status): error(status) for status in STATUSES},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256; claims `sub`, `name`, `role`, `room`, `iat`, `exp`, `aud`. "
                    "Made by `miaodan token`.",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SIGNATURE_HEADER,
                    "description": "`t=<seconds>,v1=<hex>`: the Unix time of signing, and the HMAC-SHA256 of "
                    "`<seconds>.<body>` under the webhook secret, in lower-case hex. An old `t` is refused.",
                },
            },
        },
    }


def _create_room() -> Schema:
    return {
        "operationId": "createRoom",
        "tags": ["rooms"],
        "summary": "Create a room",
        "description": "For hosts and operators. The room is `scheduled`; `room.start` on its control socket "
        "makes it live. Without `id` the server chooses one.",
        "security": TOKEN,
        "requestBody": {"required": True, "content": json_of("RoomCreate")},
        "responses": {
            "201": answer("RoomSnapshot", "The room as it now is."),
            **errors(400, 401, 403, 409, 413, 503),
        },
    }


def _list_rooms() -> Schema:
    return {
        "operationId": "listRooms",
        "tags": ["rooms"],
        "summary": "List live rooms",
        "description": "The rooms that are live and admit the caller.",
        "security": TOKEN_OR_GUEST,
        "parameters": paging(),
        "responses": {"200": answer("RoomList", "A page of rooms."), **errors(400, 401, 503)},
    }


def _get_room() -> Schema:
    return {
        "operationId": "getRoom",
        "tags": ["rooms"],
        "summary": "Get a room",
        "description": "For anyone the room admits; without a token where it admits guests.",
        "security": TOKEN_OR_GUEST,
        "parameters": [path("room", "The room's id.", examples.ROOM)],
        "responses": {"200": answer("RoomSnapshot", "The room."), **errors(400, 401, 403, 404, 503)},
    }


def _list_actions() -> Schema:
    return {
        "operationId": "listActions",
        "tags": ["rooms"],
        "summary": "List what was done in a room",
        "description": "For hosts of the room and operators: every control command that was done, by whom "
        "and when. Read from the ledger.",
        "security": TOKEN,
        "parameters": [path("room", "The room's id.", examples.ROOM), *paging()],
        "responses": {
            "200": answer("ActionList", "A page of actions."),
            **errors(400, 401, 403, 503),
        },
    }


def _payment_webhook() -> Schema:
    return {
        "operationId": "recordPayment",
        "tags": ["payments"],
        "summary": "Record a payment notice",
        "description": "For the payment provider. A notice is known by its `event`: one that comes again is "
        "answered 200 and changes nothing; with other contents it is 409. 401: the signature is missing, "
        "wrong or too old. 200 says in `result` what it did: money that pays nothing goes back. "
        "Any answer but 200 means: send it again.",
        "security": [{"signature": []}],
        "parameters": [
            {
                "name": SIGNATURE_HEADER,
                "in": "header",
                "required": True,
                "description": "`t=<seconds>,v1=<hex HMAC-SHA256 of '<seconds>.<body>'>`.",
                "schema": {"type": "string", "pattern": "^t=[0-9]{1,12},v1=[0-9a-f]{64}$"},
                "example": examples.SIGNATURE,
            }
        ],
        "requestBody": {"required": True, "content": json_of("PaymentNotice")},
        "responses": {
            "200": answer("PaymentRecorded", "Recorded, now or before."),
            **errors(400, 401, 409, 413, 503),
        },
    }


def _served_document(name: str, summary: str) -> Schema:
    return {
        "operationId": f"get{name.title()}",
        "tags": ["operations"],
        "summary": summary,
        "security": NO_TOKEN,
        "responses": {
            "200": {
                "description": summary,
                "content": {"application/json": {"schema": {"type": "object", "required": [name, "info"]}}},
            }
        },
    }


def _health() -> Schema:
    return {
        "operationId": "getHealth",
        "tags": ["operations"],
        "summary": "Whether the process is alive",
        "security": NO_TOKEN,
        "responses": {"200": answer("Health", "It is.")},
    }


def _ready() -> Schema:
    busy = Ready(ready=False, store=True, ledger=True, draining=True)
    return {
        "operationId": "getReady",
        "tags": ["operations"],
        "summary": "Whether to send traffic here",
        "description": (
            "The store is reachable and the server is not draining. Where its ledger is away or"
            " more than 30 s behind, it is ready and degraded: orders are taken and written there later."
        ),
        "security": NO_TOKEN,
        "responses": {
            "200": answer("Ready", "Send traffic."),
            "503": {
                "description": "Send none.",
                "content": {
                    "application/json": {
                        "schema": reference("Ready"),
                        "examples": {"draining": {"value": msgspec.to_builtins(busy)}},
                    }
                },
            },
        },
    }


def _metrics() -> Schema:
    return {
        "operationId": "getMetrics",
        "tags": ["operations"],
        "summary": "Metrics in the Prometheus text format",
        "security": NO_TOKEN,
        "responses": {
            "200": {
                "description": "Every metric's name begins with `miaodan_`.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    }


if __name__ == "__main__":
    sys.exit(main("openapi", document(), sys.argv[1:]))
