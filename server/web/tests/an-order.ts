/** An order, and one as the ledger lists it. */

import type { Order, OrderRecord } from "@miaodan/client";

export function order(changes: Partial<Order> = {}): Order {
  return {
    order: "o1",
    request_id: "q1",
    sku: "tea",
    sale: null,
    quantity: 1,
    amount: 990,
    currency: "CNY",
    status: "paid",
    version: 2,
    reserved_at: 1,
    expires_at: 2,
    ...changes,
  };
}

export function record(id: string, changes: Partial<OrderRecord> = {}): OrderRecord {
  return { ...order({ order: id, request_id: id }), user: "ann", updated_at: 3, ...changes };
}
