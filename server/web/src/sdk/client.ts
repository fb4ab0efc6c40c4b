/** One viewer's or host's session with a room, across as many sockets as it takes. */

import { Backoff } from "./backoff.js";
import { ServerClock, steadyNow } from "./clock.js";
import { type Codec, jsonCodec } from "./codec.js";
import { Emitter } from "./emitter.js";
import { CommandError, ConnectionLost, SessionClosed } from "./errors.js";
import { OrderDesk, type OrderRequest } from "./orders.js";
import { Paying } from "./paying.js";
import { PendingReplies } from "./pending.js";
import { applyEvent, isSequenced } from "./room.js";
import type { ClientEvents, ClientOptions, Status } from "./session.js";
import { Socket } from "./socket.js";
import { listenForWakeups } from "./wakeups.js";
import {
  type Asking,
  type Command,
  type Event,
  isFinalClose,
  type Order,
  type OrderAccepted,
  type ReplyTo,
  type RoomSnapshot,
  type User,
  type Welcome,
} from "./wire/index.js";

const PING_BURST = 5;
const PING_BURST_GAP_MS = 120;
const UNFINISHED = new Set<Order["status"]>(["reserved", "paid", "refunding", "shipped"]);
/** A connection that lived this long was a good one: the next loss starts the backoff anew. */
const STABLE_MS = 5_000;

export class RoomClient extends Emitter<ClientEvents> {
  readonly clock: ServerClock;
  /** This user's orders as far as known here, by order id. */
  readonly orders = new Map<string, Order>();
  status: Status = { phase: "idle" };
  room: RoomSnapshot | null = null;
  user: User | null = null;

  private readonly codec: Codec;
  private readonly backoff: Backoff;
  private readonly pending = new PendingReplies();
  private readonly undecided = new Paying();
  private readonly desk: OrderDesk;
  private readonly localNow: () => number;
  private socket: Socket | null = null;
  private welcomed = false;
  private epoch: string | null = null;
  private seq = 0;
  private nextId = 1;
  /** What an `error` instead of a welcome advised, ms. */
  private advisedMs = 0;
  /** Local time before which the server does not want us back. */
  private notBefore = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private stableTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setTimeout> | undefined;
  private stopListening: () => void = () => undefined;

  constructor(private readonly options: ClientOptions) {
    super();
    this.codec = options.codec ?? jsonCodec;
    this.backoff = new Backoff(options.backoff);
    this.localNow = options.localNow ?? steadyNow;
    this.clock = new ServerClock(this.localNow);
    this.desk = new OrderDesk(
      (command) => this.request(command),
      () => this.welcomed,
    );
  }

  /** Opens the session; idempotent while it is open or on its way. */
  connect(): void {
    if (this.status.phase !== "idle" && this.status.phase !== "closed") return;
    this.stopListening();
    this.stopListening = listenForWakeups({
      online: () => this.retryNow(),
      shown: () => (this.welcomed ? this.ping() : this.retryNow()),
    });
    void this.open();
  }

  /** Ends the session; commands and orders that wait for an outcome reject with `SessionClosed`. */
  close(): void {
    this.end(null, "");
  }

  /** Skips what is left of a reconnect's wait, but not what the server asked for. */
  retryNow(): void {
    if (this.status.phase !== "waiting" || this.localNow() < this.notBefore) return;
    clearTimeout(this.retryTimer);
    void this.open();
  }

  /** Sends a command; the promise is its one reply, or a rejection (see `errors.ts`). */
  async request<C extends Asking>(command: C): Promise<ReplyTo<C>> {
    if (this.status.phase === "closed") throw new SessionClosed(this.status.code);
    if (!this.welcomed || this.socket === null) throw new ConnectionLost(command.type);
    const id = this.nextId++;
    const reply = this.pending.expect(id, command.type, this.options.replyTimeoutMs ?? 10_000);
    this.undecided.sent(id, command);
    this.socket.send({ ...command, id });
    try {
      return (await reply) as ReplyTo<C>;
    } finally {
      this.undecided.over(id);
    }
  }

  /** Adds to the room's likes; nothing is answered, and nothing is sent while disconnected. */
  like(count = 1): void {
    if (this.welcomed) this.tell({ type: "like", count: Math.max(1, Math.min(100, count)) });
  }

  /** Places an order that survives lost sockets (see `orders.ts`). */
  async order(request: OrderRequest): Promise<OrderAccepted> {
    if (this.status.phase === "closed") throw new SessionClosed(this.status.code);
    return await this.desk.place(request);
  }

  /** Whether an order's payment is under way: accepted, and the provider has not decided. */
  paying(order: Order): boolean {
    return this.undecided.has(order);
  }

  /** Takes note of an order learnt elsewhere (the HTTP API); an older version changes nothing. */
  keep(order: Order): void {
    const known = this.orders.get(order.order);
    if (known !== undefined && known.version >= order.version) return;
    this.orders.set(order.order, order);
    this.undecided.ended(order.order);
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.emit("status", status);
    this.emit("change", undefined);
  }

