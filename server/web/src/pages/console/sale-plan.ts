/** A flash sale as it is typed, as it is sent, and in a sentence. */

import type { Product, Sale, SaleSchedule } from "@miaodan/client";
import { discount } from "../live/offer.js";
import { dayTime, money, plainAmount } from "../shared/format.js";
import { currentLang, t } from "../shared/i18n.js";
import { type Problems, Reading, type Values } from "./reading.js";

export const SALE_NAMES = ["sku", "price", "stock", "starts_in", "starts_at", "duration", "per_user_limit", "hold"] as const;
export type SaleName = (typeof SALE_NAMES)[number];
/** `when`: `in` seconds, or `at` a time. */
export type SaleValues = Values<SaleName | "when">;

export const EMPTY_SALE: SaleValues = {
  sku: "",
  price: "",
  stock: "",
  when: "in",
  starts_in: "30",
  starts_at: "",
  duration: "60",
  per_user_limit: "1",
  hold: "",
};

const YEAR_S = 366 * 86_400;
const DAY_S = 86_400;

/** The command as it is sent, or what is wrong with what was typed. `now`: the server's clock. */
export function readSale(
  values: SaleValues,
  product: Product | undefined,
  currency: string,
  now: number,
): { command: SaleSchedule; problems: null } | { command: null; problems: Problems<SaleName> } {
  const reading = new Reading<SaleName>(values);
  const price = reading.money("price", currency);
  const stock = reading.whole("stock", 1, 10 ** 9);
  if (product === undefined) reading.wrong("sku", t("plan.noProduct"));
  else if (stock > product.available) reading.wrong("stock", t("plan.tooMany", { count: product.available }));
  const start =
    values.when === "at"
      ? { starts_at: readMoment(reading, values.starts_at, now) }
      : { starts_in_ms: reading.whole("starts_in", 0, YEAR_S) * 1_000 };
  const command: SaleSchedule = {
    type: "sale.schedule",
    sku: product?.sku ?? "",
    price,
    stock,
    ...start,
    duration_ms: reading.whole("duration", 1, YEAR_S) * 1_000,
    per_user_limit: reading.optional("per_user_limit", () => reading.whole("per_user_limit", 1, 10_000)),
    hold_ms: reading.optional("hold", () => reading.whole("hold", 1, DAY_S) * 1_000),
  };
  return reading.ok ? { command, problems: null } : { command: null, problems: reading.problems };
}

function readMoment(reading: Reading<SaleName>, text: string, now: number): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) reading.wrong("starts_at", t("form.required"));
  else if (at <= now) reading.wrong("starts_at", t("plan.past"));
  else if (at > now + YEAR_S * 1_000) reading.wrong("starts_at", t("plan.far"));
  return at;
}

/** What is saved, as the viewers' card says it (see `offer.ts`), for a sentence: "40%", or 6折; null where it is not less. */
export function saved(price: number, was: number): string | null {
  return discount(price, was)?.replace("-", "") ?? null;
}

/** Whole seconds as people say them: 90 s is "1 min 30 s". */
export function lasting(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / DAY_S), "time.d"],
    [Math.floor(seconds / 3_600) % 24, "time.h"],
    [Math.floor(seconds / 60) % 60, "time.min"],
    [seconds % 60, "time.s"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, key]) => t(key, { count }));
  return told.length === 0 ? t("time.s", { count: 0 }) : told.join(" ");
}

/** What will happen, in sentences. */
export function describe(command: SaleSchedule, product: Product, currency: string, now: number): string {
  const start =
    command.starts_at != null
      ? t("plan.at", { time: dayTime(command.starts_at, now) })
      : command.starts_in_ms === 0
        ? t("plan.now")
        : t("plan.in", { time: lasting(command.starts_in_ms ?? 0) });
  const off = saved(command.price, product.price);
  const fill = {
    start,
    time: lasting(command.duration_ms),
    count: command.stock,
    title: product.title,
    price: money(command.price, currency),
    was: money(product.price, currency),
    off: off ?? "",
  };
  const told = [t(off !== null ? "plan.sells" : "plan.sellsPlain", fill)];
  if (command.per_user_limit != null) told.push(t("plan.limit", { count: command.per_user_limit }));
  const left = product.available - command.stock;
  told.push(left > 0 ? t("plan.left", { count: left, price: fill.was }) : t("plan.noneLeft"));
  if (command.hold_ms != null) told.push(t("plan.hold", { time: lasting(command.hold_ms) }));
  return told.join(currentLang() === "zh" ? "" : " ");
}

/** The sale as a viewer's card draws it; `open`: as it will be once it is on. */
export function preview(values: SaleValues, product: Product, command: SaleSchedule | null, open: boolean, now: number): Sale {
  const startsAt = open ? now - 1 : (command?.starts_at ?? now + (command?.starts_in_ms ?? 30_000));
  const stock = command?.stock ?? 0;
  return {
    sale: "preview",
    sku: product.sku,
    price: command?.price ?? product.price,
    starts_at: startsAt,
    ends_at: startsAt + (command?.duration_ms ?? 60_000),
    phase: open ? "open" : "scheduled",
    available: stock,
    total: stock,
    stock,
    per_user_limit: command === null && values.per_user_limit !== "" ? null : (command?.per_user_limit ?? null),
  };
}

/** A sale that was, typed in once more, to begin in half a minute. */
export function again(sale: Sale, currency: string): Partial<SaleValues> {
  return {
    sku: sale.sku,
    price: plainAmount(sale.price, currency),
    stock: sale.stock > 0 ? String(sale.stock) : "",
    duration: String(Math.round((sale.ends_at - sale.starts_at) / 1_000)),
    per_user_limit: sale.per_user_limit === null ? "" : String(sale.per_user_limit),
  };
}

/** What became of a sale's units. `back`: returned to the product's shelf once it had ended. */
export interface SaleUnits {
  given: number;
  sold: number;
  held: number;
  left: number;
  back: number;
}

/** `counts`: the dashboard's; undefined until it has come. */
export function unitsOf(sale: Sale, counts: { sold: number; held: number } | undefined, over: boolean): SaleUnits | null {
  if (counts === undefined) return null;
  const taken = counts.sold + counts.held;
  const given = over ? Math.max(sale.stock, taken) : Math.max(sale.total, taken + sale.available);
  return { given, sold: counts.sold, held: counts.held, left: over ? 0 : sale.available, back: over ? given - taken : 0 };
}
