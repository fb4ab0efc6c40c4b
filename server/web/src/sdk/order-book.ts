/** This user's orders as far as known here, by id, in their newest version. Bounded. */

import type { Order } from "./wire/index.js";

const UNDER_WAY: ReadonlySet<Order["status"]> = new Set(["reserved", "paid", "refunding", "shipped"]);

export class OrderBook {
  readonly orders = new Map<string, Order>();

  /** Beyond `limit` the oldest finished order is forgotten, else the oldest. */
  constructor(private readonly limit = 1_000) {}

  /** Takes note of an order; false where it was known in this version or a newer one. */
  keep(order: Order): boolean {
    const known = this.orders.get(order.order);
    if (known !== undefined && known.version >= order.version) return false;
    this.orders.set(order.order, order);
    if (this.orders.size > this.limit) this.orders.delete(this.oldest());
    return true;
  }

  /** Orders that were under way here and are not among these: they moved on while nobody listened. */
  movedOn(unfinished: readonly Order[], alsoUnderWay: (order: Order) => boolean): Order[] {
    const current = new Set(unfinished.map((order) => order.order));
    return [...this.orders.values()].filter(
      (order) => !current.has(order.order) && (UNDER_WAY.has(order.status) || alsoUnderWay(order)),
    );
  }

  private oldest(): string {
    for (const order of this.orders.values()) if (!UNDER_WAY.has(order.status)) return order.order;
    return this.orders.keys().next().value ?? "";
  }
}
