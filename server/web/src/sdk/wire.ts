/**
 * The wire contract, version 1, as types. They mirror `schemas/*.py`; `tests/sdk/wire.test.ts`
 * compares them with the generated AsyncAPI document, field by field.
 *
 * Times (`…_at`, `server_time`) are integer milliseconds since the Unix epoch on the server's
 * clock, durations end in `_ms`, money is integer minor units of the room's currency.
 */

export const SUBPROTOCOL_JSON = "miaodan.v1.json";
export const SUBPROTOCOL_MSGPACK = "miaodan.v1.msgpack";

export type Role = "guest" | "viewer" | "moderator" | "host" | "operator";
export type RoomStatus = "scheduled" | "live" | "paused" | "ended";
export type SalePhase = "scheduled" | "open" | "sold_out" | "ended" | "cancelled";
export type OrderStatus = "reserved" | "paid" | "shipped" | "delivered" | "cancelled" | "expired" | "refunding" | "refunded";

export type ErrorCode =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "rate_limited"
  | "muted"
  | "blocked_words"
  | "not_open"
  | "sale_ended"
  | "sold_out"
  | "limit_exceeded"
  | "request_mismatch"
  | "payment_failed"
  | "unknown_outcome"
  | "unavailable";

/** Why a socket was closed. 4000-4499 come back by themselves, 4500-4999 and 1009 are final. */
export const CloseCode = {
  TOO_LARGE: 1009,
  DRAINING: 4000,
  SLOW: 4001,
  NO_HEARTBEAT: 4002,
  OVER_CAPACITY: 4003,
  BAD_TOKEN: 4500,
  FORBIDDEN: 4501,
  KICKED: 4502,
  PROTOCOL_ERROR: 4503,
  NO_SUCH_ROOM: 4504,
  REPLACED: 4505,
  NO_HELLO: 4506,
} as const;

/** Whether a close with this code ends the session for good. */
export function isFinalClose(code: number): boolean {
  return code === CloseCode.TOO_LARGE || (code >= 4500 && code <= 4999);
}

// ---- nouns ------------------------------------------------------------------------------------

export interface User {
  id: string;
  name: string;
  role: Role;
}

export interface Product {
  sku: string;
  title: string;
  price: number;
  image: string | null;
  list_price: number | null;
  per_user_limit: number | null;
  available: number;
  pinned: boolean;
  position: number;
  /** Available, held and sold units together. */
  total: number;
}

export interface ProductInput {
  sku: string;
  title: string;
  price: number;
  stock: number;
  image?: string | null;
  list_price?: number | null;
  per_user_limit?: number | null;
}

export interface Sale {
  sale: string;
  sku: string;
  price: number;
  starts_at: number;
  ends_at: number;
  phase: SalePhase;
  available: number;
  per_user_limit: number | null;
  /** Available, held and sold units together. */
  total: number;
}

export interface Order {
  order: string;
  request_id: string;
  sku: string;
  sale: string | null;
  quantity: number;
  amount: number;
  currency: string;
  status: OrderStatus;
  version: number;
  reserved_at: number;
  expires_at: number;
  room?: string | null;
  /** Given back so far. */
  refunded?: number;
  /** What is being given back now. */
  refunding?: number;
  /** When that is approved by itself, unless the host says something before. */
  refund_due_at?: number;
  shipped_at?: number;
  delivered_at?: number;
  /** Why the order is as it is. */
  reason?: string;
}

/** An order from the ledger (`GET /api/v1/orders`): what its buyer sees, and whose it is. */
export interface OrderRecord extends Order {
  user: string;
  updated_at: number;
}

/** A page of orders, newest first. `cursor` asks for the next one; null: this was the last. */
export interface OrderList {
  orders: OrderRecord[];
  cursor: string | null;
}

export interface RoomSnapshot {
  id: string;
  title: string;
  status: RoomStatus;
  currency: string;
  hosts: string[];
  announcement: string | null;
  products: Product[];
  sales: Sale[];
  online: number;
  likes: number;
  stream_url?: string | null;
  guests?: boolean;
  starts_at?: number | null;
}

