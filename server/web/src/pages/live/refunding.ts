/** How much a buyer asks back. Pure; money in minor units. */

import { parseMoney } from "../shared/format.js";

/** What can still be given back of an order. */
export function refundable(order: { amount: number; refunded?: number }): number {
  return Math.max(0, order.amount - (order.refunded ?? 0));
}

/** What was typed, where it is an amount that can be asked for; else null. */
export function askedFor(text: string, left: number, currency: string): number | null {
  const amount = parseMoney(text, currency);
  return amount !== null && amount >= 1 && amount <= left ? amount : null;
}
