/**
 * Bodies of the HTTP API.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

import type { ErrorCode, Role } from "./codes.js";
import type { Order, RoomSnapshot } from "./models.js";

/** `POST /api/v1/rooms`. */
export interface RoomCreate {
  /** 1 to 200 characters. */
  title: string;
  /** A room's or a sale's id. */
  id?: string | null;
  /** ISO 4217 code. */
  currency?: string;
  /** At most 2,048 characters. */
  stream_url?: string | null;
  guests?: boolean;
  /** Milliseconds since the Unix epoch. */
  starts_at?: number | null;
}

/** A page of live rooms. `cursor` asks for the next page; null: this was the last. */
export interface RoomList {
  rooms: RoomSnapshot[];
  cursor: string | null;
}

/** An order from the ledger: what the buyer sees, and whose it is. */
export interface OrderRecord extends Order {
  user: string;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  updated_at: number;
}

/** A page of orders, newest first. `cursor` asks for the next page; null: this was the last. */
export interface OrderList {
  orders: OrderRecord[];
  cursor: string | null;
}

/** `POST /api/v1/orders/{order}/refund`. Without `amount` all that is left; with it, `request_id` too. */
export interface RefundAsk {
  /** Integer minor units of the currency. 1 to 10,000,000,000,000. */
  amount?: number | null;
  /** 1 to 64 characters. */
  request_id?: string | null;
  /** At most 200 characters. */
  reason?: string;
}

/** `POST /api/v1/orders/{order}/refund/decline`: why, for the buyer to read. */
export interface RefundRefusal {
  /** 1 to 200 characters. */
  reason: string;
}

/**
 * What somebody did in a room: the `action` is the command's type, `details` the command as it was sent,
 * without its `id`.
 */
export interface Action {
  id: string;
  room: string;
  actor: string;
  role: Role;
  action: string;
  details: Record<string, unknown>;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  at: number;
}

/** A page of actions, newest first. `cursor` asks for the next page; null: this was the last. */
export interface ActionList {
  actions: Action[];
  cursor: string | null;
}

/** What went wrong. `field`: the path of what was wrong in the request. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  field?: string;
}

/** Every error of the HTTP API. */
export interface ErrorResponse {
  error: ErrorBody;
}