export interface Resume {
  epoch: string;
  seq: number;
}

export interface Countdown {
  phase: SalePhase;
  remaining_ms: number;
}

export interface OrderCounts {
  reserved: number;
  paid: number;
  refunded: number;
}

export interface ProductCounts {
  sold: number;
  held: number;
  available: number;
}

// ---- commands -----------------------------------------------------------------------------------

export interface Hello {
  type: "hello";
  token?: string | null;
  resume?: Resume | null;
}
export interface Ping {
  type: "ping";
  id?: number;
  client_time: number;
}
export interface DanmakuSend {
  type: "danmaku.send";
  id?: number;
  text: string;
}
export interface Like {
  type: "like";
  id?: number;
  count: number;
}
export interface OrderPlace {
  type: "order.place";
  id?: number;
  request_id: string;
  sku?: string | null;
  sale?: string | null;
  quantity?: number;
  pay?: boolean;
}
export interface OrderPay {
  type: "order.pay";
  id?: number;
  order: string;
}
export interface OrderCancel {
  type: "order.cancel";
  id?: number;
  order: string;
}
export interface OrderRefund {
  type: "order.refund";
  id?: number;
  order: string;
  reason?: string;
  /** A part; needs `request_id`. */
  amount?: number | null;
  request_id?: string | null;
}
export interface OrderGet {
  type: "order.get";
  id?: number;
  order?: string | null;
  request_id?: string | null;
}
export interface RoomStart {
  type: "room.start";
  id?: number;
}
export interface RoomPause {
  type: "room.pause";
  id?: number;
}
export interface RoomEnd {
  type: "room.end";
  id?: number;
}
export interface RoomAnnounce {
  type: "room.announce";
  id?: number;
  text: string;
}
export interface ProductMount {
  type: "product.mount";
  id?: number;
  product: ProductInput;
}
export interface ProductUpdate {
  type: "product.update";
  id?: number;
  sku: string;
  title?: string;
  price?: number;
  image?: string | null;
  list_price?: number | null;
  per_user_limit?: number | null;
}
export interface ProductPin {
  type: "product.pin";
  id?: number;
  sku: string;
}
export interface ProductUnpin {
  type: "product.unpin";
  id?: number;
  sku?: string | null;
}
export interface ProductUnmount {
  type: "product.unmount";
  id?: number;
  sku: string;
}
export interface ProductSort {
  type: "product.sort";
  id?: number;
  skus: string[];
}
export interface ProductRestock {
  type: "product.restock";
  id?: number;
  delta: number;
  sku?: string | null;
  sale?: string | null;
}
export interface SaleSchedule {
  type: "sale.schedule";
  id?: number;
  sku: string;
  price: number;
  stock: number;
  duration_ms: number;
  starts_at?: number | null;
  starts_in_ms?: number | null;
  per_user_limit?: number | null;
  hold_ms?: number | null;
}
export interface SaleCancel {
  type: "sale.cancel";
  id?: number;
  sale: string;
}
export interface ViewerMute {
  type: "viewer.mute";
  id?: number;
  user: string;
  duration_ms?: number | null;
  reason?: string;
}
export interface ViewerUnmute {
  type: "viewer.unmute";
  id?: number;
  user: string;
}
export interface ViewerKick {
  type: "viewer.kick";
  id?: number;
  user: string;
  duration_ms?: number | null;
  reason?: string;
}
export interface DanmakuRecall {
  type: "danmaku.recall";
  id?: number;
  message: string;
}
export interface OrderShip {
  type: "order.ship";
  id?: number;
  order: string;
}
export interface OrderDeliver {
  type: "order.deliver";
  id?: number;
  order: string;
}
export interface RefundApprove {
  type: "refund.approve";
  id?: number;
  order: string;
}
export interface RefundDecline {
  type: "refund.decline";
  id?: number;
  order: string;
  reason: string;
}

