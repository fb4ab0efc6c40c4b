/**
 * What the promises of this client reject with. All extend `MiaodanError`, so one `instanceof` tells
 * them from a mistake in your own code. An aborted `AbortSignal` rejects with its own reason instead.
 *
 * - `CommandError`: the server refused it; `code` says why.
 * - `ReplyTimeout`: no reply in time; whether it took effect is not known.
 * - `ConnectionLost`: the socket went away before the reply, or there is none (orders do not reject
 *   with this: they are asked again after the reconnect).
 * - `SessionClosed`: the session is over (`close()` was called, or a final close code came).
 */

import type { ErrorCode, ErrorEvent } from "./wire/index.js";

export class MiaodanError extends Error {
  override name = "MiaodanError";
}

export class CommandError extends MiaodanError {
  override name = "CommandError";
  readonly code: ErrorCode;
  /** The path of the field that was wrong, e.g. `product.price`. */
  readonly field: string | null;
  /** When to try again, ms from now. */
  readonly retryAfterMs: number | null;
  /** An order that still stands, e.g. the unpaid hold behind `payment_failed`. */
  readonly order: string | null;

  constructor(event: ErrorEvent) {
    super(event.message);
    this.code = event.code;
    this.field = event.field ?? null;
    this.retryAfterMs = Number.isFinite(event.retry_after_ms) ? (event.retry_after_ms as number) : null;
    this.order = event.order ?? null;
  }
}

export class ReplyTimeout extends MiaodanError {
  override name = "ReplyTimeout";
  /** `command`: the type of what was asked or waited for. */
  constructor(readonly command: string) {
    super(`${command}: no reply in time`);
  }
}

export class ConnectionLost extends MiaodanError {
  override name = "ConnectionLost";
  constructor(readonly command: string) {
    super(`${command}: no connection, or it was lost before the reply`);
  }
}

export class SessionClosed extends MiaodanError {
  override name = "SessionClosed";
  /** `code`: the close code (see `CloseCode`); null: closed from this side. */
  constructor(
    readonly code: number | null,
    readonly reason = "",
  ) {
    super(code === null ? "the session is closed" : `the session was closed with ${code} ${reason}`.trimEnd());
  }
}

/** Whether a rejected command was refused with this code. */
export function refusedWith(error: unknown, code: ErrorCode): boolean {
  return error instanceof CommandError && error.code === code;
}
