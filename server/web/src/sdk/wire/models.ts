/**
 * The nouns of the wire: users, products, sales, orders, rooms.
 *
 * Made by `python -m schemas.typescript`; the source is `schemas/*.py`. Not to be edited here.
 */

import type { OrderStatus, Role, RoomStatus, SalePhase } from "./codes.js";

/** Who somebody is in a room. */
export interface User {
  id: string;
  name: string;
  role: Role;
}

/**
 * What the shelf shows. `available` is sellable stock; `total` is all the units that the product has,
 * available, held and sold together: what was mounted and restocked, less what its sales took and have.
 */
export interface Product {
  sku: string;
  title: string;
  /** Integer minor units of the room's currency. */
  price: number;
  image: string | null;
  /** Integer minor units of the room's currency. */
  list_price: number | null;
  per_user_limit: number | null;
  /** Units of stock. */
  available: number;
  pinned: boolean;
  position: number;
  /** Units of stock. */
  total: number;
}

/** A product as a host mounts it. `stock` is how many units go on the shelf. */
export interface ProductInput {
  /** A product's id in its room. */
  sku: string;
  /** 1 to 200 characters. */
  title: string;
  /** Integer minor units of the currency. At most 10,000,000,000. */
  price: number;
  /** Units of stock. At most 1,000,000,000. */
  stock: number;
  /** At most 2,048 characters. */
  image?: string | null;
  /** Integer minor units of the currency. At most 10,000,000,000. */
  list_price?: number | null;
  /** 1 to 10,000. */
  per_user_limit?: number | null;
}

/**
 * A flash sale of one product: stock of its own, a price of its own, a window on the store's clock.
 *
 * `total` is what it has: available, held and sold together. Both are 0 once it has ended. `stock` is what
 * it was scheduled with, and stays.
 */
export interface Sale {
  sale: string;
  sku: string;
  /** Integer minor units of the room's currency. */
  price: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  starts_at: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  ends_at: number;
  phase: SalePhase;
  /** Units of stock. */
  available: number;
  per_user_limit: number | null;
  /** Units of stock. */
  total: number;
  /** Units of stock. */
  stock: number;
}

/**
 * An order as its buyer sees it. `version` grows by one at each change.
 *
 * `refunding` is what is being given back now, `refund_due_at` when that happens by itself unless the
 * host approves or declines first, `reason` why the order is as it is. Absent: there is none.
 */
export interface Order {
  order: string;
  request_id: string;
  sku: string;
  sale: string | null;
  quantity: number;
  /** Integer minor units of the room's currency. */
  amount: number;
  currency: string;
  status: OrderStatus;
  version: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  reserved_at: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  expires_at: number;
  room?: string | null;
  /** Integer minor units of the room's currency. */
  refunded?: number;
  /** Integer minor units of the room's currency. */
  refunding?: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  refund_due_at?: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  shipped_at?: number;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  delivered_at?: number;
  reason?: string;
}

/** Everything a late joiner needs; true at the `seq` that came with it. */
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
  /** Milliseconds since the Unix epoch, on the server's clock. */
  starts_at?: number | null;
}

/** One danmaku. */
export interface Message {
  message: string;
  user: User;
  text: string;
  /** Milliseconds since the Unix epoch, on the server's clock. */
  at: number;
}

/** Where the client stopped: the room log's epoch and the last `seq` it applied. */
export interface Resume {
  /** At most 64 characters. */
  epoch: string;
  seq: number;
}

/** How long a sale's phase still lasts. */
export interface Countdown {
  phase: SalePhase;
  remaining_ms: number;
}

/** Orders of a room by what became of them. */
export interface OrderCounts {
  reserved: number;
  paid: number;
  refunded: number;
}

/** Where a product's units are. */
export interface ProductCounts {
  /** Units of stock. */
  sold: number;
  /** Units of stock. */
  held: number;
  /** Units of stock. */
  available: number;
}
