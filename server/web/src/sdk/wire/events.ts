/**
 * What the server says. One WebSocket message is one batch: an array of these.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

import type { ErrorCode, RoomStatus } from "./codes.js";
import type { Command } from "./commands.js";
import type { Countdown, Message, Order, OrderCounts, Product, ProductCounts, RoomSnapshot, Sale, User } from "./models.js";

/**
 * First event of the first batch. `room` is absent exactly when `recovered`.
 *
 * `recent`: what was last said in the room, oldest first, as far as this server has heard it; absent when
 * `recovered` or where nothing was. One of it may come as a `danmaku` as well: the same `message`.
 */
export interface Welcome {
  type: "welcome";
  session: string;
  user: User;
  epoch: string;
  seq: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  server_time: number;
  heartbeat_ms: number;
  recovered: boolean;
  room?: RoomSnapshot;
  orders: Order[];
  recent?: Danmaku[];
}

/** Reply to `ping`. Clock offset: `server_time - (client_time + now) / 2`. */
export interface Pong {
  type: "pong";
  id: number;
  client_time: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  server_time: number;
}

/** Reply to `danmaku.send`: it is on its way to the room as `message`. */
export interface DanmakuAccepted {
  type: "danmaku.accepted";
  id: number;
  message: string;
}

/** Reply to every `order.*` command. `replayed`: nothing was done again. */
export interface OrderAccepted {
  type: "order.accepted";
  id: number;
  order: Order;
  replayed: boolean;
}

/** One of this user's orders changed, whoever changed it. */
export interface OrderUpdated {
  type: "order.updated";
  order: Order;
}

/** A control command took effect. `seq`: its event's place in the log; 0 where it makes none. */
export interface Done {
  type: "done";
  id: number;
  seq: number;
}

/**
 * `until` null: until unmuted; `until` 0: no longer muted.
 *
 * Right behind `welcome` where the user is muted; a welcome without it: they may speak.
 */
export interface Muted {
  type: "muted";
  /** Milliseconds since the Unix epoch, on the server's clock. */
  until: number | null;
  reason: string;
}

/** Out of the room; the socket closes with 4502. */
export interface Kicked {
  type: "kicked";
  reason: string;
}

/**
 * A command was refused. `field`: the path of what was wrong; `order`: an order that still stands.
 *
 * Without `id` and instead of `welcome`: the hello was; `retry_after_ms` says when to come back.
 * Without `id` and with `order`: a payment that was under way came to nothing.
 */
export interface ErrorEvent {
  type: "error";
  code: ErrorCode;
  message: string;
  id?: number;
  field?: string;
  retry_after_ms?: number;
  order?: string;
}

/** Changed fields only. An empty `announcement` means it was taken down. */
export interface RoomUpdated {
  type: "room.updated";
  seq: number;
  status?: RoomStatus;
  announcement?: string;
}

/** A product is on the shelf. */
export interface ProductMounted {
  type: "product.mounted";
  product: Product;
  seq: number;
}

/** A product changed; this is the whole of it. */
export interface ProductUpdated {
  type: "product.updated";
  product: Product;
  seq: number;
}

/** This product stands above the others; null: none does. */
export interface ProductPinned {
  type: "product.pinned";
  sku: string | null;
  seq: number;
}

/** A product left the shelf. */
export interface ProductUnmounted {
  type: "product.unmounted";
  sku: string;
  seq: number;
}

/** The shelf's new order. */
export interface ProductSorted {
  type: "product.sorted";
  skus: string[];
  seq: number;
}

/** A flash sale was announced; this is the whole of it. */
export interface SaleScheduled {
  type: "sale.scheduled";
  sale: Sale;
  seq: number;
}

/** A sale is open. */
export interface SaleStarted {
  type: "sale.started";
  sale: string;
  seq: number;
}

/** Nothing is left for now. Units that come back show as stock and sell while the window lasts. */
export interface SaleSoldOut {
  type: "sale.sold_out";
  sale: string;
  seq: number;
}

