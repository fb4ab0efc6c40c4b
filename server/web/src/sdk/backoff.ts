/**
 * Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015):
 * a wait is uniform in [0, min(cap, base * 2^attempt)], so a thousand viewers that lost the same
 * server do not come back in the same instant. Where the server said when to come back, the wait begins there.
 */

export interface BackoffOptions {
  baseMs?: number;
  capMs?: number;
  random?: () => number;
}

export class Backoff {
  private readonly baseMs: number;
  private readonly capMs: number;
  private readonly random: () => number;
  private tries = 0;

  constructor(options: BackoffOptions = {}) {
    this.baseMs = options.baseMs ?? 500;
    this.capMs = options.capMs ?? 15_000;
    this.random = options.random ?? Math.random;
  }

  /** How many waits were handed out since the last reset. */
  get attempt(): number {
    return this.tries;
  }

  /** `atLeastMs`: what the server advised. */
  next(atLeastMs = 0): number {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** Math.min(this.tries, 30));
    this.tries += 1;
    return atLeastMs + Math.round(this.random() * ceiling);
  }

  reset(): void {
    this.tries = 0;
  }
}
