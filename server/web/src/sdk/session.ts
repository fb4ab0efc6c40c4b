/** What a session with a room is given, what it says of itself, and where it connects to. */

import type { BackoffOptions } from "./backoff.js";
import type { Codec } from "./codec.js";
import type { SocketClass } from "./socket.js";
import type { EventOf, EventType } from "./wire/index.js";

export type Status =
  /** `connect()` was not called yet. */
  | { phase: "idle" }
  /** A socket is being opened. `attempt`: how many were lost or failed in a row before it. */
  | { phase: "connecting"; attempt: number }
  /** Welcomed: commands are taken, events come. */
  | { phase: "open" }
  /**
   * Lost; comes back by itself in `delayMs`. `code` is the close code; null where the socket was given up
   * from this side, and `reason` says why: `silent`, `gap`, `unreadable`, or `token` (there was none to be had).
   */
  | { phase: "waiting"; attempt: number; delayMs: number; code: number | null; reason: string }
  /** Over for good: `close()` was called (`code` null) or the server closed with a final code. */
  | { phase: "closed"; code: number | null; reason: string };

/** Absent or null: a guest. A function is asked before every connection. */
export type TokenSource = string | null | (() => string | null | Promise<string | null>);

export interface ClientOptions {
  /** `ws:` or `wss:` address of the room's socket (see `socketUrl`). Never carries the token. */
  url: string;
  token?: TokenSource;
  /** `jsonCodec` (what is used without), or `msgpackCodec` from `@miaodan/client/msgpack`. */
  codec?: Codec;
  backoff?: BackoffOptions;
  /** How long a command waits for its reply, ms; 10,000 without. */
  replyTimeoutMs?: number;
  /** How long an order waits for its outcome, over any number of connections, ms; 30,000 without. */
  orderTimeoutMs?: number;
  /** How long a new socket has until `welcome`, and a ping until something comes back, ms; 10,000 without. */
  aliveTimeoutMs?: number;
  /** The session ends when this is aborted. */
  signal?: AbortSignal;
  /** Where there is no global one (Node.js before 22): the class of the package `ws`. */
  WebSocket?: SocketClass;
  /** A clock in ms that does not jump; for tests. */
  localNow?: () => number;
}

export interface RequestOptions {
  /** Once aborted, nobody waits any more; the command may take effect all the same. */
  signal?: AbortSignal;
  /** How long to wait for the reply, ms. */
  timeoutMs?: number;
}

/** What a `RoomClient` tells its listeners: every event of the wire by its type, and two of its own. */
export type ClientEvents = { [T in EventType]: EventOf<T> } & {
  status: Status;
  /** Once after each batch and status change: time to draw. */
  change: undefined;
};

/** The socket address of a room on a host, on the page's own where none is given. */
export function socketUrl(room: string, kind: "live" | "control", base: { protocol: string; host: string } = location): string {
  const scheme = base.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${base.host}/ws/${kind}/${encodeURIComponent(room)}`;
}
