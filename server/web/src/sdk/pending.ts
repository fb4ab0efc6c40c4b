/** Commands that wait for their reply, by command id. Bounded: beyond the limit a command is refused. */

import { CommandError, ConnectionLost, ReplyTimeout } from "./errors.js";
import type { ErrorEvent, Reply } from "./wire/index.js";

interface Waiting {
  type: string;
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class PendingReplies {
  private readonly waiting = new Map<number, Waiting>();

  constructor(private readonly limit = 256) {}

  get size(): number {
    return this.waiting.size;
  }

  /** The promise of the reply to command `id`; rejects after `timeoutMs`. */
  expect(id: number, type: string, timeoutMs: number): Promise<Reply> {
    if (this.waiting.size >= this.limit) {
      return Promise.reject(
        new CommandError({ type: "error", code: "rate_limited", message: "too many commands wait for a reply" }),
      );
    }
    return new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new ReplyTimeout(type));
      }, timeoutMs);
      this.waiting.set(id, { type, resolve, reject, timer });
    });
  }

  /** Hands a reply to whoever waits for it; false where nobody does. */
  settle(event: Reply | ErrorEvent): boolean {
    const id = event.id;
    const waiting = typeof id === "number" ? this.waiting.get(id) : undefined;
    if (typeof id !== "number" || waiting === undefined) return false;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (event.type === "error") waiting.reject(new CommandError(event));
    else waiting.resolve(event);
    return true;
  }

  /** The socket is gone: nothing that was asked on it will be answered. */
  fail(error?: Error): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { type, reject, timer } of all) {
      clearTimeout(timer);
      reject(error ?? new ConnectionLost(type));
    }
  }
}
