/** Orders from the ledger, over HTTP. It is a moment behind what the socket tells. */

import { CommandError, ConnectionLost } from "./errors.js";
import type { ErrorCode, OrderList, OrderStatus } from "./wire/index.js";

export interface OrderQuery {
  /** Of this room; a host sees everybody's there, a buyer their own. */
  room?: string;
  status?: OrderStatus;
  /** As the page before gave it. */
  cursor?: string;
  /** 1 to 200. */
  limit?: number;
}

/**
 * The latest orders first. `server` is where Miaodan answers, where that is not the page's own origin. Rejects with `CommandError` where the server refuses and `ConnectionLost`
 * where it gives no answer that can be read; with the signal's reason once that is aborted.
 */
export async function listOrders(token: string, query: OrderQuery = {}, signal?: AbortSignal, server = ""): Promise<OrderList> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  let body: unknown;
  let ok: boolean;
  try {
    const response = await fetch(`${server.replace(/\/$/, "")}/api/v1/orders?${search}`, {
      headers: { authorization: `Bearer ${token}` },
      ...(signal === undefined ? {} : { signal }),
    });
    ok = response.ok;
    body = await response.json();
  } catch {
    signal?.throwIfAborted();
    throw new ConnectionLost("the list of orders");
  }
  if (ok) return body as OrderList;
  const { error } = body as { error?: { code: ErrorCode; message: string; field?: string } };
  throw new CommandError({ type: "error", code: "unavailable", message: "the list of orders cannot be read", ...error });
}
