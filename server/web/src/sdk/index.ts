/** @miaodan/client: rooms of Miaodan from a browser, or anything else with a WebSocket. */

export { Backoff, type BackoffOptions } from "./backoff.js";
export { type ClientEvents, type ClientOptions, refusedWith, RoomClient, socketUrl, type Status } from "./client.js";
export { median, ServerClock, steadyNow } from "./clock.js";
export { type Codec, jsonCodec, NotABatch } from "./codec.js";
export { CommandError, ConnectionLost, ReplyTimeout, SessionClosed } from "./errors.js";
export { newRequestId, type OrderRequest } from "./orders.js";
export { applyEvent, isSequenced, saleWindow, type SaleWindow, shelfOrder } from "./room.js";
export * from "./wire.js";
