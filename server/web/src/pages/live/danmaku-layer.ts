/** Danmaku floating over the stage: lanes at one speed, so no text catches up with another. */

const SPEED_PX_PER_S = 110;
const GAP_PX = 28;
const ON_SCREEN = 60;

export class DanmakuLayer {
  private readonly freeAt: number[];
  private shown = 0;

  constructor(
    private readonly box: HTMLElement,
    lanes = 6,
  ) {
    this.freeAt = new Array<number>(lanes).fill(0);
  }

  /** Shows a line; false where no lane is free or too many float already (the chat list has it). */
  add(text: string, own: boolean, now = performance.now()): boolean {
    const lane = this.freeAt.findIndex((at) => at <= now);
    if (lane < 0 || this.shown >= ON_SCREEN) return false;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return false;
    const line = document.createElement("span");
    line.className = own ? "float own" : "float";
    line.dataset["lane"] = String(lane);
    line.textContent = text;
    this.box.append(line);
    const width = line.offsetWidth;
    const distance = this.box.clientWidth + width;
    this.freeAt[lane] = now + ((width + GAP_PX) / SPEED_PX_PER_S) * 1000;
    this.shown += 1;
    const flight = line.animate(
      [{ transform: `translateX(${this.box.clientWidth}px)` }, { transform: `translateX(${-width}px)` }],
      { duration: (distance / SPEED_PX_PER_S) * 1000, easing: "linear", fill: "both" },
    );
    flight.onfinish = flight.oncancel = () => {
      line.remove();
      this.shown -= 1;
    };
    return true;
  }

  clear(): void {
    for (const line of [...this.box.children]) for (const flight of line.getAnimations()) flight.cancel();
  }
}