export type OrderCommand = OrderPlace | OrderPay | OrderCancel | OrderRefund | OrderGet;
export type HostCommand =
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
  | DanmakuRecall
  | OrderShip
  | OrderDeliver
  | RefundApprove
  | RefundDecline;
export type Command = Hello | Ping | DanmakuSend | Like | OrderCommand | HostCommand;
/** Commands that get one reply. */
export type Asking = Ping | DanmakuSend | OrderCommand | HostCommand;

/** The reply that answers a command. */
export type ReplyTo<C extends Asking> = C extends Ping
  ? Pong
  : C extends DanmakuSend
    ? DanmakuAccepted
    : C extends OrderCommand
      ? OrderAccepted
      : Done;

// ---- events -------------------------------------------------------------------------------------

export interface Welcome {
  type: "welcome";
  session: string;
  user: User;
  epoch: string;
  seq: number;
  server_time: number;
  heartbeat_ms: number;
  recovered: boolean;
  room?: RoomSnapshot | null;
  orders: Order[];
}
export interface Pong {
  type: "pong";
  id: number;
  client_time: number;
  server_time: number;
}
export interface DanmakuAccepted {
  type: "danmaku.accepted";
  id: number;
  message: string;
}
export interface OrderAccepted {
  type: "order.accepted";
  id: number;
  order: Order;
  replayed: boolean;
}
export interface OrderUpdated {
  type: "order.updated";
  order: Order;
}
export interface Done {
  type: "done";
  id: number;
  seq: number;
}
/** `until` null: until unmuted; 0: no longer muted. */
export interface Muted {
  type: "muted";
  until: number | null;
  reason: string;
}
export interface Kicked {
  type: "kicked";
  reason: string;
}
export interface ErrorEvent {
  type: "error";
  code: ErrorCode;
  message: string;
  id?: number | null;
  field?: string | null;
  retry_after_ms?: number | null;
  order?: string | null;
}
export interface RoomUpdated {
  type: "room.updated";
  seq: number;
  status?: RoomStatus | null;
  announcement?: string | null;
}
export interface ProductMounted {
  type: "product.mounted";
  seq: number;
  product: Product;
}
export interface ProductUpdated {
  type: "product.updated";
  seq: number;
  product: Product;
}
export interface ProductPinned {
  type: "product.pinned";
  seq: number;
  sku: string | null;
}
export interface ProductUnmounted {
  type: "product.unmounted";
  seq: number;
  sku: string;
}
export interface ProductSorted {
  type: "product.sorted";
  seq: number;
  skus: string[];
}
export interface SaleScheduled {
  type: "sale.scheduled";
  seq: number;
  sale: Sale;
}
export interface SaleStarted {
  type: "sale.started";
  seq: number;
  sale: string;
}
export interface SaleSoldOut {
  type: "sale.sold_out";
  seq: number;
  sale: string;
}
export interface SaleEnded {
  type: "sale.ended";
  seq: number;
  sale: string;
  reason: string;
}
export interface DanmakuRecalled {
  type: "danmaku.recalled";
  seq: number;
  message: string;
}
export interface RoomState {
  type: "room.state";
  server_time: number;
  online?: number | null;
  likes?: number | null;
  stock?: Record<string, number> | null;
  countdown?: Record<string, Countdown> | null;
  total?: Record<string, number> | null;
}
export interface Dashboard {
  type: "dashboard";
  online: number;
  peak_online: number;
  danmaku_rate: number;
  orders: OrderCounts;
  revenue: number;
  products: Record<string, ProductCounts>;
}
export interface Danmaku {
  type: "danmaku";
  message: string;
  user: User;
  text: string;
  at: number;
}
export interface DanmakuSkipped {
  type: "danmaku.skipped";
  count: number;
}

export type Reply = Pong | DanmakuAccepted | OrderAccepted | Done;
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
export type Event =
  | Welcome
  | Reply
  | OrderUpdated
  | Muted
  | Kicked
  | ErrorEvent
  | SequencedEvent
  | RoomState
  | Dashboard
  | Danmaku
  | DanmakuSkipped;
export type EventType = Event["type"];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;
