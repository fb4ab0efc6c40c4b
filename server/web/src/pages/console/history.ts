/** The last hour of a room's figures, in a ring: what the charts draw. Reads no clock. */

import type { Dashboard } from "@miaodan/client";

export const METRICS = ["online", "danmaku", "orders", "revenue"] as const;
export type Metric = (typeof METRICS)[number];

/** One second's figures. `danmaku` and `orders` are rates per second, `revenue` is a sum in minor units. */
export type Sample = Record<Metric, number>;

/** What a chart draws: times in seconds, and a value or a hole for each metric. */
export interface Columns {
  times: number[];
  values: Record<Metric, (number | null)[]>;
}

/** Samples further apart than this have a hole between them, ms. */
export const GAP_MS = 4_000;
const CAPACITY = 3_700;

export class History {
  private readonly at = new Float64Array(CAPACITY);
  private readonly columns: Record<Metric, Float64Array> = {
    online: new Float64Array(CAPACITY),
    danmaku: new Float64Array(CAPACITY),
    orders: new Float64Array(CAPACITY),
    revenue: new Float64Array(CAPACITY),
  };
  private head = 0;
  private size = 0;
  private paid: { count: number; at: number } | null = null;

  get length(): number {
    return this.size;
  }

  /** Takes in a dashboard that came at `at` (ms). One that is not later than the last is left out. */
  add(board: Dashboard, at: number): void {
    if (this.size > 0 && at <= this.time(this.size - 1)) return;
    const count = board.orders.paid + board.orders.refunded;
    const since = this.paid === null ? 0 : at - this.paid.at;
    // Over a hole the rate would be an average of what nobody saw.
    const known = this.paid !== null && since <= GAP_MS;
    const orders = known && this.paid !== null ? Math.max(0, count - this.paid.count) / (since / 1000) : 0;
    this.paid = { count, at };
    this.put({ online: board.online, danmaku: board.danmaku_rate, orders, revenue: board.revenue }, at);
  }

  private put(sample: Sample, at: number): void {
    const place = (this.head + this.size) % CAPACITY;
    if (this.size < CAPACITY) this.size += 1;
    else this.head = (this.head + 1) % CAPACITY;
    this.at[place] = at;
    for (const metric of METRICS) this.columns[metric][place] = sample[metric];
  }

  private time(index: number): number {
    return this.at[(this.head + index) % CAPACITY] ?? 0;
  }

  private value(metric: Metric, index: number): number {
    return this.columns[metric][(this.head + index) % CAPACITY] ?? 0;
  }

  /**
   * The samples of the last `windowMs` before `now`, in at most about `points` steps: a step's rates are
   * averaged, of its watchers and its revenue the last is kept. A hole between samples stays one.
   */
  read(windowMs: number, now: number, points = 300): Columns {
    const step = Math.max(1, windowMs / points);
    const out: Columns = { times: [], values: { online: [], danmaku: [], orders: [], revenue: [] } };
    let before = 0;
    let bucket = Number.NaN;
    let inBucket = 0;
    for (let index = this.first(now - windowMs); index < this.size; index++) {
      const at = this.time(index);
      if (at > now) break;
      if (out.times.length > 0 && at - before > Math.max(GAP_MS, step * 1.5)) {
        out.times.push((before + 1) / 1000);
        for (const metric of METRICS) out.values[metric].push(null);
        bucket = Number.NaN;
      }
      const next = Math.floor(at / step);
      const same = next === bucket;
      inBucket = same ? inBucket + 1 : 1;
      if (same) out.times.pop();
      out.times.push(at / 1000);
      for (const metric of METRICS) {
        const value = this.value(metric, index);
        const column = out.values[metric];
        const mean = metric === "danmaku" || metric === "orders";
        const old = same ? (column.pop() ?? 0) : 0;
        column.push(same && mean ? old + (value - old) / inBucket : value);
      }
      bucket = next;
      before = at;
    }
    return out;
  }

  /** The first sample not before `from`. */
  private first(from: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.time(middle) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A column in words: its last, least and greatest value; null where it holds none. */
export function range(column: readonly (number | null)[]): { last: number; min: number; max: number } | null {
  const known = column.filter((value) => value !== null);
  const last = known.at(-1);
  if (last === undefined) return null;
  return { last, min: Math.min(...known), max: Math.max(...known) };
}
