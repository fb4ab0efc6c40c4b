/** Which flash sale the stage shows, when that may change, and why nobody can buy meanwhile. */

import { type RoomStatus, type Sale, saleWindow } from "@miaodan/client";
import { t } from "../shared/i18n.js";

/** How long a sale that is over stays on the stage, ms. */
export const LINGER_MS = 8_000;

const RANK = { open: 0, sold_out: 1, before: 2, over: 3 } as const;

/** What is on now, then what comes next: the order in which sales matter at `now`. */
export function byUrgency(now: number): (a: Sale, b: Sale) => number {
  return (a, b) => RANK[saleWindow(a, now)] - RANK[saleWindow(b, now)] || a.starts_at - b.starts_at;
}

/** The first of these times that is still to come; null: none. */
export function nextOf(times: readonly number[], now: number): number | null {
  const coming = times.filter((at) => at > now);
  return coming.length === 0 ? null : Math.min(...coming);
}

/** The sale to show: what is on now, then what comes next, then what has just ended. */
export function saleToShow(sales: readonly Sale[], now: number): Sale | undefined {
  return sales
    .filter((sale) => saleWindow(sale, now) !== "over" || (sale.phase !== "cancelled" && now < sale.ends_at + LINGER_MS))
    .toSorted(byUrgency(now))[0];
}

/** When the choice of `saleToShow` may change next, on the server's clock; null: not by itself. */
export function nextTurn(sales: readonly Sale[], now: number): number | null {
  return nextOf(
    sales.flatMap((sale) => [sale.starts_at, sale.ends_at, sale.ends_at + LINGER_MS]),
    now,
  );
}

/** Why nobody can buy in a room now; null where they can. */
export function whyClosed(status: RoomStatus): string | null {
  if (status === "live") return null;
  return t(status === "scheduled" ? "buy.notOpen" : status === "paused" ? "buy.paused" : "buy.closed");
}
