/** How an order stands, in words for its buyer, and what may be done about it. */

import { type ErrorEvent, type Order, type RoomSnapshot, saleWindow } from "@miaodan/client";
import { dayTime, money, shortTime } from "../shared/format.js";
import { t } from "../shared/i18n.js";

/** A server keeps an order that nobody paid for a week, unless it was set up otherwise. */
const KEPT_MS = 7 * 86_400_000;

/** What a buyer may do: `ask` is a refund that the host decides about. */
export type Deed = "pay" | "cancel" | "refund" | "ask";

/** Whether there are units for an expired order, as far as the room was told. */
export function stillThere(order: Order, room: RoomSnapshot, now: number): boolean {
  if (now - order.reserved_at > KEPT_MS) return false;
  const sale = room.sales.find((item) => item.sale === order.sale);
  if (order.sale !== null) return sale !== undefined && saleWindow(sale, now) === "open" && sale.available >= order.quantity;
  return room.products.some((product) => product.sku === order.sku && product.available >= order.quantity);
}

export function deeds(order: Order, paying: boolean, there: boolean, now: number): Deed[] {
  switch (order.status) {
    case "reserved":
      if (now >= order.expires_at) return [];
      return paying ? ["cancel"] : ["pay", "cancel"];
    case "expired":
      return there && !paying ? ["pay"] : [];
    case "paid":
      return ["refund"];
    case "shipped":
    case "delivered":
      return ["ask"];
    default:
      return [];
  }
}

/** Sentences under the status, the most important first. */
export function notes(order: Order, paying: boolean, there: boolean, now: number): string[] {
  const told: string[] = [];
  const sum = (minor: number): string => money(minor, order.currency);
  if (paying) told.push(t("orders.paying"));
  else if (order.status === "reserved") {
    told.push(now < order.expires_at ? t("orders.payWithin", { time: shortTime(order.expires_at - now) }) : t("orders.payOver"));
  } else if (order.status === "expired" && there) told.push(t("orders.payLate"));
  if (order.status === "refunding" && order.refunding !== undefined) {
    told.push(
      order.refund_due_at === undefined
        ? t("orders.refundComing", { amount: sum(order.refunding) })
        : t("orders.refundWaits", { amount: sum(order.refunding), time: dayTime(order.refund_due_at, now) }),
    );
  }
  if (order.status === "refunding" && order.reason) told.push(t("orders.yourReason", { reason: order.reason }));
  const back = order.refunded ?? 0;
  if (back > 0 && back < order.amount) told.push(t("orders.refundedPart", { refunded: sum(back), amount: sum(order.amount) }));
  if ((order.status === "shipped" || order.status === "delivered") && order.reason) {
    // After a refund of a part the reason may be the buyer's own.
    told.push(t(back === 0 ? "orders.refundDeclined" : "orders.note", { reason: order.reason }));
  }
  if (order.status === "delivered" && order.delivered_at !== undefined) {
    told.push(t("orders.deliveredAt", { time: dayTime(order.delivered_at, now) }));
  } else if (order.status === "shipped" && order.shipped_at !== undefined) {
    told.push(t("orders.shippedAt", { time: dayTime(order.shipped_at, now) }));
  }
  return told;
}

/** An `error` that answers no command: a payment that was refused afterwards, or that goes back. */
export interface Trouble {
  order: string;
  code: ErrorEvent["code"];
}

export function troubleOf(event: ErrorEvent): Trouble | null {
  return event.id == null && event.order != null ? { order: event.order, code: event.code } : null;
}

/** In words; null where it is no trouble any more. */
export function troubleText(trouble: Trouble, order: Order | undefined, title: string | undefined): string | null {
  const fill = { title: title ?? t("trouble.yours") };
  if (trouble.code === "payment_failed") {
    if (order === undefined) return t("trouble.failedOver", fill);
    if (order.status === "reserved") return t("trouble.failed", fill);
    return order.status === "expired" || order.status === "cancelled" ? t("trouble.failedOver", fill) : null;
  }
  if (order === undefined) return t("trouble.otherNoAmount", fill);
  const amount = money(order.amount, order.currency);
  const told = trouble.code === "sold_out" || trouble.code === "limit_exceeded" ? trouble.code : "other";
  return t(`trouble.${told}`, { ...fill, amount });
}
