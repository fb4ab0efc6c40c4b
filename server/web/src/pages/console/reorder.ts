/** The order of a list that somebody drags about: pure. */

export interface Box {
  top: number;
  height: number;
}

/** The list with the item at `from` put at `to`. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const next = [...items];
  const [item] = next.splice(from, 1);
  if (item !== undefined) next.splice(Math.max(0, Math.min(to, next.length)), 0, item);
  return next;
}

/**
 * Where an item dragged by `dy` pixels would be put. It passes a neighbour once its leading edge is
 * over the neighbour's middle. `boxes`: how the rows lay when it was lifted, from top to bottom.
 */
export function slotOf(boxes: readonly Box[], from: number, dy: number): number {
  const own = boxes[from];
  if (own === undefined) return from;
  let slot = from;
  boxes.forEach((box, index) => {
    const middle = box.top + box.height / 2;
    if (index > from && own.top + own.height + dy > middle) slot += 1;
    if (index < from && own.top + dy < middle) slot -= 1;
  });
  return slot;
}

/** How far a row gives way, in pixels, while the one at `from` hovers over `slot`. */
export function giveWay(index: number, from: number, slot: number, height: number): number {
  if (index > from && index <= slot) return -height;
  if (index < from && index >= slot) return height;
  return 0;
}

export function sameOrder(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/**
 * An order that is shown before the server has said so. It yields as soon as the server's order is
 * one that did not come from here: somebody else sorted, mounted or took down.
 */
export class Arrangement {
  private base: readonly string[] = [];
  private sent: (readonly string[])[] = [];
  /** Whether somebody else's change put an order of ours aside since `takeYielded` was last called. */
  private yielded = false;

  /** What to show while the server's order is `server`. */
  shown(server: readonly string[]): readonly string[] {
    const last = this.sent.at(-1);
    if (last === undefined) return server;
    if (sameOrder(server, last)) {
      this.sent = [];
      return server;
    }
    if (sameOrder(server, this.base) || this.sent.some((order) => sameOrder(order, server))) return last;
    this.sent = [];
    this.yielded = true;
    return server;
  }

  /** `next` was sent while the server's order was `server`. */
  send(server: readonly string[], next: readonly string[]): void {
    if (this.sent.length === 0) this.base = server;
    this.sent.push(next);
  }

  /** The server refused `next`. */
  refused(next: readonly string[]): void {
    this.sent = this.sent.filter((order) => order !== next);
  }

  takeYielded(): boolean {
    const was = this.yielded;
    this.yielded = false;
    return was;
  }
}
