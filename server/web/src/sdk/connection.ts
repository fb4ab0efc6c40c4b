/** One session with a room across as many sockets as it takes: opening, coming back, ending, asking. */

import { Backoff } from "./backoff.js";
import { ServerClock, steadyNow } from "./clock.js";
import { type Codec, jsonCodec } from "./codec.js";
import { Emitter } from "./emitter.js";
import { ConnectionLost, SessionClosed } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import { PendingReplies } from "./pending.js";
import { Readiness } from "./readiness.js";
import type { ClientEvents, ClientOptions, RequestOptions, Status } from "./session.js";
import { Socket, type SocketClass } from "./socket.js";
import { listenForWakeups } from "./wakeups.js";
import {
  type Asking,
  CloseCode,
  type Command,
  type Event,
  isFinalClose,
  type Reply,
  type ReplyTo,
  type Resume,
  type User,
  type Welcome,
} from "./wire/index.js";

/** A connection that lived this long was a good one: the next loss starts the backoff anew. */
const STABLE_MS = 5_000;
/** What the client says of itself; no event from the wire may pass for one. */
const OWN_EVENTS: ReadonlySet<string> = new Set(["status", "change"]);
/** Timers hold 31 bits. */
const LONGEST_ADVICE_MS = 86_400_000;

export abstract class Connection extends Emitter<ClientEvents> {
  /** The server's clock as known here. */
  readonly clock: ServerClock;
  status: Status = { phase: "idle" };
  /** Who this session is for the server; null before the first welcome. */
  user: User | null = null;

  protected welcomed = false;
  private readonly codec: Codec;
  private readonly WebSocket: SocketClass;
  private readonly backoff: Backoff;
  private readonly pending = new PendingReplies();
  private readonly readiness = new Readiness<this>();
  private readonly heartbeat: Heartbeat;
  private readonly localNow: () => number;
  private socket: Socket | null = null;
  /** Whether there was a welcome since `connect()`. */
  private greeted = false;
  private token: string | null = null;
  /** The token was good and is not any more: the next one has to be another. */
  private expired = false;
  /** Counts sockets: a token that comes after `close()` and a new `connect()` opens none. */
  private opening = 0;
  private nextId = 1;
  /** What an `error` instead of a welcome advised, ms. */
  private advisedMs = 0;
  /** Local time before which the server does not want us back. */
  private notBefore = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private stableTimer: ReturnType<typeof setTimeout> | undefined;
  private stopListening: () => void = () => undefined;

