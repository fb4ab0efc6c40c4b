/** @miaodan/client: rooms of Miaodan from a browser, or anything else with a WebSocket. */

export { Backoff, type BackoffOptions } from "./backoff.js";
export { type RefundRequest, RoomClient, type WaitOptions } from "./client.js";
export { median, ServerClock, steadyNow } from "./clock.js";
export { type Codec, jsonCodec, NotABatch } from "./codec.js";
export { CommandError, ConnectionLost, MiaodanError, ReplyTimeout, refusedWith, SessionClosed } from "./errors.js";
export { type JoinOptions, joinRoom } from "./join.js";
export { listOrders, type OrderQuery } from "./ledger.js";
export { newRequestId, type OrderRequest } from "./orders.js";
export { applyEvent, isSequenced, type SaleWindow, saleWindow, shelfOrder } from "./room.js";
export {
  type ClientEvents,
  type ClientOptions,
  type RequestOptions,
  type Status,
  socketUrl,
  type TokenSource,
} from "./session.js";
export type { SocketClass, SocketLike } from "./socket.js";
export * from "./wire/index.js";
