/**
 * Where and when danmaku fly: texts wait in a bounded queue and enter lanes from the right, each at its own
 * even speed, so that no two in a lane ever touch. No clock and no screen in here: times (ms), widths and
 * positions (px) come in as arguments. Lossy by design: what is left out is counted by its reason.
 */

export interface Waiting {
  /** The message's id. */
  id: string;
  /** Whom it is from; nobody gets more than their share of the queue. */
  sender: string;
  /** The visitor's own: never dropped, and the next to fly. */
  own: boolean;
  arrivedAt: number;
}

export interface Flight<T extends Waiting> {
  item: T;
  lane: number;
  width: number;
  /** px per ms. */
  speed: number;
  startedAt: number;
  /** Left edge at `startedAt`. */
  startX: number;
}

/** `full`: the oldest of a full queue; `sender`: the oldest of one who sent many; `late`: waited too long; `away`: nobody looked. */
export type DropReason = "full" | "sender" | "late" | "away";

export interface PlannerOptions {
  /** How long a text takes across, ms; a long one flies a little faster than a short one. */
  crossingMs: number;
  /** Least distance between two in a lane, px. */
  gap: number;
  /** Texts that may wait. */
  queue: number;
  /** Of these from one sender. */
  perSender: number;
  /** How long one may wait, ms: a remark on what was said a while ago is no use. */
  patienceMs: number;
}

export const DEFAULTS: PlannerOptions = { crossingMs: 7_000, gap: 24, queue: 48, perSender: 3, patienceMs: 2_500 };

export function leftEdge<T extends Waiting>(flight: Flight<T>, now: number): number {
  return flight.startX - flight.speed * (now - flight.startedAt);
}

export class DanmakuPlanner<T extends Waiting> {
  readonly dropped: Record<DropReason, number> = { full: 0, sender: 0, late: 0, away: 0 };
  /** How many took off. */
  flown = 0;
  private flights: Flight<T>[] = [];
  /** The last that entered each lane, also when it was recalled: its place stays empty. */
  private tails: (Flight<T> | null)[] = [];
  private waiting: T[] = [];
  private readonly options: PlannerOptions;

  constructor(
    private width: number,
    lanes: number,
    options: Partial<PlannerOptions> = {},
  ) {
    this.options = { ...DEFAULTS, ...options };
    this.tails = new Array<Flight<T> | null>(lanes).fill(null);
  }

  get onScreen(): readonly Flight<T>[] {
    return this.flights;
  }

  get queued(): number {
    return this.waiting.length;
  }

  get lanes(): number {
    return this.tails.length;
  }

  /** The screen changed; what flies goes on, but for lanes that are no more. */
  resize(width: number, lanes: number): void {
    this.width = width;
    this.tails = Array.from({ length: lanes }, (_none, lane) => this.tails[lane] ?? null);
    this.flights = this.flights.filter((flight) => flight.lane < lanes);
  }

  /** Takes a text in, at the expense of older ones where the queue or its sender's share is full. */
  add(item: T): void {
    if (item.own) {
      const others = this.waiting.findIndex((other) => !other.own);
      this.waiting.splice(others < 0 ? this.waiting.length : others, 0, item);
    } else {
      const same = this.waiting.filter((other) => other.sender === item.sender && !other.own);
      if (same.length >= this.options.perSender && same[0] !== undefined) this.drop(same[0], "sender");
      this.waiting.push(item);
    }
    if (this.waiting.length > this.options.queue) {
      // Only a queue of nothing but own messages gives one of them up.
      const oldest = this.waiting.find((other) => !other.own) ?? this.waiting[0];
      if (oldest !== undefined) this.drop(oldest, "full");
    }
  }

  /**
   * What takes off now, at most `limit`; `widthOf` is asked only for what may. Forgets what has left the screen.
   */
  launch(now: number, widthOf: (item: T) => number, limit = Infinity): Flight<T>[] {
    this.flights = this.flights.filter((flight) => leftEdge(flight, now) + flight.width > 0);
    for (const item of [...this.waiting]) {
      if (!item.own && now - item.arrivedAt > this.options.patienceMs) this.drop(item, "late");
    }
    const started: Flight<T>[] = [];
    while (started.length < limit) {
      const item = this.waiting[0];
      if (item === undefined || !this.someLaneOpen(now)) break;
      const width = widthOf(item);
      const speed = this.speedOf(width);
      const lane = this.laneFor(now, speed);
      if (lane === null) break;
      this.waiting.shift();
      const flight: Flight<T> = { item, lane, width, speed, startedAt: now, startX: this.width };
      this.tails[lane] = flight;
      this.flights.push(flight);
      this.flown += 1;
      started.push(flight);
    }
    return started;
  }

  /** Takes a text off the screen and out of the queue; whether it was there. */
  recall(id: string): boolean {
    const before = this.flights.length + this.waiting.length;
    this.flights = this.flights.filter((flight) => flight.item.id !== id);
    this.waiting = this.waiting.filter((item) => item.id !== id);
    return this.flights.length + this.waiting.length < before;
  }

  /** Nobody looks: nothing waits for their return. */
  away(): void {
    this.dropped.away += this.waiting.length;
    this.waiting = [];
  }

  /** An empty screen. */
  clear(): void {
    this.flights = [];
    this.waiting = [];
    this.tails.fill(null);
  }

  /** A text as wide as half the screen takes 5/6 of the time of a very short one. */
  private speedOf(width: number): number {
    return (this.width + 0.4 * Math.min(width, this.width)) / this.options.crossingMs;
  }

  private someLaneOpen(now: number): boolean {
    return this.tails.some((tail) => this.clearOfEntry(tail, now));
  }

  private clearOfEntry(tail: Flight<T> | null, now: number): boolean {
    return tail === null || leftEdge(tail, now) + tail.width + this.options.gap <= this.width;
  }

  /** The lane that has been free for longest of those in which nobody is caught up with. */
  private laneFor(now: number, speed: number): number | null {
    let best: number | null = null;
    let bestAt = Infinity;
    this.tails.forEach((tail, lane) => {
      if (!this.clearOfEntry(tail, now) || this.catchesUp(tail, now, speed)) return;
      const at = tail?.startedAt ?? -Infinity;
      if (at < bestAt || best === null) {
        best = lane;
        bestAt = at;
      }
    });
    return best;
  }

  /** Whether a text that enters now would touch the one ahead before that has left the screen. */
  private catchesUp(tail: Flight<T> | null, now: number, speed: number): boolean {
    if (tail === null || speed <= tail.speed) return false;
    const leavesIn = (leftEdge(tail, now) + tail.width) / tail.speed;
    return leavesIn > 0 && this.width - speed * leavesIn < this.options.gap;
  }

  private drop(item: T, reason: DropReason): void {
    this.waiting.splice(this.waiting.indexOf(item), 1);
    this.dropped[reason] += 1;
  }
}
