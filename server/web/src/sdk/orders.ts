/**
 * Orders whose outcome must become known.
 *
 * An order is placed under a `request_id`. When the socket goes away before the answer, or the
 * answer is `unknown_outcome`, the same request is asked again: the server returns the stored
 * outcome and never reserves twice. So asking again is always safe, and giving up never is
 * silent: it rejects with `ReplyTimeout` after the deadline.
 */

import { Backoff } from "./backoff.js";
import { CommandError, ConnectionLost, ReplyTimeout } from "./errors.js";
import type { OrderAccepted, OrderCommand, OrderPlace } from "./wire/index.js";

export interface OrderRequest {
  /** Exactly one of `sku` and `sale`. */
  sku?: string;
  sale?: string;
  quantity?: number;
  /** Pay at once with the user's pre-authorised method. */
  pay?: boolean;
  /** 1 to 64 characters. Made up when absent; give the same one to ask about the same order again. */
  requestId?: string;
}

interface Unsettled {
  command: OrderPlace;
  outcome: Promise<OrderAccepted>;
  asking: boolean;
  /** It was sent and may have taken effect: a refusal that is none of the order's own is asked about again. */
  doubtful: boolean;
  backoff: Backoff;
  timer: ReturnType<typeof setTimeout> | undefined;
  deadline: ReturnType<typeof setTimeout>;
  resolve: (reply: OrderAccepted) => void;
  reject: (error: Error) => void;
}

/** 128 random bits; `crypto.randomUUID` is missing on pages that are not secure contexts. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class OrderDesk {
  private readonly unsettled = new Map<string, Unsettled>();

  /**
   * `ask` sends a command on the open socket; `open` says whether there is one. At most `limit`
   * orders may be unsettled at a time; each has `deadlineMs` to become known.
   */
  constructor(
    private readonly ask: (command: OrderCommand) => Promise<OrderAccepted>,
    private readonly open: () => boolean,
    private readonly deadlineMs = 30_000,
    private readonly limit = 32,
  ) {}

  get size(): number {
    return this.unsettled.size;
  }

  /** The outcome; for a `requestId` that has none yet, the same promise as before. */
  place(request: OrderRequest): Promise<OrderAccepted> {
    const known = request.requestId === undefined ? undefined : this.unsettled.get(request.requestId);
    if (known !== undefined) return known.outcome;
    if (this.unsettled.size >= this.limit) {
      return Promise.reject(
        new CommandError({ type: "error", code: "rate_limited", message: "too many orders wait for their outcome" }),
      );
    }
    const command: OrderPlace = {
      type: "order.place",
      request_id: request.requestId ?? newRequestId(),
      quantity: request.quantity ?? 1,
      pay: request.pay ?? false,
      ...(request.sku === undefined ? {} : { sku: request.sku }),
      ...(request.sale === undefined ? {} : { sale: request.sale }),
    };
    let settle: Pick<Unsettled, "resolve" | "reject"> | undefined;
    const outcome = new Promise<OrderAccepted>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const entry: Unsettled = {
      command,
      outcome,
      asking: false,
      doubtful: false,
      backoff: new Backoff({ baseMs: 400, capMs: 4_000 }),
      timer: undefined,
      deadline: setTimeout(() => this.finish(entry, new ReplyTimeout("order.place")), this.deadlineMs),
      ...(settle as Pick<Unsettled, "resolve" | "reject">),
    };
    this.unsettled.set(command.request_id, entry);
    this.send(entry);
    return outcome;
  }

  /** A socket is open again: ask about every order that has no outcome yet. */
  connected(): void {
    for (const entry of [...this.unsettled.values()]) this.send(entry);
  }

  /** The session is over: nothing will be asked any more. */
  close(error: Error): void {
    for (const entry of [...this.unsettled.values()]) this.finish(entry, error);
  }

  private send(entry: Unsettled): void {
    clearTimeout(entry.timer);
    if (entry.asking || !this.open()) return;
    entry.asking = true;
    this.outcome(entry.command).then(
      (reply) => this.finish(entry, reply),
      (error: unknown) => {
        entry.asking = false;
        if (error instanceof ConnectionLost) {
          entry.doubtful = true;
          // `connected()` may have come first and found it still asking.
          this.send(entry);
        } else if (isUnknown(error) || (entry.doubtful && isForNow(error))) {
          entry.doubtful = true;
          entry.timer = setTimeout(() => this.send(entry), Math.max(advised(error), 200) + entry.backoff.next());
        } else {
          this.finish(entry, error instanceof Error ? error : new Error(String(error)));
        }
      },
    );
  }

  private async outcome(command: OrderPlace): Promise<OrderAccepted> {
    const reply = await this.ask(command);
    // The hold was made by an earlier ask that did not live to pay for it.
    if (command.pay === true && reply.replayed && reply.order.status === "reserved") {
      return await this.ask({ type: "order.pay", order: reply.order.order });
    }
    return reply;
  }

  private finish(entry: Unsettled, result: OrderAccepted | Error): void {
    if (!this.unsettled.delete(entry.command.request_id)) return;
    clearTimeout(entry.timer);
    clearTimeout(entry.deadline);
    if (result instanceof Error) entry.reject(result);
    else entry.resolve(result);
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof ReplyTimeout || (error instanceof CommandError && error.code === "unknown_outcome");
}

/** Refused now, whatever became of an order that was asked for before. */
function isForNow(error: unknown): boolean {
  return error instanceof CommandError && (error.code === "rate_limited" || error.code === "unavailable");
}

function advised(error: unknown): number {
  return error instanceof CommandError ? (error.retryAfterMs ?? 0) : 0;
}