  /** Throws TypeError for an address that is none, and where no WebSocket class is to be had. */
  constructor(protected readonly options: ClientOptions) {
    super();
    if (!/^wss?:\/\//.test(options.url)) throw new TypeError(`${options.url} is no ws: or wss: address`);
    const found = options.WebSocket ?? (globalThis.WebSocket as SocketClass | undefined);
    if (found === undefined) throw new TypeError("there is no WebSocket here: pass the option WebSocket");
    this.WebSocket = found;
    this.codec = options.codec ?? jsonCodec;
    this.backoff = new Backoff(options.backoff);
    this.localNow = options.localNow ?? steadyNow;
    this.clock = new ServerClock(this.localNow);
    this.heartbeat = new Heartbeat(() => this.ping(), this.localNow);
  }

  /** Where to resume from. */
  protected abstract place(): Resume | null;
  /** A socket was welcomed. */
  protected abstract onWelcome(event: Welcome): void;
  /** Any other event; false: the socket's events have a hole and cannot be gone on with. */
  protected abstract onEvent(event: Event): boolean;
  /** The session is over. */
  protected abstract onEnd(error: SessionClosed): void;

  /** Opens the session; idempotent while it is open or on its way. */
  connect(): void {
    if (this.status.phase !== "idle" && this.status.phase !== "closed") return;
    const signal = this.options.signal;
    if (signal?.aborted) {
      this.end(null, "aborted");
      return;
    }
    const stopWakeups = listenForWakeups(() => (this.welcomed ? this.heartbeat.probe() : this.retryNow()));
    const aborted = (): void => this.end(null, "aborted");
    signal?.addEventListener("abort", aborted);
    this.stopListening = () => {
      stopWakeups();
      signal?.removeEventListener("abort", aborted);
    };
    this.readiness.renew();
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

  /** Resolves once the session is open, now or later; rejects with `SessionClosed` where it ends before. */
  get ready(): Promise<this> {
    return this.readiness.promise;
  }

  /**
   * Sends a command; the promise is its one reply, or a rejection (see `errors.ts`). Before the first
   * welcome it waits for that; while the session reconnects it rejects at once with `ConnectionLost`.
   */
  async request<C extends Asking>(command: C, options: RequestOptions = {}): Promise<ReplyTo<C>> {
    options.signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.options.replyTimeoutMs ?? 10_000;
    if (this.status.phase === "closed") throw this.over();
    if (!this.greeted && this.status.phase !== "idle") {
      await this.readiness.within(timeoutMs, () => new ConnectionLost(command.type), options.signal);
    }
    if (!this.welcomed || this.socket === null) throw new ConnectionLost(command.type);
    const id = this.nextId++;
    const reply = this.pending.expect(id, command.type, timeoutMs, options.signal);
    this.onAsked(id, command, reply);
    this.tell({ ...command, id });
    return (await reply) as ReplyTo<C>;
  }

  /** A command goes out. */
  protected onAsked(_id: number, _command: Asking, _reply: Promise<Reply>): void {}

  /** Sends a command that nobody waits for. */
  protected tell(command: Command): void {
    this.socket?.send(command);
  }

  protected over(): SessionClosed {
    return this.status.phase === "closed" ? new SessionClosed(this.status.code, this.status.reason) : new SessionClosed(null);
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.emit("status", status);
    this.emit("change", undefined);
  }

  private async open(): Promise<void> {
    const mine = ++this.opening;
    this.setStatus({ phase: "connecting", attempt: this.backoff.attempt });
    const current = (): boolean => mine === this.opening && this.status.phase === "connecting";
    const source = this.options.token ?? null;
    let token: string | null;
    try {
      token = typeof source === "function" ? await source() : source;
    } catch {
      if (current()) this.wait(null, "token");
      return;
    }
    if (!current()) return;
    if (this.expired && token === this.token) {
      this.end(CloseCode.BAD_TOKEN, "the token has expired");
      return;
    }
    this.token = token;
    try {
      this.socket = new Socket({
        url: this.options.url,
        codec: this.codec,
        aliveTimeoutMs: this.options.aliveTimeoutMs ?? 10_000,
        WebSocket: this.WebSocket,
        onOpen: (socket) => socket.send(this.hello()),
        onBatch: (events) => this.onBatch(events),
        onLost: (code, reason) => this.onLost(code, reason),
      });
    } catch (error) {
      // A page over https may not open ws:, for one; trying again would not change that.
      this.end(null, String(error));
    }
  }

  private hello(): Command {
    const resume = this.place();
    return {
      type: "hello",
      ...(this.token === null ? {} : { token: this.token }),
      ...(resume === null ? {} : { resume }),
    };
  }

  private onBatch(events: Event[]): void {
    if (this.welcomed) this.socket?.alive();
    for (const event of events) {
      if (this.socket === null) return;
      try {
        this.hear(event);
      } catch {
        // Listeners are heard out by `emit`: what was thrown here is an event of another shape than the contract's.
        this.onLost(null, "unreadable");
        return;
      }
    }
    this.heartbeat.heard();
    this.emit("change", undefined);
  }

  private hear(event: Event): void {
    if (event.type === "welcome") this.welcome(event);
    else if (event.type === "pong") {
      this.clock.sample(event.client_time, this.localNow(), event.server_time);
      this.pending.settle(event);
    } else {
      if (!this.onEvent(event)) {
        // A hole must not be: fetch what is missing instead of showing something untrue.
        this.onLost(null, "gap");
        return;
      }
      if (event.type === "error" && !this.welcomed) this.advisedMs = advice(event.retry_after_ms);
      const answers = event.type === "order.accepted" || event.type === "danmaku.accepted" || event.type === "done";
      if (answers || event.type === "error") this.pending.settle(event);
    }
    if (!OWN_EVENTS.has(event.type)) this.emit(event.type, event as never);
  }

  private welcome(event: Welcome): void {
    this.user = event.user;
    this.welcomed = this.greeted = true;
    this.expired = false;
    this.advisedMs = 0;
    this.clock.restart();
    this.clock.guess(event.server_time);
    this.stableTimer = setTimeout(() => this.backoff.reset(), STABLE_MS);
    this.onWelcome(event);
    this.setStatus({ phase: "open" });
    if (!this.welcomed) return; // a listener closed it
    this.readiness.resolve(this);
    this.socket?.alive();
    this.heartbeat.start(event.heartbeat_ms);
  }

  private ping(): void {
    // Whole milliseconds travel; the fraction lost is far below a round trip.
    this.tell({ type: "ping", id: this.nextId++, client_time: Math.round(this.localNow()) });
    this.socket?.expectLife();
  }

  private onLost(code: number | null, reason: string): void {
    const renewable = this.welcomed && typeof this.options.token === "function";
    if (code === CloseCode.BAD_TOKEN && renewable) {
      this.expired = true;
      this.wait(code, reason);
    } else if (code !== null && isFinalClose(code)) this.end(code, reason);
    else this.wait(code, reason);
  }

  /** Leaves the socket behind; what was asked on it will not be answered. */
  private leave(error?: Error): void {
    this.socket?.detach();
    this.socket = null;
    this.welcomed = false;
    this.heartbeat.stop();
    clearTimeout(this.stableTimer);
    clearTimeout(this.retryTimer);
    this.pending.fail(error);
  }

  private wait(code: number | null, reason: string): void {
    this.leave();
    const delayMs = this.backoff.next(this.advisedMs);
    this.notBefore = this.localNow() + this.advisedMs;
    this.advisedMs = 0;
    this.readiness.renew();
    this.retryTimer = setTimeout(() => void this.open(), delayMs);
    this.setStatus({ phase: "waiting", attempt: this.backoff.attempt, delayMs, code, reason });
  }

  private end(code: number | null, reason: string): void {
    if (this.status.phase === "closed") return;
    const error = new SessionClosed(code, reason);
    this.stopListening();
    this.leave(error);
    this.onEnd(error);
    this.backoff.reset();
    this.greeted = this.expired = false;
    this.readiness.reject(error);
    this.setStatus({ phase: "closed", code, reason });
  }
}

function advice(retryAfterMs: unknown): number {
  return Number.isFinite(retryAfterMs) ? Math.min(LONGEST_ADVICE_MS, Math.max(0, retryAfterMs as number)) : 0;
}
