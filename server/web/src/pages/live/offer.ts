/** What a product is offered for just now, and what its Buy button may do. Pure. */

import { type Product, type Sale, type SaleWindow, saleWindow } from "@miaodan/client";
import { locale } from "../shared/i18n.js";
import { byUrgency, nextOf } from "./on-stage.js";

/** `by`: the product's own price, or a flash sale's. Money in minor units, `mine` and the rest in units. */
export interface Offer {
  by: "shelf" | "sale";
  /** What an order names: the sku, or the sale's id. */
  key: string;
  price: number;
  /** The higher price it is compared with. */
  was: number | null;
  available: number;
  total: number;
  limit: number | null;
  mine: number;
  /** The product's flash sale that is on, or that comes next. */
  sale: Sale | null;
  window: SaleWindow | null;
}

/** The sale of a product that matters now: what is on, then what comes next. */
export function saleOf(sku: string, sales: readonly Sale[], now: number): Sale | null {
  const running = sales.filter((sale) => sale.sku === sku && saleWindow(sale, now) !== "over");
  return running.toSorted(byUrgency(now))[0] ?? null;
}

export function offerOfSale(sale: Sale, product: Product | undefined, mine: number, now: number): Offer {
  return {
    by: "sale",
    key: sale.sale,
    price: sale.price,
    was: product !== undefined && product.price > sale.price ? product.price : null,
    available: sale.available,
    total: sale.total,
    limit: sale.per_user_limit,
    mine,
    sale,
    window: saleWindow(sale, now),
  };
}

/** The flash price while its sale is on and this buyer may still have one, else the product's own. */
export function offerOf(product: Product, sales: readonly Sale[], mine: (key: string) => number, now: number): Offer {
  const sale = saleOf(product.sku, sales, now);
  if (sale !== null && saleWindow(sale, now) === "open") {
    const held = mine(sale.sale);
    if (sale.per_user_limit === null || held < sale.per_user_limit) return offerOfSale(sale, product, held, now);
  }
  return {
    by: "shelf",
    key: product.sku,
    price: product.price,
    was: product.list_price !== null && product.list_price > product.price ? product.list_price : null,
    available: product.available,
    total: product.total,
    limit: product.per_user_limit,
    mine: mine(product.sku),
    sale,
    window: sale === null ? null : saleWindow(sale, now),
  };
}

/** When the choice between a product's prices may change next, on the server's clock. */
export function nextTurnOf(sku: string, sales: readonly Sale[], now: number): number | null {
  return nextOf(
    sales.filter((sale) => sale.sku === sku).flatMap((sale) => [sale.starts_at, sale.ends_at]),
    now,
  );
}

/** The most units that one order may ask for; at least 1. */
export function mostOf(offer: Offer): number {
  const allowed = offer.limit === null ? 99 : offer.limit - offer.mine;
  return Math.max(1, Math.min(99, offer.available, allowed));
}

export type ButtonState = "buy" | "more" | "placing" | "limit" | "sold_out" | "before" | "over" | "closed";

/** What a Buy button is in; only `buy` and `more` order anything. */
export function buttonState(offer: Offer, placing: boolean, closed: boolean): ButtonState {
  if (placing) return "placing";
  if (offer.by === "sale" && offer.window === "over") return "over";
  if (closed) return "closed";
  if (offer.by === "sale" && offer.window === "before") return "before";
  if (offer.limit !== null && offer.mine >= offer.limit) return "limit";
  if (offer.available <= 0) return "sold_out";
  return offer.mine > 0 ? "more" : "buy";
}

/** The part of a price that is saved, as shops say it: "-40%", or 6折; null below one percent. */
export function discount(price: number, was: number | null): string | null {
  if (was === null || was <= price || was <= 0) return null;
  const paid = price / was;
  if (locale() === "zh-CN") {
    const tenths = Math.max(1, Math.round(paid * 100)) / 10;
    return tenths >= 10 ? null : `${tenths}折`;
  }
  const percent = Math.round((1 - paid) * 100);
  return percent < 1 ? null : `-${Math.min(99, percent)}%`;
}

/** How much is taken. `percent` null: not known; never 100 while something is left, nor 0 once something went. */
export interface Taken {
  percent: number | null;
  urgent: boolean;
}

const FEW = 10;

export function taken(available: number, total: number): Taken {
  if (total <= 0 || available > total) return { percent: null, urgent: available > 0 && available <= FEW };
  const part = (total - available) / total;
  const percent = part === 0 ? 0 : available === 0 ? 100 : Math.min(99, Math.max(1, Math.round(part * 100)));
  return { percent, urgent: available > 0 && (available <= FEW || part >= 0.9) };
}
