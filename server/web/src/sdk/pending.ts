/** Commands that wait for their reply, by command id. Bounded: beyond the limit a command is refused. */

import { CommandError, ConnectionLost, ReplyTimeout } from "./errors.js";
import type { ErrorEvent, Reply } from "./wire/index.js";

interface Waiting {
  type: string;
  resolve: (reply: Reply) => void;
  reject: (error: unknown) => void;
  over: () => void;
}

export class PendingReplies {
  private readonly waiting = new Map<number, Waiting>();

  constructor(private readonly limit = 256) {}

  get size(): number {
    return this.waiting.size;
  }

  /** The promise of the reply to command `id`; rejects after `timeoutMs`, or with the signal's reason. */
  expect(id: number, type: string, timeoutMs: number, signal?: AbortSignal): Promise<Reply> {
    if (this.waiting.size >= this.limit) {
      return Promise.reject(
        new CommandError({ type: "error", code: "rate_limited", message: "too many commands wait for a reply" }),
      );
    }
    return new Promise<Reply>((resolve, reject) => {
      const giveUp = (error: unknown): void => {
        this.take(id);
        reject(error);
      };
      const aborted = (): void => giveUp(signal?.reason);
      const timer = setTimeout(() => giveUp(new ReplyTimeout(type)), timeoutMs);
      signal?.addEventListener("abort", aborted);
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
      };
      this.waiting.set(id, { type, resolve, reject, over });
    });
  }

  /** Hands a reply to whoever waits for it; false where nobody does. */
  settle(event: Reply | ErrorEvent): boolean {
    const waiting = typeof event.id === "number" ? this.take(event.id) : undefined;
    if (waiting === undefined) return false;
    if (event.type === "error") waiting.reject(new CommandError(event));
    else waiting.resolve(event);
    return true;
  }

  /** The socket is gone: nothing that was asked on it will be answered. */
  fail(error?: Error): void {
    for (const id of [...this.waiting.keys()]) {
      const waiting = this.take(id);
      waiting?.reject(error ?? new ConnectionLost(waiting.type));
    }
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.over();
    return waiting;
  }
}
