/**
 * A room's orders from the ledger, one page at a time, asked for again while somebody looks.
 *
 * The ledger is a moment behind the store: after a command was done, the feed asks more often until
 * the order's new version is there.
 */

import type { OrderList, OrderQuery, OrderRecord, OrderStatus } from "@miaodan/client";

export const PAGE = 20;
const WAITING = 200;
/** Orders remembered as seen. */
const KNOWN = 1_000;
const REST_MS = 3_000;
const SOON_MS = 300;
/** How long a row is kept busy for a ledger that does not catch up. */
const SETTLING_MS = 8_000;

export type Ask = (query: OrderQuery, signal: AbortSignal) => Promise<OrderList>;

export class OrderFeed {
  /** null until the first answer. */
  orders: readonly OrderRecord[] | null = null;
  /** Refunds that the host has to decide about, the most urgent first. */
  waiting: readonly OrderRecord[] = [];
  failed = false;
  /** Orders that came in while somebody looked; told apart until the page is turned. */
  fresh: ReadonlySet<string> = new Set();
  status: OrderStatus | null = null;

  /** Where the page shown begins, behind those before it; empty: with the newest order. */
  private cursors: readonly string[] = [];
  private next: string | null = null;
  /** Versions that commands were about, and until when they are waited for. */
  /** The orders seen so far with this filter; null before the first answer. */
  private known: ReadonlySet<string> | null = null;
  private readonly acted = new Map<string, { version: number; until: number }>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;
  private awake = false;

  constructor(
    private readonly ask: Ask,
    private readonly changed: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get hasOlder(): boolean {
    return this.next !== null;
  }

  get hasNewer(): boolean {
    return this.cursors.length > 0;
  }

  /** Whether what was done to this order is not to be seen yet. */
  settling(order: OrderRecord): boolean {
    const acted = this.acted.get(order.order);
    return acted !== undefined && acted.version >= order.version && acted.until > this.now();
  }

  wake(): void {
    this.awake = true;
    this.refresh();
  }

  sleep(): void {
    this.awake = false;
    this.asking?.abort();
    clearTimeout(this.timer);
  }

  show(status: OrderStatus | null): void {
    this.status = status;
    this.turn([]);
  }

  older(): void {
    if (this.next !== null) this.turn([...this.cursors, this.next]);
  }

  newest(): void {
    this.turn([]);
  }

  /** A command about this order was done. */
  done(order: OrderRecord): void {
    this.acted.set(order.order, { version: order.version, until: this.now() + SETTLING_MS });
    this.changed();
    this.refresh();
  }

  refresh(): void {
    if (!this.awake) return;
    clearTimeout(this.timer);
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    void this.load(asking.signal).then(() => {
      if (asking.signal.aborted) return;
      this.changed();
      this.timer = setTimeout(() => this.refresh(), this.acted.size > 0 ? SOON_MS : REST_MS);
    });
  }

  private turn(cursors: readonly string[]): void {
    this.cursors = cursors;
    this.known = null;
    this.fresh = new Set();
    this.orders = null;
    this.changed();
    this.refresh();
  }

  private async load(signal: AbortSignal): Promise<void> {
    const cursor = this.cursors.at(-1);
    try {
      const [page, refunds] = await Promise.all([
        this.ask(
          { limit: PAGE, ...(this.status === null ? {} : { status: this.status }), ...(cursor === undefined ? {} : { cursor }) },
          signal,
        ),
        this.ask({ limit: WAITING, status: "refunding" }, signal),
      ]);
      if (signal.aborted) return;
      this.waiting = refunds.orders
        .filter((order) => order.refund_due_at !== undefined)
        .toSorted((a, b) => (a.refund_due_at ?? 0) - (b.refund_due_at ?? 0));
      const atTop = new Set(this.waiting.map((order) => order.order));
      this.orders = page.orders.filter((order) => !atTop.has(order.order));
      this.next = page.cursor;
      this.notice(page.orders);
      this.failed = false;
    } catch {
      if (signal.aborted) return;
      this.failed = true;
    }
    this.settle();
  }

  /** What is on the newest page and was not before is fresh. */
  private notice(orders: readonly OrderRecord[]): void {
    const ids = orders.map((order) => order.order);
    const known = this.known;
    if (known !== null && this.cursors.length === 0) {
      this.fresh = new Set(ids.filter((id) => this.fresh.has(id) || !known.has(id)));
    }
    this.known = new Set([...(known ?? []), ...ids].slice(-KNOWN));
  }

  /** Forgets what has been seen, what is not on this page any more, and what took too long. */
  private settle(): void {
    const shown = new Map([...(this.orders ?? []), ...this.waiting].map((order) => [order.order, order]));
    for (const order of [...this.acted.keys()]) {
      const found = shown.get(order);
      if (found === undefined ? !this.failed : !this.settling(found)) this.acted.delete(order);
    }
  }
}
