/** A WebSocket whose other end is the test. */

import type { Command, Event } from "@miaodan/client";

export class FakeSocket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  binaryType = "blob";
  readyState = 0;
  sent: Command[] = [];
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((close: { code: number; reason: string }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Command);
  }

  close(code?: number): void {
    this.readyState = 3;
    this.closedWith = code;
  }

  // ---- the server's side ----

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(...events: Event[]): void {
    this.onmessage?.({ data: JSON.stringify(events) });
  }

  drop(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** Commands of one type that arrived here. */
  got<T extends Command["type"]>(type: T): Extract<Command, { type: T }>[] {
    return this.sent.filter((command) => command.type === type) as Extract<Command, { type: T }>[];
  }
}
