/** Draws while there is something to draw, once per frame of the screen; stands still otherwise and in a hidden tab. */

export class FrameLoop {
  private asked = 0;

  /** `draw` is given the time (ms, `performance.now`) and says whether there is more to come. */
  constructor(private readonly draw: (now: number) => boolean) {}

  get running(): boolean {
    return this.asked !== 0;
  }

  wake(): void {
    if (this.asked === 0) this.asked = requestAnimationFrame(this.frame);
  }

  stop(): void {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
  }

  private readonly frame = (): void => {
    this.asked = 0;
    if (this.draw(performance.now())) this.wake();
  };
}
