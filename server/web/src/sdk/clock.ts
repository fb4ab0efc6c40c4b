/** The server's clock as this client knows it: the median offset of its latest pings. */

/** Milliseconds since the epoch that do not jump when the user sets the machine's clock. */
export function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}

const SAMPLES = 9;
/** Half a round trip bounds a sample's error; one this much slower than the best says too little. */
const SLOW_FACTOR = 3;
const SLOW_SLACK_MS = 20;
const MOVED_SLACK_MS = 100;

interface Sample {
  offset: number;
  roundTrip: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export class ServerClock {
  private samples: Sample[] = [];
  private rough: number | null = null;

  constructor(private readonly localNow: () => number = steadyNow) {}

  /** A first guess from `welcome.server_time`; it is late by the way here; pings replace it. */
  guess(serverTime: number): void {
    this.rough ??= serverTime - this.localNow();
  }

  /** One ping: when it was sent and answered here, and the server's time in between. */
  sample(sentAt: number, receivedAt: number, serverTime: number): void {
    const offset = serverTime - (sentAt + receivedAt) / 2;
    const roundTrip = receivedAt - sentAt;
    // Two honest samples differ by half of both round trips at most; beyond it a clock was moved
    // (a laptop slept, the server changed), and the old samples are wrong.
    const widest = Math.max(0, ...this.samples.map((sample) => sample.roundTrip));
    if (this.samples.length > 0 && Math.abs(offset - this.offset) > (roundTrip + widest) / 2 + MOVED_SLACK_MS) {
      this.samples = [];
    }
    this.samples.push({ offset, roundTrip });
    if (this.samples.length > SAMPLES) this.samples.shift();
  }

  /** Forgets what earlier connections taught, but keeps the offset until the next ping. */
  restart(): void {
    if (this.samples.length > 0) this.rough = this.offset;
    this.samples = [];
  }

  /** Server time minus local time, in ms: the median over the pings that were not slow. */
  get offset(): number {
    if (this.samples.length === 0) return this.rough ?? 0;
    const best = Math.min(...this.samples.map((sample) => sample.roundTrip));
    const good = this.samples.filter((sample) => sample.roundTrip <= best * SLOW_FACTOR + SLOW_SLACK_MS);
    return median(good.map((sample) => sample.offset));
  }

  /** Whether at least one ping was answered on this connection. */
  get synchronised(): boolean {
    return this.samples.length > 0;
  }

  /** The server's time now, in ms since the epoch. */
  now(): number {
    return this.localNow() + this.offset;
  }

  /** How long until a server time; negative once it has passed. */
  remaining(at: number): number {
    return at - this.now();
  }
}
