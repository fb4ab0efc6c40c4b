/** The latest danmaku of a room, as a list that never grows beyond its bound (oldest go first). */

import type { Danmaku, RoomClient } from "@miaodan/client";
import { useEffect, useMemo } from "preact/hooks";
import { useRedraw } from "./redraw.js";

const LIMIT = 200;
/** The list is drawn this often at most; more seldom where so many came that nobody reads them all. */
const DRAW_EVERY_MS = 100;
const DRAW_MANY_EVERY_MS = 400;
const MANY = 12;

export interface ChatLine extends Danmaku {
  recalled: boolean;
}

export class ChatLog {
  lines: readonly ChatLine[] = [];
  /** How many were sampled away since the last line shown. */
  skipped = 0;
  /** How many lines came in all. */
  total = 0;

  add(danmaku: Danmaku): boolean {
    if (this.lines.some((line) => line.message === danmaku.message)) return false;
    this.lines = [...this.lines.slice(-(LIMIT - 1)), { ...danmaku, recalled: false }];
    this.skipped = 0;
    this.total += 1;
    return true;
  }

  recall(message: string): void {
    this.lines = this.lines.map((line) => (line.message === message ? { ...line, recalled: true } : line));
  }
}

/** Follows a client's chat, from what was last said before; `onShown` hears each line that is new once. */
export function useChat(client: RoomClient, onShown?: (danmaku: Danmaku) => void): ChatLog {
  const log = useMemo(() => new ChatLog(), [client]);
  const redraw = useRedraw();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let drawnAt = 0;
    let drawn = 0;
    let many = false;
    const now = (): void => {
      timer = undefined;
      drawnAt = performance.now();
      many = log.total - drawn > MANY;
      drawn = log.total;
      redraw();
    };
    const again = (): void => {
      timer ??= setTimeout(now, Math.max(0, (many ? DRAW_MANY_EVERY_MS : DRAW_EVERY_MS) - (performance.now() - drawnAt)));
    };
    const before = (): void => {
      for (const danmaku of client.recent) log.add(danmaku);
      again();
    };
    before();
    const offs = [
      // Said while this one was away, where the server could not fill the gap.
      client.on("welcome", before),
      client.on("danmaku", (danmaku) => {
        if (log.add(danmaku)) onShown?.(danmaku);
        again();
      }),
      client.on("danmaku.skipped", (event) => {
        log.skipped += event.count;
        again();
      }),
      client.on("danmaku.recalled", (event) => {
        log.recall(event.message);
        again();
      }),
      () => clearTimeout(timer),
    ];
    return () => {
      for (const off of offs) off();
    };
  }, [client]);
  return log;
}
