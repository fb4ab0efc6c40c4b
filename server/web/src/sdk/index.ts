/** @miaodan/client: rooms of Miaodan from a browser, or anything else with a WebSocket. */

export { Backoff, type BackoffOptions } from "./backoff.js";
export { RoomClient, refusedWith } from "./client.js";
export { median, ServerClock, steadyNow } from "./clock.js";
export { type Codec, jsonCodec, NotABatch } from "./codec.js";
export { CommandError, ConnectionLost, ReplyTimeout, SessionClosed } from "./errors.js";
export { listOrders, type OrderQuery } from "./ledger.js";
export { newRequestId, type OrderRequest } from "./orders.js";
export { applyEvent, isSequenced, type SaleWindow, saleWindow, shelfOrder } from "./room.js";
export { type ClientEvents, type ClientOptions, type Status, socketUrl } from "./session.js";
export * from "./wire/index.js";
