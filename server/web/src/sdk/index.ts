/** @miaodan/client: rooms of Miaodan from a browser, or anything else with a WebSocket. */

export { Backoff, type BackoffOptions } from "./backoff.js";
export { refusedWith, RoomClient } from "./client.js";
export { median, ServerClock, steadyNow } from "./clock.js";
export { type Codec, jsonCodec, NotABatch } from "./codec.js";
export { CommandError, ConnectionLost, ReplyTimeout, SessionClosed } from "./errors.js";
export { listOrders, type OrderQuery } from "./ledger.js";
export { newRequestId, type OrderRequest } from "./orders.js";
export { applyEvent, isSequenced, saleWindow, type SaleWindow, shelfOrder } from "./room.js";
export { type ClientEvents, type ClientOptions, socketUrl, type Status } from "./session.js";
export * from "./wire.js";
