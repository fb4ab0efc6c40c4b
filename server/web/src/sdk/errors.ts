/**
 * What a command's promise rejects with.
 *
 * - `CommandError`: the server refused it; `code` says why.
 * - `ReplyTimeout`: no reply in time; whether it took effect is not known.
 * - `ConnectionLost`: the socket went away before the reply (orders do not reject with this:
 *   they are asked again after the reconnect).
 * - `SessionClosed`: the session is over (`close()` was called, or a final close code came).
 */

import type { ErrorCode, ErrorEvent } from "./wire/index.js";

export class CommandError extends Error {
  override name = "CommandError";
  readonly code: ErrorCode;
  readonly field: string | null;
  readonly retryAfterMs: number | null;
  /** An order that still stands, e.g. the unpaid hold behind `payment_failed`. */
  readonly order: string | null;

  constructor(event: ErrorEvent) {
    super(event.message);
    this.code = event.code;
    this.field = event.field ?? null;
    this.retryAfterMs = event.retry_after_ms ?? null;
    this.order = event.order ?? null;
  }
}

export class ReplyTimeout extends Error {
  override name = "ReplyTimeout";
  constructor(readonly command: string) {
    super(`${command}: no reply in time`);
  }
}

export class ConnectionLost extends Error {
  override name = "ConnectionLost";
  constructor(readonly command: string) {
    super(`${command}: the connection was lost before the reply`);
  }
}

export class SessionClosed extends Error {
  override name = "SessionClosed";
  constructor(readonly code: number | null) {
    super(code === null ? "the session is closed" : `the session was closed with ${code}`);
  }
}