  private async open(): Promise<void> {
    const attempt = this.backoff.attempt;
    this.setStatus({ phase: "connecting", attempt });
    const source = this.options.token;
    let token: string | null;
    try {
      token = (typeof source === "function" ? await source() : source) ?? null;
    } catch {
      this.wait(null);
      return;
    }
    if (this.status.phase !== "connecting") return;
    this.socket = new Socket({
      url: this.options.url,
      codec: this.codec,
      aliveTimeoutMs: this.options.aliveTimeoutMs ?? 10_000,
      WebSocket: this.options.WebSocket ?? WebSocket,
      onOpen: (socket) => socket.send({ type: "hello", ...this.credentials(token) }),
      onBatch: (events) => this.onBatch(events),
      onLost: (code, reason) => this.onLost(code, reason),
    });
  }

  private credentials(token: string | null): { token?: string; resume?: { epoch: string; seq: number } } {
    return {
      ...(token === null ? {} : { token }),
      ...(this.epoch === null || this.room === null ? {} : { resume: { epoch: this.epoch, seq: this.seq } }),
    };
  }

  private onBatch(events: Event[]): void {
    for (const event of events) {
      if (this.socket === null) return;
      this.onEvent(event);
    }
    this.emit("change", undefined);
  }

  private onEvent(event: Event): void {
    if (event.type === "welcome") this.onWelcome(event);
    else if (isSequenced(event)) {
      if (event.seq <= this.seq) return;
      if (event.seq !== this.seq + 1) {
        // A hole must not be: fetch what is missing instead of showing something untrue.
        this.onLost(null, "gap");
        return;
      }
      this.seq = event.seq;
      if (this.room !== null) this.room = applyEvent(this.room, event);
    } else if (event.type === "room.state") {
      if (this.room !== null) this.room = applyEvent(this.room, event);
    } else if (event.type === "pong") {
      this.clock.sample(event.client_time, this.localNow(), event.server_time);
      this.socket?.alive();
      return;
    } else if (event.type === "order.updated") this.keep(event.order);
    else if (event.type === "order.accepted") {
      this.keep(event.order);
      this.undecided.accepted(event);
      this.pending.settle(event);
    } else if (event.type === "danmaku.accepted" || event.type === "done" || event.type === "error") {
      if (event.type === "error") {
        if (!this.welcomed) this.advisedMs = Math.max(0, event.retry_after_ms ?? 0);
        if (event.order != null) this.undecided.ended(event.order);
      }
      this.pending.settle(event);
    }
    this.emit(event.type, event as never);
  }

  private onWelcome(event: Welcome): void {
    this.user = event.user;
    this.epoch = event.epoch;
    if (!event.recovered) {
      this.seq = event.seq;
      this.room = event.room ?? null;
    }
    this.welcomed = true;
    this.advisedMs = 0;
    this.socket?.alive();
    this.clock.restart();
    this.clock.guess(event.server_time);
    this.stableTimer = setTimeout(() => this.backoff.reset(), STABLE_MS);
    this.setStatus({ phase: "open" });
    this.pingBurst(PING_BURST, event.heartbeat_ms);
    this.catchUpOrders(event.orders);
    this.desk.connected();
  }

  /** `unfinished` are the orders still under way; what was under way here and is not there moved on. */
  private catchUpOrders(unfinished: readonly Order[]): void {
    for (const order of unfinished) this.keep(order);
    const current = new Set(unfinished.map((order) => order.order));
    for (const order of this.orders.values()) {
      const underWay = UNFINISHED.has(order.status) || this.paying(order);
      if (current.has(order.order) || !underWay) continue;
      this.request({ type: "order.get", order: order.order }).catch(() => undefined);
    }
  }

  private pingBurst(left: number, heartbeatMs: number): void {
    clearTimeout(this.pingTimer);
    if (!this.welcomed) return;
    this.ping();
    const gap = left > 1 ? PING_BURST_GAP_MS : heartbeatMs * (0.8 + 0.2 * Math.random());
    this.pingTimer = setTimeout(() => this.pingBurst(Math.max(1, left - 1), heartbeatMs), gap);
  }

  private ping(): void {
    // Whole milliseconds travel; the fraction lost is far below a round trip.
    this.tell({ type: "ping", id: this.nextId++, client_time: Math.round(this.localNow()) });
    this.socket?.expectLife();
  }

  private tell(command: Command): void {
    this.socket?.send(command);
  }

  private onLost(code: number | null, reason: string): void {
    if (code !== null && isFinalClose(code)) this.end(code, reason);
    else this.wait(code);
  }

  /** Leaves the socket behind; what was asked on it will not be answered. */
  private leave(error?: Error): void {
    this.socket?.detach();
    this.socket = null;
    this.welcomed = false;
    clearTimeout(this.pingTimer);
    clearTimeout(this.stableTimer);
    clearTimeout(this.retryTimer);
    this.pending.fail(error);
  }

  private wait(code: number | null): void {
    this.leave();
    const delayMs = this.backoff.next(this.advisedMs);
    this.notBefore = this.localNow() + this.advisedMs;
    this.advisedMs = 0;
    this.retryTimer = setTimeout(() => void this.open(), delayMs);
    this.setStatus({ phase: "waiting", attempt: this.backoff.attempt, delayMs, code });
  }

  private end(code: number | null, reason: string): void {
    if (this.status.phase === "closed") return;
    const error = new SessionClosed(code);
    this.stopListening();
    this.leave(error);
    this.desk.close(error);
    this.backoff.reset();
    this.setStatus({ phase: "closed", code, reason });
  }
}

/** Whether a rejected command was refused with this code. */
export function refusedWith(error: unknown, code: CommandError["code"]): boolean {
  return error instanceof CommandError && error.code === code;
}
