/** Whether a list that grows follows its end. Only a reader's own scroll back ends that, never what comes. */

/** Where a scrolled box stands, in pixels. */
export interface Scrolled {
  scrollTop: number;
  scrollHeight: number;
  clientHeight: number;
}

/** A scroll this soon after wheel, finger or key is the reader's own, in ms. */
const OWN_MS = 1_500;
/** A scrollbar may be held for a while before it is moved, in ms. */
const HELD_MS = 10_000;
/** Back this near to the end, in pixels, the reader wants what comes. */
const NEAR_PX = 40;

export class Follow {
  on = true;
  private ownUntil = Number.NEGATIVE_INFINITY;
  private top = 0;

  /** The reader moves the wheel, a finger or a key; `held`: the scrollbar. `now` in ms. */
  reaches(now: number, held = false): void {
    this.ownUntil = now + (held ? HELD_MS : OWN_MS);
  }

  /** The box was scrolled, by whomever. Says whether it follows now. `now` in ms. */
  scrolled(box: Scrolled, now: number): boolean {
    const back = box.scrollTop < this.top;
    const left = box.scrollHeight - box.clientHeight - box.scrollTop;
    this.top = box.scrollTop;
    if (this.on) this.on = !(back && left > 1 && now < this.ownUntil);
    else this.on = left <= 1 || (!back && left < NEAR_PX);
    return this.on;
  }

  /** The reader asked for what is new. */
  resume(): void {
    this.on = true;
    this.ownUntil = Number.NEGATIVE_INFINITY;
  }
}
