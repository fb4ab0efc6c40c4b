/** Money, counts and times as people read them. Money stays an integer of minor units throughout. */

import { locale } from "./i18n.js";

/** Decimal places of a currency (ISO 4217): 2 for CNY, 0 for JPY. */
export function minorDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** Minor units as a decimal number in text, e.g. 1990 CNY is "19.90". */
export function plainAmount(minor: number, currency: string): string {
  const digits = minorDigits(currency);
  const text = String(Math.abs(minor)).padStart(digits + 1, "0");
  const whole = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  return minor < 0 ? `-${whole}` : whole;
}

export function money(minor: number, currency: string): string {
  const digits = minorDigits(currency);
  // A price without a fraction reads better short.
  const short = minor % 10 ** digits === 0 ? 0 : digits;
  return new Intl.NumberFormat(locale(), {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: short,
    maximumFractionDigits: digits,
  }).format(plainAmount(minor, currency) as `${number}`);
}

/** What somebody typed, in minor units; null where it is no amount. No floating point on the way. */
export function parseMoney(text: string, currency: string): number | null {
  const digits = minorDigits(currency);
  const match = /^(\d{1,10})(?:[.。](\d*))?$/.exec(text.trim());
  if (match === null) return null;
  const fraction = match[2] ?? "";
  if (fraction.length > digits) return null;
  return Number((match[1] ?? "0") + fraction.padEnd(digits, "0"));
}

/** What somebody typed, as a whole number within bounds; null where it is none. */
export function parseWhole(text: string, min: number, max: number): number | null {
  if (!/^[+-]?\d{1,10}$/.test(text.trim())) return null;
  const value = Number(text.trim());
  return value >= min && value <= max ? value : null;
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale(), value >= 10_000 ? { notation: "compact", maximumFractionDigits: 1 } : {}).format(value);
}

/** A countdown in tenths, rounded up so that 0.0 is shown at zero and not before: 65340 is "01:05.4". */
export function tenths(remainingMs: number): string {
  const all = Math.max(0, Math.ceil(remainingMs / 100));
  const two = (value: number): string => String(value).padStart(2, "0");
  const seconds = Math.floor(all / 10);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${hours > 0 ? `${two(hours)}:` : ""}${two(minutes)}:${two(seconds % 60)}.${all % 10}`;
}

/** Minutes and seconds, e.g. 1:05. */
export function shortTime(remainingMs: number): string {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Hours, minutes and seconds, e.g. 01:02:03; days are hours too: two of them are 48:00:00. */
export function longTime(remainingMs: number): string {
  const seconds = Math.max(0, Math.ceil(remainingMs / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

export function clockTime(at: number): string {
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(at);
}

/** The time of day, with the date where it is not today. */
export function dayTime(at: number, now: number = Date.now()): string {
  if (new Date(at).toDateString() === new Date(now).toDateString()) return clockTime(at);
  return new Intl.DateTimeFormat(locale(), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(at);
}

/** A hue for a name: the same everywhere, and near names differ (FNV-1a). */
export function hue(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % 360;
}
