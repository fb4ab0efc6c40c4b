/** What was last said in the room: begun by the welcome, gone on with by what is heard. */

import type { Danmaku, Welcome } from "./wire/index.js";

/** Kept at most; the oldest go first. */
const KEPT = 50;

export class Recent {
  /** Oldest first. A new array after every change. */
  lines: readonly Danmaku[] = [];

  welcomed(event: Welcome): void {
    // Where the server could not fill the gap, what was recalled in it is not known either.
    if (!event.recovered) this.lines = event.recent ?? [];
  }

  heard(danmaku: Danmaku): void {
    if (this.lines.some((line) => line.message === danmaku.message)) return;
    this.lines = [...this.lines.slice(-(KEPT - 1)), danmaku];
  }

  recalled(message: string): void {
    this.lines = this.lines.filter((line) => line.message !== message);
  }
}
