/** The buyer's orders in groups, and which of them wait for the buyer. Pure. */

import type { Order, OrderStatus } from "@miaodan/client";

export const GROUPS = ["all", "unpaid", "toShip", "onTheWay", "money", "over"] as const;
export type Group = (typeof GROUPS)[number];

const MEMBERS: Record<Exclude<Group, "all">, readonly OrderStatus[]> = {
  unpaid: ["reserved"],
  toShip: ["paid"],
  onTheWay: ["shipped", "delivered"],
  money: ["refunding", "refunded"],
  over: ["cancelled", "expired"],
};

export function inGroup(order: Order, group: Group): boolean {
  return group === "all" || MEMBERS[group].includes(order.status);
}

export function countGroups(orders: readonly Order[]): Record<Group, number> {
  const counts = { all: 0, unpaid: 0, toShip: 0, onTheWay: 0, money: 0, over: 0 };
  for (const group of GROUPS) counts[group] = orders.filter((order) => inGroup(order, group)).length;
  return counts;
}

/** Orders that are lost unless the buyer pays. `now` is the server's time. */
export function needBuyer(orders: Iterable<Order>, paying: (order: Order) => boolean, now: number): Order[] {
  return [...orders].filter((order) => order.status === "reserved" && now < order.expires_at && !paying(order));
}

export type StepName = "Reserved" | "Paid" | "Shipped" | "Delivered";

export interface Step {
  name: StepName;
  done: boolean;
  /** Server time, where it is known. */
  at: number | null;
}

const REACHED: Partial<Record<OrderStatus, number>> = { reserved: 1, paid: 2, shipped: 3, delivered: 4 };

/** An order's way so far; null where it left that way (cancelled, expired, refunded). */
export function timeline(order: Order): Step[] | null {
  const refunding = order.delivered_at !== undefined ? 4 : order.shipped_at !== undefined ? 3 : 2;
  const reached = order.status === "refunding" ? refunding : REACHED[order.status];
  if (reached === undefined) return null;
  const times = [order.reserved_at, null, order.shipped_at ?? null, order.delivered_at ?? null];
  return (["Reserved", "Paid", "Shipped", "Delivered"] as const).map((name, index) => ({
    name,
    done: index < reached,
    at: index < reached ? (times[index] ?? null) : null,
  }));
}
