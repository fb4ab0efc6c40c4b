/** What a session with a room is given, what it says of itself, and where it connects to. */

import type { BackoffOptions } from "./backoff.js";
import type { Codec } from "./codec.js";
import type { EventOf, EventType } from "./wire/index.js";

export type Status =
  | { phase: "idle" }
  | { phase: "connecting"; attempt: number }
  | { phase: "open" }
  /** Lost; comes back by itself in `delayMs`. `code` is the close code, null where there was none. */
  | { phase: "waiting"; attempt: number; delayMs: number; code: number | null }
  /** Over for good: `close()` was called (`code` null) or the server closed with a final code. */
  | { phase: "closed"; code: number | null; reason: string };

export interface ClientOptions {
  /** `ws:` or `wss:` address of the room's socket (see `socketUrl`). Never carries the token. */
  url: string;
  /** Absent or null: a guest. A function is asked before every connection. */
  token?: string | null | (() => string | null | Promise<string | null>);
  codec?: Codec;
  backoff?: BackoffOptions;
  /** How long a command waits for its reply, ms. */
  replyTimeoutMs?: number;
  /** How long a new socket has until `welcome`, and a ping until `pong`, ms. */
  aliveTimeoutMs?: number;
  WebSocket?: typeof WebSocket;
  localNow?: () => number;
}

export type ClientEvents = { [T in EventType]: EventOf<T> } & {
  status: Status;
  /** Once after each batch and status change: time to draw. */
  change: undefined;
};

/** The socket address of a room on the page's own host. */
export function socketUrl(room: string, kind: "live" | "control", base: URL | Location = location): string {
  const scheme = base.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${base.host}/ws/${kind}/${encodeURIComponent(room)}`;
}
