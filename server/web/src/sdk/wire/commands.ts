/**
 * What a client may say. One WebSocket message is one command.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

import type { ProductInput, Resume } from "./models.js";

/** The first command, within 5 s. No `token` where the room admits guests. */
export interface Hello {
  type: "hello";
  /** At most 3,000 characters. */
  token?: string | null;
  resume?: Resume | null;
}

/** Keeps the socket alive and measures the clock offset. Reply: `pong`. */
export interface Ping {
  type: "ping";
  id?: number;
  client_time?: number;
}

/**
 * Say something to the room. Reply: `danmaku.accepted`, or `error` with the reason.
 *
 * What nobody sees (control characters, zero-width ones, directional overrides) is taken out of `text`, and
 * a line break becomes a space; `invalid` with `field` `text` where nothing is left.
 */
export interface DanmakuSend {
  type: "danmaku.send";
  /** 1 to 200 characters. */
  text: string;
  id?: number;
}

/** No reply; the room's counter grows by `count`. */
export interface Like {
  type: "like";
  /** 1 to 100. */
  count?: number;
  id?: number;
}

/**
 * Reserve `quantity` units of a product (`sku`) or of a flash sale (`sale`), exactly one of them.
 *
 * `pay: true` pays at once with the user's pre-authorised method. Reply: `order.accepted`.
 */
export interface OrderPlace {
  type: "order.place";
  /** 1 to 64 characters. */
  request_id: string;
  /** A product's id in its room. */
  sku?: string | null;
  /** A room's or a sale's id. */
  sale?: string | null;
  /** 1 to 1,000. */
  quantity?: number;
  pay?: boolean;
  id?: number;
}

/** Pay a reserved order with the pre-authorised method. Reply: `order.accepted`. */
export interface OrderPay {
  type: "order.pay";
  /** 1 to 64 characters. */
  order: string;
  id?: number;
}

/** Give a reserved order back; its units sell again. Reply: `order.accepted`. */
export interface OrderCancel {
  type: "order.cancel";
  /** 1 to 64 characters. */
  order: string;
  id?: number;
}

/**
 * Ask for a paid order's money back. Reply: `order.accepted`, then `order.updated`.
 *
 * Without `amount` all that is left. With it a part, and `request_id` beside it: the same `request_id`
 * is the same refund, with other contents it is `request_mismatch`.
 */
export interface OrderRefund {
  type: "order.refund";
  /** 1 to 64 characters. */
  order: string;
  /** At most 200 characters. */
  reason?: string;
  id?: number;
  /** Integer minor units of the currency. 1 to 10,000,000,000,000. */
  amount?: number | null;
  /** 1 to 64 characters. */
  request_id?: string | null;
}

/** Ask for an order by `order` or by the `request_id` it was placed with, exactly one of them. */
export interface OrderGet {
  type: "order.get";
  /** 1 to 64 characters. */
  order?: string | null;
  /** 1 to 64 characters. */
  request_id?: string | null;
  id?: number;
}

/** Go live: orders are taken from here on. Effect: `room.updated`. */
export interface RoomStart {
  type: "room.start";
  id?: number;
}

/** Take no orders until `room.start`. Effect: `room.updated`. */
export interface RoomPause {
  type: "room.pause";
  id?: number;
}

/** End the room for good, and every sale in it. Effect: `room.updated`. */
export interface RoomEnd {
  type: "room.end";
  id?: number;
}

/** Show a line to everybody; an empty `text` takes it down. Effect: `room.updated`. */
export interface RoomAnnounce {
  type: "room.announce";
  /** At most 500 characters. */
  text: string;
  id?: number;
}

/** Put a product on the shelf. Effect: `product.mounted`. */
export interface ProductMount {
  type: "product.mount";
  product: ProductInput;
  id?: number;
}

/** Changed fields only; `null` takes an optional field away. Effect: `product.updated`. */
export interface ProductUpdate {
  type: "product.update";
  /** A product's id in its room. */
  sku: string;
  /** 1 to 200 characters. */
  title?: string;
  /** Integer minor units of the currency. At most 10,000,000,000. */
  price?: number;
  /** At most 2,048 characters. */
  image?: string | null;
  /** Integer minor units of the currency. At most 10,000,000,000. */
  list_price?: number | null;
  /** 1 to 10,000. */
  per_user_limit?: number | null;
  id?: number;
}

/** Put one product above the others. Effect: `product.pinned`. */
export interface ProductPin {
  type: "product.pin";
  /** A product's id in its room. */
  sku: string;
  id?: number;
}

/** Pin nothing. Effect: `product.pinned` with `sku` null. */
export interface ProductUnpin {
  type: "product.unpin";
  /** A product's id in its room. */
  sku?: string | null;
  id?: number;
}

/** Take a product off the shelf; holds and paid orders stay. Effect: `product.unmounted`. */
export interface ProductUnmount {
  type: "product.unmount";
  /** A product's id in its room. */
  sku: string;
  id?: number;
}

