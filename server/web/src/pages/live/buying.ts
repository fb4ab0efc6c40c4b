/** Buying from the page: one attempt at a time per product or sale, its outcome shown in place. */

import {
  CommandError,
  ConnectionLost,
  type ErrorCode,
  newRequestId,
  type Order,
  type OrderAccepted,
  type OrderRequest,
  ReplyTimeout,
  type RoomClient,
  refusedWith,
  SessionClosed,
} from "@miaodan/client";
import { useState } from "preact/hooks";

/** Why an attempt came to nothing: the server's code, or what happened here. */
export type Refusal = ErrorCode | "timeout" | "closed" | "other";

export type Attempt =
  /** `since`: local milliseconds (`performance.now`). */
  | { state: "placing"; since: number; request: OrderRequest }
  | { state: "accepted"; order: string; request: OrderRequest }
  /** `order`: what still stands of it, e.g. a hold. `retryAt`: server time before which asking again is in vain. */
  | { state: "refused"; code: Refusal; message: string; order: string | null; retryAt: number | null; request: OrderRequest };

/** What counts against a per-buyer limit. */
const COUNTED = new Set<Order["status"]>(["reserved", "paid", "shipped", "delivered", "refunding"]);

const EARLY_RETRIES = 5;
const EARLY_RETRY_MS = 120;
/** How long after zero `not_open` can still be this page's clock being early. */
export const JUST_OPENED_MS = 1_500;

/** How many units of a product or sale this visitor holds or has bought, as far as known here. */
export function bought(orders: Iterable<Order>, key: string): number {
  let units = 0;
  for (const order of orders) {
    if ((order.sale ?? order.sku) === key && COUNTED.has(order.status)) units += order.quantity;
  }
  return units;
}

/** A rejection as an attempt; `now` is the server's time in ms. */
export function refused(error: unknown, request: OrderRequest, now: number): Attempt {
  const nothing = { state: "refused", message: "", order: null, retryAt: null, request } as const;
  if (error instanceof CommandError) {
    const retryAt = error.retryAfterMs === null ? null : now + error.retryAfterMs;
    return { ...nothing, code: error.code, message: error.message, order: error.order, retryAt };
  }
  if (error instanceof ReplyTimeout || error instanceof ConnectionLost) return { ...nothing, code: "timeout" };
  return { ...nothing, code: error instanceof SessionClosed ? "closed" : "other" };
}

/**
 * Places an order. The Buy button opens by this page's idea of the server's clock, which may be a
 * few milliseconds early: `not_open` right at zero is tried again instead of shown. A refusal
 * reserved nothing, so the same request may be tried again.
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
  /** The same once more: an order of its own, or, where its outcome is not known, that very order. */
  again: (key: string) => Promise<void>;
  /** Pays the hold that an attempt left. */
  pay: (key: string, order: string) => Promise<void>;
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
  const settle = async (key: string, request: OrderRequest, answer: () => Promise<OrderAccepted>): Promise<void> => {
    if (attempts.get(key)?.state === "placing") return;
    set(key, { state: "placing", since: performance.now(), request });
    try {
      const reply = await answer();
      set(key, { state: "accepted", order: reply.order.order, request });
    } catch (error) {
      const attempt = refused(error, request, client.clock.now());
      set(key, attempt);
      // The hold behind a refused payment belongs in "my orders".
      if (attempt.state === "refused" && attempt.order !== null) {
        client.request({ type: "order.get", order: attempt.order }).catch(() => undefined);
      }
    }
  };
  const buy = (request: OrderRequest, justOpened = false): Promise<void> => {
    const whole = { requestId: newRequestId(), ...request };
    return settle(request.sale ?? request.sku ?? "", whole, () => place(client, whole, justOpened));
  };
  return {
    attempts,
    buy,
    clear: (key) => set(key, null),
    async again(key) {
      const attempt = attempts.get(key);
      if (attempt?.state !== "refused") return;
      const { requestId, ...contents } = attempt.request;
      const unknown = attempt.code === "timeout" || attempt.code === "unknown_outcome";
      await buy(unknown && requestId !== undefined ? attempt.request : contents);
    },
    async pay(key, order) {
      const request = attempts.get(key)?.request ?? {};
      await settle(key, request, async () => {
        try {
          return await client.request({ type: "order.pay", order });
        } catch (error) {
          // The hold still stands; say so beside what went wrong.
          if (error instanceof CommandError && error.order === null && error.code !== "not_found") {
            const { code, message, retryAfterMs } = error;
            const later = retryAfterMs === null ? {} : { retry_after_ms: retryAfterMs };
            throw new CommandError({ type: "error", code, message, order, ...later });
          }
          throw error;
        }
      });
    },
  };
}
