/** The latest danmaku of a room, as a list that never grows beyond its bound (oldest go first). */

import type { Danmaku, RoomClient } from "@miaodan/client";
import { useEffect, useMemo } from "preact/hooks";
import { useRedraw } from "./redraw.js";

const LIMIT = 200;
/** The list is drawn this often at most; more seldom where so many came that nobody reads them all. */
const DRAW_EVERY_MS = 100;
const DRAW_MANY_EVERY_MS = 400;
const MANY = 12;

/** What was said this shortly before a welcome, in ms, may not have reached the server that gave it. */
const UNHEARD_MS = 5_000;

export interface ChatLine extends Danmaku {
  recalled: boolean;
  /** Taken from newcomers while this page was away: recalled, or its speaker muted or removed. */
  withdrawn: boolean;
}

export class ChatLog {
  lines: readonly ChatLine[] = [];
  /** How many were sampled away since the last line shown. */
  skipped = 0;
  /** How many lines came in all. */
  total = 0;

  /** `recent`: what was said before, oldest first. */
  constructor(recent: readonly Danmaku[] = []) {
    for (const danmaku of recent) this.add(danmaku);
  }

  add(danmaku: Danmaku): boolean {
    if (this.lines.some((line) => line.message === danmaku.message)) return false;
    this.lines = [...this.lines.slice(-(LIMIT - 1)), { ...danmaku, recalled: false, withdrawn: false }];
    this.skipped = 0;
    this.total += 1;
    return true;
  }

  recall(message: string): void {
    this.lines = this.lines.map((line) => (line.message === message ? { ...line, recalled: true } : line));
  }

  /**
   * Back after a gap that nobody filled: `recent` is what was last said (oldest first), `at` the server's time
   * in ms. From its first line on, `recent` is all that newcomers see: what else is known of that time was
   * withdrawn. Of what is older, or too young for the server to have heard, nothing is known; nor of anything
   * where `recent` is empty: that server may have been started since.
   */
  cameBack(recent: readonly Danmaku[], at: number): void {
    const first = recent[0];
    const last = recent.at(-1);
    if (first === undefined || last === undefined) return;
    const known = new Map(this.lines.map((line) => [line.message, line]));
    const told = new Set(recent.map((danmaku) => danmaku.message));
    const from = this.lines.findIndex((line) => line.message === first.message);
    const until = Math.max(last.at, at - UNHEARD_MS);
    const older: ChatLine[] = [];
    const within: ChatLine[] = [];
    const younger: ChatLine[] = [];
    for (const [index, line] of this.lines.entries()) {
      if (told.has(line.message)) continue;
      if (from < 0 ? line.at <= first.at : index < from) older.push(line);
      else if (line.at > until) younger.push(line);
      else within.push(line.recalled || line.withdrawn ? line : { ...line, withdrawn: true });
    }
    for (const danmaku of recent) {
      const line = known.get(danmaku.message);
      if (line === undefined) {
        this.total += 1;
        this.skipped = 0;
      }
      within.push(line !== undefined && !line.withdrawn ? line : { ...danmaku, recalled: false, withdrawn: false });
    }
    within.sort((one, other) => one.at - other.at);
    this.lines = [...older, ...within, ...younger].slice(-LIMIT);
  }
}

/** Keeps `log` as the client hears it, until the function returned is called. */
export function hear(client: RoomClient, log: ChatLog, changed: () => void, onShown?: (danmaku: Danmaku) => void): () => void {
  for (const danmaku of client.recent) log.add(danmaku);
  changed();
  const offs = [
    client.on("welcome", (event) => {
      if (event.recovered) return;
      log.cameBack(client.recent, event.server_time);
      changed();
    }),
    client.on("danmaku", (danmaku) => {
      if (log.add(danmaku)) onShown?.(danmaku);
      changed();
    }),
    client.on("danmaku.skipped", (event) => {
      log.skipped += event.count;
      changed();
    }),
    client.on("danmaku.recalled", (event) => {
      log.recall(event.message);
      changed();
    }),
  ];
  return () => {
    for (const off of offs) off();
  };
}

/** Follows a client's chat, from what was last said before; `onShown` hears each line that is new once. */
export function useChat(client: RoomClient, onShown?: (danmaku: Danmaku) => void): ChatLog {
  // Drawn with the room, not after it: what is above and below does not move.
  const log = useMemo(() => new ChatLog(client.recent), [client]);
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
    const deaf = hear(client, log, again, onShown);
    return () => {
      deaf();
      clearTimeout(timer);
    };
  }, [client]);
  return log;
}
