"""The OpenAPI 3.1 document of the HTTP API, made from the types and the examples."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any

import msgspec

from schemas import codes, examples
from schemas.codes import ErrorCode, OrderStatus
from schemas.components import Schema, components, reference
from schemas.documents import main
from schemas.http import (
    LIST_LIMIT,
    LIST_LIMIT_MAX,
    MAX_BODY,
    SIGNATURE_HEADER,
    STATUS,
    ErrorResponse,
    Health,
    OrderList,
    OrderRecord,
    PaymentNotice,
    PaymentRecorded,
    Ready,
    RoomCreate,
    RoomList,
)
from schemas.models import RoomSnapshot

_READ = (RoomCreate, PaymentNotice)
_SAID = (RoomSnapshot, RoomList, OrderRecord, OrderList, PaymentRecorded, ErrorResponse, Health, Ready)

_STATUSES = (400, 401, 403, 404, 409, 413, 503)
"""What the API answers besides success; the other codes are the sockets' alone."""

_NO_TOKEN: list[Schema] = []
_TOKEN: list[Schema] = [{"token": []}]
_TOKEN_OR_GUEST: list[Schema] = [{}, {"token": []}]

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
            {"name": "orders", "description": "Orders, from the ledger."},
            {"name": "payments", "description": "What a payment provider tells."},
            {"name": "operations", "description": "Health, metrics and these documents."},
        ],
        "paths": {
            "/api/v1/rooms": {"get": _list_rooms(), "post": _create_room()},
            "/api/v1/rooms/{room}": {"get": _get_room()},
            "/api/v1/orders": {"get": _list_orders()},
            "/api/v1/orders/{order}": {"get": _get_order()},
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
            "responses": {_response_name(status): _error(status) for status in _STATUSES},
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
        "security": _TOKEN,
        "requestBody": {"required": True, "content": _json("RoomCreate")},
        "responses": {
            "201": _answer("RoomSnapshot", "The room as it now is."),
            **_errors(400, 401, 403, 409, 413, 503),
        },
    }


def _list_rooms() -> Schema:
    return {
        "operationId": "listRooms",
        "tags": ["rooms"],
        "summary": "List live rooms",
        "description": "The rooms that are live and admit the caller.",
        "security": _TOKEN_OR_GUEST,
        "parameters": _paging(),
        "responses": {"200": _answer("RoomList", "A page of rooms."), **_errors(400, 401, 503)},
    }


def _get_room() -> Schema:
    return {
        "operationId": "getRoom",
        "tags": ["rooms"],
        "summary": "Get a room",
        "description": "For anyone the room admits; without a token where it admits guests.",
        "security": _TOKEN_OR_GUEST,
        "parameters": [_path("room", "The room's id.", examples.ROOM)],
        "responses": {"200": _answer("RoomSnapshot", "The room."), **_errors(400, 401, 403, 404, 503)},
    }


def _list_orders() -> Schema:
    return {
        "operationId": "listOrders",
        "tags": ["orders"],
        "summary": "List orders",
        "description": "A buyer sees their own, a host their room's, an operator all. Read from the ledger, "
        "which follows the sockets' replies within moments.",
        "security": _TOKEN,
        "parameters": [
            _query("room", {"type": "string"}, "Orders of this room only."),
            _query(
                "status", {"enum": [status.value for status in OrderStatus]}, "Orders in this status only."
            ),
            *_paging(),
        ],
        "responses": {"200": _answer("OrderList", "A page of orders."), **_errors(400, 401, 403, 503)},
    }


def _get_order() -> Schema:
    return {
        "operationId": "getOrder",
        "tags": ["orders"],
        "summary": "Get an order",
        "description": "For its buyer, the host of its room, and operators; to others it is `not_found`.",
        "security": _TOKEN,
        "parameters": [_path("order", "The order's id.", examples.ORDER)],
        "responses": {"200": _answer("OrderRecord", "The order."), **_errors(400, 401, 403, 404, 503)},
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
        "requestBody": {"required": True, "content": _json("PaymentNotice")},
        "responses": {
            "200": _answer("PaymentRecorded", "Recorded, now or before."),
            **_errors(400, 401, 409, 413, 503),
        },
    }


def _served_document(name: str, summary: str) -> Schema:
    return {
        "operationId": f"get{name.title()}",
        "tags": ["operations"],
        "summary": summary,
        "security": _NO_TOKEN,
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
        "security": _NO_TOKEN,
        "responses": {"200": _answer("Health", "It is.")},
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
        "security": _NO_TOKEN,
        "responses": {
            "200": _answer("Ready", "Send traffic."),
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
        "security": _NO_TOKEN,
        "responses": {
            "200": {
                "description": "Every metric's name begins with `miaodan_`.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    }


def _path(name: str, description: str, example: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        "example": example,
    }


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _paging() -> list[Schema]:
    limit = {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": LIST_LIMIT}
    return [
        _query("cursor", {"type": "string"}, "The `cursor` of the page before; none: the first page."),
        _query("limit", limit, "How many at most."),
    ]


def _json(name: str) -> Schema:
    """JSON content of a type, with its example."""
    value = msgspec.to_builtins(examples.BODIES[name])
    return {"application/json": {"schema": reference(name), "examples": {name: {"value": value}}}}


def _answer(name: str, description: str) -> Schema:
    return {"description": description, "content": _json(name)}


def _errors(*statuses: int) -> dict[str, Schema]:
    return {str(status): {"$ref": f"#/components/responses/{_response_name(status)}"} for status in statuses}


def _response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _error(status: int) -> Schema:
    """The response of a status: every code that travels under it, and an example of each."""
    found = [code for code in ErrorCode if STATUS[code] == status]
    return {
        "description": "; ".join(f"`{code.value}`: {codes.ERROR_MEANING[code]}" for code in found),
        "content": {
            "application/json": {
                "schema": reference("ErrorResponse"),
                "examples": {
                    code.value: {
                        "value": {"error": {"code": code.value, "message": codes.ERROR_MEANING[code]}}
                    }
                    for code in found
                },
            }
        },
    }


if __name__ == "__main__":
    sys.exit(main("openapi", document(), sys.argv[1:]))