/** Every mounted sku once, in the order of the shelf. Effect: `product.sorted`. */
export interface ProductSort {
  type: "product.sort";
  /** At most 500. */
  skus: string[];
  id?: number;
}

/** Add `delta` units to a product (`sku`) or to a sale (`sale`); negative down to nothing left. */
export interface ProductRestock {
  type: "product.restock";
  /** -1,000,000,000 to 1,000,000,000. */
  delta: number;
  /** A product's id in its room. */
  sku?: string | null;
  /** A room's or a sale's id. */
  sale?: string | null;
  id?: number;
}

/**
 * Carve `stock` units out of a product and sell them at `price` in a window. Effect: `sale.scheduled`.
 *
 * Exactly one of `starts_at` and `starts_in_ms`; the window is decided by the store's clock.
 */
export interface SaleSchedule {
  type: "sale.schedule";
  /** A product's id in its room. */
  sku: string;
  /** Integer minor units of the currency. At most 10,000,000,000. */
  price: number;
  /** 1 to 1,000,000,000. */
  stock: number;
  /** Milliseconds. 1 to 31,622,400,000. */
  duration_ms: number;
  /** Milliseconds since the Unix epoch. */
  starts_at?: number | null;
  /** At most 31,622,400,000. */
  starts_in_ms?: number | null;
  /** 1 to 10,000. */
  per_user_limit?: number | null;
  /** 1,000 to 86,400,000. */
  hold_ms?: number | null;
  id?: number;
}

/** End a sale early; what is left goes back to the product. Effect: `sale.ended`. */
export interface SaleCancel {
  type: "sale.cancel";
  /** A room's or a sale's id. */
  sale: string;
  id?: number;
}

/** Keep a viewer from speaking for `duration_ms` (until `viewer.unmute` without). */
export interface ViewerMute {
  type: "viewer.mute";
  /** A user's id (`sub`). 1 to 128 characters. */
  user: string;
  /** Milliseconds. 1 to 31,622,400,000. */
  duration_ms?: number | null;
  /** At most 200 characters. */
  reason?: string;
  id?: number;
}

/** Let a muted viewer speak again. */
export interface ViewerUnmute {
  type: "viewer.unmute";
  /** A user's id (`sub`). 1 to 128 characters. */
  user: string;
  id?: number;
}

/** Closes the viewer's sockets with 4502 and keeps them out for `duration_ms` (for good without). */
export interface ViewerKick {
  type: "viewer.kick";
  /** A user's id (`sub`). 1 to 128 characters. */
  user: string;
  /** Milliseconds. 1 to 31,622,400,000. */
  duration_ms?: number | null;
  /** At most 200 characters. */
  reason?: string;
  id?: number;
}

/** Take a danmaku off every screen. Effect: `danmaku.recalled`. */
export interface DanmakuRecall {
  type: "danmaku.recall";
  /** 1 to 64 characters. */
  message: string;
  id?: number;
}

/** A paid order is on its way. Effect: `order.updated` to its buyer. */
export interface OrderShip {
  type: "order.ship";
  /** 1 to 64 characters. */
  order: string;
  id?: number;
}

/** A shipped order has arrived. Effect: `order.updated` to its buyer. */
export interface OrderDeliver {
  type: "order.deliver";
  /** 1 to 64 characters. */
  order: string;
  id?: number;
}

/** Give the money of a shipped order back, as its buyer asked. Effect: `order.updated` to its buyer. */
export interface RefundApprove {
  type: "refund.approve";
  /** 1 to 64 characters. */
  order: string;
  id?: number;
}

/** Do not give it back; the buyer is told why. Effect: `order.updated` to its buyer. */
export interface RefundDecline {
  type: "refund.decline";
  /** 1 to 64 characters. */
  order: string;
  /** 1 to 200 characters. */
  reason: string;
  id?: number;
}

/** What viewers may send. */
export type ViewerCommand = Hello | Ping | DanmakuSend | Like | OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet;

/** What hosts and moderators do to a room. */
export type RoomCommand =
  | RoomStart
  | RoomPause
  | RoomEnd
  | RoomAnnounce
  | ProductMount
  | ProductUpdate
  | ProductPin
  | ProductUnpin
  | ProductUnmount
  | ProductSort
  | ProductRestock
  | SaleSchedule
  | SaleCancel
  | ViewerMute
  | ViewerUnmute
  | ViewerKick
  | DanmakuRecall;

/** What hosts do to orders. */
export type ShopCommand = OrderShip | OrderDeliver | RefundApprove | RefundDecline;

/** What is answered with an order. */
export type OrderCommand = OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet;

/** What the control socket takes besides. */
export type HostCommand = RoomCommand | ShopCommand;

/** Everything a client may say. */
export type Command = ViewerCommand | HostCommand;

export type CommandType = Command["type"];
