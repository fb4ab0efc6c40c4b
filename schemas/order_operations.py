"""The HTTP calls about orders, for the OpenAPI document."""

from __future__ import annotations

from schemas import examples
from schemas.codes import OrderStatus
from schemas.components import Schema
from schemas.operations import TOKEN, answer, errors, json_of, paging, path, query


def paths() -> dict[str, Schema]:
    """By path."""
    return {
        "/api/v1/orders": {"get": _list_orders()},
        "/api/v1/orders/{order}": {"get": _get_order()},
        "/api/v1/orders/{order}/ship": {"post": _ship()},
        "/api/v1/orders/{order}/deliver": {"post": _deliver()},
        "/api/v1/orders/{order}/refund": {"post": _refund()},
        "/api/v1/orders/{order}/refund/approve": {"post": _approve_refund()},
        "/api/v1/orders/{order}/refund/decline": {"post": _decline_refund()},
    }


def _list_orders() -> Schema:
    return {
        "operationId": "listOrders",
        "tags": ["orders"],
        "summary": "List orders",
        "description": "A buyer sees their own, a host their room's, an operator all. Read from the ledger, "
        "which follows the sockets' replies within moments.",
        "security": TOKEN,
        "parameters": [
            query("room", {"type": "string"}, "Orders of this room only."),
            query(
                "status", {"enum": [status.value for status in OrderStatus]}, "Orders in this status only."
            ),
            *paging(),
        ],
        "responses": {"200": answer("OrderList", "A page of orders."), **errors(400, 401, 403, 503)},
    }


def _get_order() -> Schema:
    return {
        "operationId": "getOrder",
        "tags": ["orders"],
        "summary": "Get an order",
        "description": "For its buyer, the host of its room, and operators; to others it is `not_found`.",
        "security": TOKEN,
        "parameters": [path("order", "The order's id.", examples.ORDER)],
        "responses": {"200": answer("OrderRecord", "The order."), **errors(400, 401, 403, 404, 503)},
    }


def _to_an_order(operation: str, summary: str, description: str, body: str | None = None) -> Schema:
    call: Schema = {
        "operationId": operation,
        "tags": ["orders"],
        "summary": summary,
        "description": description,
        "security": TOKEN,
        "parameters": [path("order", "The order's id.", examples.ORDER)],
        "responses": {
            "200": answer("Order", "The order as it now is."),
            **errors(400, 401, 403, 404, 409, 413, 429, 503, 504),
        },
    }
    if body is not None:
        call["requestBody"] = {"required": body == "RefundRefusal", "content": json_of(body)}
    return call


def _ship() -> Schema:
    who = "For hosts of the order's room and operators. A paid order is on its way. Again changes nothing."
    return _to_an_order("shipOrder", "Ship an order", who)


def _deliver() -> Schema:
    who = "For hosts of the order's room and operators. A shipped order has arrived."
    return _to_an_order("deliverOrder", "An order has arrived", who)


def _refund() -> Schema:
    return _to_an_order(
        "refundOrder",
        "Refund an order",
        "For its buyer, hosts of its room and operators. Without `amount` all that is left is given back. "
        "With it a part, and `request_id` beside it: the same `request_id` is the same refund. Unshipped, or "
        "asked for by a host: at once. Shipped: the buyer may ask for some days, and the host approves or "
        "declines until `refund_due_at`, when it is approved by itself.",
        "RefundAsk",
    )


def _approve_refund() -> Schema:
    who = "For hosts of the order's room and operators. The money goes back at once."
    return _to_an_order("approveRefund", "Approve a refund", who)


def _decline_refund() -> Schema:
    who = "For hosts of the order's room and operators. The order is again what it was; its buyer reads why."
    return _to_an_order("declineRefund", "Decline a refund", who, "RefundRefusal")