/** `reason`: `time`, `cancelled` or `room_ended`. What was left went back to the product. */
export interface SaleEnded {
  type: "sale.ended";
  sale: string;
  reason: string;
  seq: number;
}

/** Take this danmaku off the screen. */
export interface DanmakuRecalled {
  type: "danmaku.recalled";
  message: string;
  seq: number;
}

/**
 * Changed keys only. `stock` (what is available) and `total` (that, held and sold together) are keyed
 * by sku or sale.
 */
export interface RoomState {
  type: "room.state";
  /** Milliseconds since the Unix epoch, on the server's clock. */
  server_time: number;
  online?: number;
  likes?: number;
  stock?: Record<string, number>;
  countdown?: Record<string, Countdown>;
  total?: Record<string, number>;
}

/** Each second, to control sockets. */
export interface Dashboard {
  type: "dashboard";
  online: number;
  peak_online: number;
  danmaku_rate: number;
  orders: OrderCounts;
  /** Integer minor units of the room's currency. */
  revenue: number;
  products: Record<string, ProductCounts>;
}

/** Somebody said something. */
export interface Danmaku extends Message {
  type: "danmaku";
}

/** This many danmaku were sampled away for this viewer since the last one shown. */
export interface DanmakuSkipped {
  type: "danmaku.skipped";
  count: number;
}

/** What answers a command that was not refused. */
export type Reply = Pong | DanmakuAccepted | OrderAccepted | Done;

/** Lane L0: for one user, never dropped. */
export type DirectEvent = Welcome | Pong | DanmakuAccepted | OrderAccepted | OrderUpdated | Done | Muted | Kicked | ErrorEvent;

/** Lane L1: in order of `seq`, without holes. */
export type SequencedEvent =
  | RoomUpdated
  | ProductMounted
  | ProductUpdated
  | ProductPinned
  | ProductUnmounted
  | ProductSorted
  | SaleScheduled
  | SaleStarted
  | SaleSoldOut
  | SaleEnded
  | DanmakuRecalled;

/** Lane L2: the latest value of what changed. */
export type StateEvent = RoomState | Dashboard;

/** Lane L3: sampled, and what was skipped is told. */
export type ChatEvent = Danmaku | DanmakuSkipped;

/** Everything the server says. */
export type Event = DirectEvent | SequencedEvent | StateEvent | ChatEvent;

export type EventType = Event["type"];

export type EventOf<T extends EventType> = Extract<Event, { type: T }>;

/** The types of the events that have a place in the room's log. */
export const SEQUENCED_TYPES: readonly SequencedEvent["type"][] = [
  "room.updated",
  "product.mounted",
  "product.updated",
  "product.pinned",
  "product.unmounted",
  "product.sorted",
  "sale.scheduled",
  "sale.started",
  "sale.sold_out",
  "sale.ended",
  "danmaku.recalled",
];

/** What answers each command, by its type. A type that is not here gets no reply. */
export interface Replies {
  hello: Welcome;
  ping: Pong;
  "danmaku.send": DanmakuAccepted;
  "order.place": OrderAccepted;
  "order.pay": OrderAccepted;
  "order.cancel": OrderAccepted;
  "order.refund": OrderAccepted;
  "order.get": OrderAccepted;
  "room.start": Done;
  "room.pause": Done;
  "room.end": Done;
  "room.announce": Done;
  "product.mount": Done;
  "product.update": Done;
  "product.pin": Done;
  "product.unpin": Done;
  "product.unmount": Done;
  "product.sort": Done;
  "product.restock": Done;
  "sale.schedule": Done;
  "sale.cancel": Done;
  "viewer.mute": Done;
  "viewer.unmute": Done;
  "viewer.kick": Done;
  "danmaku.recall": Done;
  "order.ship": Done;
  "order.deliver": Done;
  "refund.approve": Done;
  "refund.decline": Done;
}

/** Commands that a client asks on an open session; each gets one reply. */
export type Asking = Exclude<Extract<Command, { type: keyof Replies }>, { type: "hello" }>;

/** The reply to a command. */
export type ReplyTo<C extends Asking> = Replies[C["type"]];
