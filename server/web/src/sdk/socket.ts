/** One WebSocket, with a deadline on signs of life. Reports its end once, and never after `detach`. */

import type { Codec } from "./codec.js";
import type { Command, Event } from "./wire/index.js";

/** What is used of a WebSocket; a browser's, Node's and that of the package `ws` have it. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: never): void;
  close(code?: number): void;
}

export type SocketClass = new (url: string, protocols?: string | string[]) => SocketLike;

export interface SocketOptions {
  url: string;
  codec: Codec;
  aliveTimeoutMs: number;
  WebSocket: SocketClass;
  onOpen: (socket: Socket) => void;
  onBatch: (events: Event[]) => void;
  /** `code` null: it was given up from this side (silent, unreadable, or could not be opened). */
  onLost: (code: number | null, reason: string) => void;
}

export class Socket {
  private ws: SocketLike | null = null;
  private lifeTimer: ReturnType<typeof setTimeout> | undefined;

  /** Throws what the WebSocket's constructor throws: the address cannot be opened at all. */
  constructor(private readonly options: SocketOptions) {
    const ws = new options.WebSocket(options.url, [options.codec.subprotocol]);
    ws.binaryType = "arraybuffer";
    ws.onopen = () => options.onOpen(this);
    ws.onmessage = (message: { data: unknown }) => this.onMessage(message.data);
    ws.onclose = (close: { code: number; reason: string }) => this.lost(close.code, close.reason);
    // A close follows; without a listener the package `ws` would throw.
    ws.onerror = () => undefined;
    this.ws = ws;
    this.expectLife();
  }

  /** Sends where the socket is open; otherwise the loss that follows tells everybody who waits. */
  send(command: Command): void {
    if (this.ws?.readyState === 1) this.ws.send(this.options.codec.encode(command) as never);
  }

  /** From now on something must come back within the timeout. */
  expectLife(): void {
    if (this.ws === null || this.lifeTimer !== undefined) return;
    this.lifeTimer = setTimeout(() => this.lost(null, "silent"), this.options.aliveTimeoutMs);
  }

  /** It did. */
  alive(): void {
    clearTimeout(this.lifeTimer);
    this.lifeTimer = undefined;
  }

  /** Closes without a report. */
  detach(): void {
    this.alive();
    const ws = this.ws;
    this.ws = null;
    if (ws === null) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close(1000);
  }

  private onMessage(data: unknown): void {
    let events: Event[];
    try {
      events = this.options.codec.decode(data);
    } catch {
      this.lost(null, "unreadable");
      return;
    }
    this.options.onBatch(events);
  }

  private lost(code: number | null, reason: string): void {
    if (this.ws === null) return;
    this.detach();
    this.options.onLost(code, reason);
  }
}
