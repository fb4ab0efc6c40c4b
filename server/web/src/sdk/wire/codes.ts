/**
 * The closed vocabularies of the wire: roles, statuses, error and close codes.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

/** The WebSocket subprotocol of JSON. */
export const SUBPROTOCOL_JSON = "miaodan.v1.json";

/** The WebSocket subprotocol of MessagePack. */
export const SUBPROTOCOL_MSGPACK = "miaodan.v1.msgpack";

/** Bytes of a command on the live socket. */
export const MAX_VIEWER_MESSAGE = 4096;

/** Bytes of a command on the control socket. */
export const MAX_CONTROL_MESSAGE = 65_536;

/** What a token's bearer may do; `guest` is a viewer without a token. */
export type Role = "guest" | "viewer" | "moderator" | "host" | "operator";

export type RoomStatus = "scheduled" | "live" | "paused" | "ended";

export type SalePhase = "scheduled" | "open" | "sold_out" | "ended" | "cancelled";

export type OrderStatus = "reserved" | "paid" | "shipped" | "delivered" | "cancelled" | "expired" | "refunding" | "refunded";

/** Why a command was refused. The same words serve the sockets and the HTTP API. */
export type ErrorCode =
  /** the message is no command, or a field is wrong; `field` is its path */
  | "invalid"
  /** a token is needed, or this one is not valid */
  | "unauthorized"
  /** this role may not do that here */
  | "forbidden"
  /** there is no such room, product, sale, order or message */
  | "not_found"
  /** it cannot be done in the state things are in */
  | "conflict"
  /** the request is larger than is taken */
  | "too_large"
  /** too many at once; try again after `retry_after_ms` */
  | "rate_limited"
  /** a muted viewer cannot speak */
  | "muted"
  /** the text holds a blocked word */
  | "blocked_words"
  /** the room is not live, or the sale has not started */
  | "not_open"
  /** the sale is over */
  | "sale_ended"
  /** fewer units are left than were asked for */
  | "sold_out"
  /** more units than one user may have */
  | "limit_exceeded"
  /** this `request_id` was used with other contents */
  | "request_mismatch"
  /** the payment was refused; the order in `order` is still held until it expires */
  | "payment_failed"
  /** nobody knows yet whether it happened; ask again with the same `request_id` */
  | "unknown_outcome"
  /** it cannot be done now; try again later */
  | "unavailable";

/** Why a socket was closed. */
export const CloseCode = {
  /** a message over 4096 bytes (control: 65536) */
  TOO_LARGE: 1009,
  /** the server is going; another one, or this one again, takes over */
  DRAINING: 4000,
  /** the client did not read what it was sent */
  SLOW: 4001,
  /** the client said nothing for longer than `heartbeat_ms` and its grace */
  NO_HEARTBEAT: 4002,
  /** no more connections or joins are taken here now, or the store is away */
  OVER_CAPACITY: 4003,
  /** the token is missing where one is needed, expired or not ours */
  BAD_TOKEN: 4500,
  /** this token does not open this socket */
  FORBIDDEN: 4501,
  /** out of the room */
  KICKED: 4502,
  /** 5 messages were no commands, or came before hello; or a flood of pings or refused commands */
  PROTOCOL_ERROR: 4503,
  /** there is no such room */
  NO_SUCH_ROOM: 4504,
  /** the same user opened too many sockets in the room; this was the oldest */
  REPLACED: 4505,
  /** no hello within 5000 ms */
  NO_HELLO: 4506,
} as const;

/** One of `CloseCode`'s numbers. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Whether a close with this code ends the session for good: 4500-4999, or too large a message. */
export function isFinalClose(code: number): boolean {
  return code === CloseCode.TOO_LARGE || (code >= 4500 && code <= 4999);
}
