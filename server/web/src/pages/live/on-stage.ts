/** Which flash sale the stage shows, and when that may change. */

import { type Sale, saleWindow } from "@miaodan/client";

/** How long a sale that is over stays on the stage, ms. */
export const LINGER_MS = 8_000;

const RANK = { open: 0, sold_out: 1, before: 2, over: 3 } as const;

/** The sale to show: what is on now, then what comes next, then what has just ended. */
export function saleToShow(sales: readonly Sale[], now: number): Sale | undefined {
  return sales
    .filter((sale) => saleWindow(sale, now) !== "over" || (sale.phase !== "cancelled" && now < sale.ends_at + LINGER_MS))
    .toSorted((a, b) => RANK[saleWindow(a, now)] - RANK[saleWindow(b, now)] || a.starts_at - b.starts_at)[0];
}

/** When the choice of `saleToShow` may change next, on the server's clock; null: not by itself. */
export function nextTurn(sales: readonly Sale[], now: number): number | null {
  const turns = sales.flatMap((sale) => [sale.starts_at, sale.ends_at, sale.ends_at + LINGER_MS]).filter((at) => at > now);
  return turns.length === 0 ? null : Math.min(...turns);
}
