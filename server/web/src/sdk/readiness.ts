/** A promise that can be made anew: whether something is there now, or will be. */

export class Readiness<T> {
  promise!: Promise<T>;
  private settled = true;
  private succeed: (value: T) => void = () => undefined;
  private fail: (error: unknown) => void = () => undefined;

  constructor() {
    this.renew();
  }

  /** It is not there any more; whoever waits already goes on waiting. */
  renew(): void {
    if (!this.settled) return;
    this.settled = false;
    this.promise = new Promise<T>((resolve, reject) => {
      this.succeed = resolve;
      this.fail = reject;
    });
    // Nobody has to look at it.
    this.promise.catch(() => undefined);
  }

  resolve(value: T): void {
    this.settled = true;
    this.succeed(value);
  }

  reject(error: unknown): void {
    this.renew();
    this.settled = true;
    this.fail(error);
  }

  /** The same with a deadline and a signal. */
  within(timeoutMs: number, late: () => Error, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
        how();
      };
      const aborted = (): void => settle(() => reject(signal?.reason));
      const timer = setTimeout(() => settle(() => reject(late())), timeoutMs);
      signal?.addEventListener("abort", aborted);
      this.promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }
}
