"""The closed vocabularies of the wire: roles, statuses, error codes, close codes.

Errors answer one command and leave the socket open; closes end it. A close code's range says
whether to come back: 4000-4499 retry (with backoff, jitter and resume), 4500-4999 final.
"""

from __future__ import annotations

from enum import Enum, IntEnum

API_VERSION = 1
SUBPROTOCOL_JSON = "miaodan.v1.json"
SUBPROTOCOL_MSGPACK = "miaodan.v1.msgpack"

HELLO_TIMEOUT_MS = 5_000
HEARTBEAT_MS = 25_000
MAX_VIEWER_MESSAGE = 4 * 1024
MAX_CONTROL_MESSAGE = 64 * 1024
MAX_STRIKES = 5


class Role(str, Enum):
    """What a token's bearer may do; `guest` is a viewer without a token."""

    GUEST = "guest"
    VIEWER = "viewer"
    MODERATOR = "moderator"
    HOST = "host"
    OPERATOR = "operator"


class RoomStatus(str, Enum):
    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


class SalePhase(str, Enum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    SOLD_OUT = "sold_out"
    ENDED = "ended"
    CANCELLED = "cancelled"


class OrderStatus(str, Enum):
    RESERVED = "reserved"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class ErrorCode(str, Enum):
    """Why a command was refused. The same words serve the sockets and the HTTP API."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    MUTED = "muted"
    BLOCKED_WORDS = "blocked_words"
    NOT_OPEN = "not_open"
    SALE_ENDED = "sale_ended"
    SOLD_OUT = "sold_out"
    LIMIT_EXCEEDED = "limit_exceeded"
    REQUEST_MISMATCH = "request_mismatch"
    PAYMENT_FAILED = "payment_failed"
    UNKNOWN_OUTCOME = "unknown_outcome"
    UNAVAILABLE = "unavailable"


ERROR_MEANING: dict[ErrorCode, str] = {
    ErrorCode.INVALID: "the message is no command, or a field is wrong; `field` is its path",
    ErrorCode.UNAUTHORIZED: "a token is needed, or this one is not valid",
    ErrorCode.FORBIDDEN: "this role may not do that here",
    ErrorCode.NOT_FOUND: "there is no such room, product, sale, order or message",
    ErrorCode.CONFLICT: "it cannot be done in the state things are in",
    ErrorCode.TOO_LARGE: "the request is larger than is taken",
    ErrorCode.RATE_LIMITED: "too many at once; try again after `retry_after_ms`",
    ErrorCode.MUTED: "a muted viewer cannot speak",
    ErrorCode.BLOCKED_WORDS: "the text holds a blocked word",
    ErrorCode.NOT_OPEN: "the room is not live, or the sale has not started",
    ErrorCode.SALE_ENDED: "the sale is over",
    ErrorCode.SOLD_OUT: "fewer units are left than were asked for",
    ErrorCode.LIMIT_EXCEEDED: "more units than one user may have",
    ErrorCode.REQUEST_MISMATCH: "this `request_id` was used with other contents",
    ErrorCode.PAYMENT_FAILED: "the payment was refused; the order in `order` is still held until it expires",
    ErrorCode.UNKNOWN_OUTCOME: "nobody knows yet whether it happened; ask again with the same `request_id`",
    ErrorCode.UNAVAILABLE: "it cannot be done now; try again later",
}


class CloseCode(IntEnum):
    """Why a socket was closed (RFC 6455 section 7.4.2, private range 4000-4999)."""

    TOO_LARGE = 1009
    DRAINING = 4000
    SLOW = 4001
    NO_HEARTBEAT = 4002
    OVER_CAPACITY = 4003
    BAD_TOKEN = 4500
    FORBIDDEN = 4501
    KICKED = 4502
    PROTOCOL_ERROR = 4503
    NO_SUCH_ROOM = 4504
    REPLACED = 4505
    NO_HELLO = 4506

    @property
    def retryable(self) -> bool:
        """Whether a client comes back by itself (4000-4499)."""
        return 4000 <= self <= 4499


CLOSE_REASONS: dict[CloseCode, str] = {
    CloseCode.TOO_LARGE: "message too large",
    CloseCode.DRAINING: "draining",
    CloseCode.SLOW: "slow",
    CloseCode.NO_HEARTBEAT: "no heartbeat",
    CloseCode.OVER_CAPACITY: "over capacity",
    CloseCode.BAD_TOKEN: "bad token",
    CloseCode.FORBIDDEN: "forbidden",
    CloseCode.KICKED: "kicked",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.NO_SUCH_ROOM: "no such room",
    CloseCode.REPLACED: "replaced",
    CloseCode.NO_HELLO: "no hello in time",
}

CLOSE_MEANING: dict[CloseCode, str] = {
    CloseCode.TOO_LARGE: f"a message over {MAX_VIEWER_MESSAGE} bytes (control: {MAX_CONTROL_MESSAGE})",
    CloseCode.DRAINING: "the server is going; another one, or this one again, takes over",
    CloseCode.SLOW: "the client did not read what it was sent",
    CloseCode.NO_HEARTBEAT: "the client said nothing for longer than `heartbeat_ms` and its grace",
    CloseCode.OVER_CAPACITY: "no more connections or joins are taken here now, or the store is away",
    CloseCode.BAD_TOKEN: "the token is missing where one is needed, expired or not ours",
    CloseCode.FORBIDDEN: "this token does not open this socket",
    CloseCode.KICKED: "out of the room",
    CloseCode.PROTOCOL_ERROR: (
        f"{MAX_STRIKES} messages were no commands, or came before hello; "
        "or a flood of pings or refused commands"
    ),
    CloseCode.NO_SUCH_ROOM: "there is no such room",
    CloseCode.REPLACED: "the same user opened too many sockets in the room; this was the oldest",
    CloseCode.NO_HELLO: f"no hello within {HELLO_TIMEOUT_MS} ms",
}
