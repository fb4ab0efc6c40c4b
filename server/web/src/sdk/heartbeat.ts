/**
 * Pings: a burst on connecting, so that the clock is known soon, then one within each heartbeat.
 *
 * Timers of a hidden tab may run once a minute only. Messages are not held up, so each one is also an
 * occasion to send a ping that is due.
 */

const BURST = 5;
const BURST_GAP_MS = 120;
const SHORTEST_MS = 1_000;
/** Beyond 31 bits a timer fires at once. */
const LONGEST_MS = 3_600_000;
/** Where the server named none that can be kept. */
const USUAL_MS = 25_000;

export class Heartbeat {
  private heartbeatMs = 0;
  private last = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `ping` sends one; `now` is any clock in ms that does not jump. */
  constructor(
    private readonly ping: () => void,
    private readonly now: () => number,
  ) {}

  /** `heartbeatMs`: how long the server puts up with silence. */
  start(heartbeatMs: number): void {
    const wanted = Number.isFinite(heartbeatMs) ? heartbeatMs : USUAL_MS;
    this.heartbeatMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, wanted));
    this.beat(BURST);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.heartbeatMs = 0;
  }

  /** Something came from the server. */
  heard(): void {
    if (this.heartbeatMs > 0 && this.now() - this.last >= this.heartbeatMs) this.beat(1);
  }

  /** Asks for a sign of life now. */
  probe(): void {
    if (this.heartbeatMs > 0) this.beat(1);
  }

  private beat(left: number): void {
    clearTimeout(this.timer);
    this.last = this.now();
    const gap = left > 1 ? BURST_GAP_MS : this.heartbeatMs * (0.8 + 0.2 * Math.random());
    this.timer = setTimeout(() => this.beat(Math.max(1, left - 1)), gap);
    this.ping();
  }
}
