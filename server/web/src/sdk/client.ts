/** One viewer's or host's session with a room: what is true in it, what this user does there. */

import { Connection } from "./connection.js";
import { ReplyTimeout, type SessionClosed } from "./errors.js";
import { OrderBook } from "./order-book.js";
import { newRequestId, OrderDesk, type OrderRequest } from "./orders.js";
import { Paying } from "./paying.js";
import { Recent } from "./recent.js";
import { Replica } from "./replica.js";
import { isSequenced } from "./room.js";
import type { ClientEvents, ClientOptions, RequestOptions } from "./session.js";
import type {
  Asking,
  Danmaku,
  DanmakuAccepted,
  Event,
  Order,
  OrderAccepted,
  Reply,
  Resume,
  RoomSnapshot,
  Welcome,
} from "./wire/index.js";

export interface WaitOptions<E> extends RequestOptions {
  /** Of which events to wait for the first; any without. */
  where?: (event: E) => boolean;
}

export interface RefundRequest {
  reason?: string;
  /** A part, in minor units; all that is left without. */
  amount?: number;
  /** Makes asking for a part again the same refund; made up when absent. */
  requestId?: string;
}

export class RoomClient extends Connection {
  private readonly replica = new Replica();
  private readonly said = new Recent();
  private readonly book = new OrderBook();
  private readonly undecided = new Paying();
  private readonly desk: OrderDesk;

  constructor(options: ClientOptions) {
    super(options);
    this.desk = new OrderDesk(
      (command) => this.request(command),
      () => this.welcomed,
      options.orderTimeoutMs,
    );
  }

  /** The room as it is; null before the first welcome. A new object after every change. */
  get room(): RoomSnapshot | null {
    return this.replica.room;
  }

  /** What was last said in the room, oldest first, also before this client came; at most 50, none of it recalled. */
  get recent(): readonly Danmaku[] {
    return this.said.lines;
  }

  /** This user's orders as far as known here, by order id; the latest thousand. */
  get orders(): ReadonlyMap<string, Order> {
    return this.book.orders;
  }

  /** Says something to the room. */
  say(text: string, options?: RequestOptions): Promise<DanmakuAccepted> {
    return this.request({ type: "danmaku.send", text }, options);
  }

  /** Adds 1 to 100 to the room's likes; nothing is answered, and nothing is sent while disconnected. */
  like(count = 1): void {
    if (this.welcomed) this.tell({ type: "like", count: Math.max(1, Math.min(100, Math.round(count))) });
  }

  /**
   * Places an order. It survives lost sockets and has one outcome (see `orders.ts`); with the signal aborted
   * nobody waits for that any more, and the order may have been placed all the same.
   */
  async order(request: OrderRequest, options: { signal?: AbortSignal } = {}): Promise<OrderAccepted> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.status.phase === "closed") throw this.over();
    const outcome = this.desk.place(request);
    return signal === undefined ? await outcome : await unlessAborted(outcome, signal);
  }

  /** Pays a reserved or expired order with the user's pre-authorised method. */
  pay(order: string, options?: RequestOptions): Promise<OrderAccepted> {
    return this.request({ type: "order.pay", order }, options);
  }

  /** Gives a reserved order back. */
  cancel(order: string, options?: RequestOptions): Promise<OrderAccepted> {
    return this.request({ type: "order.cancel", order }, options);
  }

  /** Asks for a paid order's money back. */
  refund(order: string, refund: RefundRequest = {}, options?: RequestOptions): Promise<OrderAccepted> {
    const part = refund.amount === undefined ? {} : { amount: refund.amount, request_id: refund.requestId ?? newRequestId() };
    return this.request({ type: "order.refund", order, reason: refund.reason ?? "", ...part }, options);
  }

  /** Whether an order's payment is under way: accepted, and the provider has not decided. */
  paying(order: Order): boolean {
    return this.undecided.has(order);
  }

  /** Takes note of an order learnt elsewhere (the HTTP API); an older version changes nothing. */
  keep(order: Order): void {
    if (this.book.keep(order)) this.undecided.ended(order.order);
  }

  /**
   * The next event of a type. Rejects with `SessionClosed` where the session ends before, with `ReplyTimeout`
   * after `timeoutMs` (without: never), or with the signal's reason.
   */
  next<K extends keyof ClientEvents>(type: K, options: WaitOptions<ClientEvents[K]> = {}): Promise<ClientEvents[K]> {
    const { signal, where, timeoutMs } = options;
    return new Promise<ClientEvents[K]>((resolve, reject) => {
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        offEvent();
        offStatus();
        signal?.removeEventListener("abort", aborted);
        how();
      };
      const aborted = (): void => settle(() => reject(signal?.reason));
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => settle(() => reject(new ReplyTimeout(type))), timeoutMs);
      const offEvent = this.on(type, (event) => {
        if (where === undefined || where(event)) settle(() => resolve(event));
      });
      const offStatus = this.on("status", (status) => {
        if (status.phase === "closed") settle(() => reject(this.over()));
      });
      signal?.addEventListener("abort", aborted);
      if (signal?.aborted) aborted();
      else if (this.status.phase === "closed") settle(() => reject(this.over()));
    });
  }

  protected override place(): Resume | null {
    return this.replica.place;
  }

  protected override onAsked(id: number, command: Asking, reply: Promise<Reply>): void {
    this.undecided.sent(id, command);
    const over = (): void => this.undecided.over(id);
    reply.then(over, over);
  }

  protected override onEvent(event: Event): boolean {
    if (event.type === "danmaku.recalled") this.said.recalled(event.message);
    if (isSequenced(event)) return this.replica.sequenced(event) !== "gap";
    if (event.type === "danmaku") this.said.heard(event);
    else if (event.type === "room.state") this.replica.state(event);
    else if (event.type === "order.updated") this.keep(event.order);
    else if (event.type === "order.accepted") {
      this.keep(event.order);
      this.undecided.accepted(event);
    } else if (event.type === "error" && event.order !== undefined) this.undecided.ended(event.order);
    return true;
  }

  protected override onWelcome(event: Welcome): void {
    this.replica.welcomed(event);
    this.said.welcomed(event);
    for (const order of event.orders) this.keep(order);
    for (const order of this.book.movedOn(event.orders, (one) => this.paying(one))) {
      this.request({ type: "order.get", order: order.order }).catch(() => undefined);
    }
    this.desk.connected();
  }

  protected override onEnd(error: SessionClosed): void {
    this.desk.close(error);
  }
}

/** What becomes of a promise, unless the signal is aborted before. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener("abort", aborted);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
