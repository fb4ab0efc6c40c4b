/** Ships many orders, one command each, and keeps what went wrong with which. */

import type { OrderRecord } from "@miaodan/client";

export interface Shipping {
  done: number;
  of: number;
  /** What the server said, by order id. */
  failed: ReadonlyMap<string, string>;
}

/**
 * One after the other, so that the room's other commands find their way between. A refusal is kept
 * and the next order goes on; `told` hears the progress after each. Ends early where `go` says so.
 */
export async function shipAll(
  orders: readonly OrderRecord[],
  ship: (order: OrderRecord) => Promise<Error | null>,
  told: (shipping: Shipping) => void,
  go: () => boolean = () => true,
): Promise<Shipping> {
  const failed = new Map<string, string>();
  let done = 0;
  const now = (): Shipping => ({ done, of: orders.length, failed: new Map(failed) });
  told(now());
  for (const order of orders) {
    if (!go()) break;
    const error = await ship(order);
    if (error === null) done += 1;
    else failed.set(order.order, error.message);
    told(now());
  }
  return now();
}

/** Whether an order is what somebody looks for: its id or its buyer's holds the text. */
export function matches(order: OrderRecord, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return wanted === "" || order.order.toLowerCase().includes(wanted) || order.user.toLowerCase().includes(wanted);
}

/** What the shown orders come to: how many, and the money that stays with the shop, in minor units. */
export function totals(orders: readonly OrderRecord[]): { count: number; money: number } {
  const kept = orders.filter((order) => ["paid", "shipped", "delivered", "refunding"].includes(order.status));
  return { count: orders.length, money: kept.reduce((sum, order) => sum + order.amount - (order.refunded ?? 0), 0) };
}
