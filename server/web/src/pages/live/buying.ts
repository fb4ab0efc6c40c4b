/** Buying from the page: one attempt at a time per product or sale, its outcome shown in place. */

import { CommandError, type Order, type OrderAccepted, type OrderRequest, type RoomClient, refusedWith } from "@miaodan/client";
import { useState } from "preact/hooks";
import { explain } from "../shared/session.js";

export type Attempt =
  | { state: "placing" }
  | { state: "accepted"; order: string }
  | { state: "refused"; code: string; text: string };

/** What counts against a per-buyer limit. */
const COUNTED = new Set<Order["status"]>(["reserved", "paid", "shipped", "delivered", "refunding"]);

const EARLY_RETRIES = 5;
const EARLY_RETRY_MS = 120;

/** How many units of a product or sale this visitor holds or has bought, as far as known here. */
export function bought(orders: Iterable<Order>, key: string): number {
  let units = 0;
  for (const order of orders) {
    if ((order.sale ?? order.sku) === key && COUNTED.has(order.status)) units += order.quantity;
  }
  return units;
}

/**
 * Places an order. The Buy button opens by this page's idea of the server's clock, which may be a
 * few milliseconds early: `not_open` right at zero is tried again instead of shown. A refusal
 * reserved nothing, so each try is an order of its own.
 */
async function place(client: RoomClient, request: OrderRequest, justOpened: boolean): Promise<OrderAccepted> {
  for (let tries = 0; ; tries++) {
    try {
      return await client.order(request);
    } catch (error) {
      if (!justOpened || tries >= EARLY_RETRIES || !refusedWith(error, "not_open")) throw error;
      await new Promise((resolve) => setTimeout(resolve, EARLY_RETRY_MS));
    }
  }
}

export interface Buying {
  attempts: ReadonlyMap<string, Attempt>;
  buy: (request: OrderRequest, justOpened?: boolean) => Promise<void>;
  clear: (key: string) => void;
}

export function useBuying(client: RoomClient): Buying {
  const [attempts, setAttempts] = useState<ReadonlyMap<string, Attempt>>(new Map());
  const set = (key: string, attempt: Attempt | null): void =>
    setAttempts((all) => {
      const next = new Map(all);
      if (attempt === null) next.delete(key);
      else next.set(key, attempt);
      return next;
    });
  return {
    attempts,
    clear: (key) => set(key, null),
    async buy(request, justOpened = false) {
      const key = request.sale ?? request.sku ?? "";
      if (attempts.get(key)?.state === "placing") return;
      set(key, { state: "placing" });
      try {
        const reply = await place(client, request, justOpened);
        set(key, { state: "accepted", order: reply.order.order });
      } catch (error) {
        const code = error instanceof CommandError ? error.code : "other";
        set(key, { state: "refused", code, text: explain(error) });
        // The hold behind a refused payment belongs in "my orders".
        if (error instanceof CommandError && error.order !== null) {
          client.request({ type: "order.get", order: error.order }).catch(() => undefined);
        }
      }
    },
  };
}
