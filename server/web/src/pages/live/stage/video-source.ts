/** Which way a stream's address is played, and what to do when it does not: decisions without a player or a clock. */

export type Way = "native" | "hls" | "none";

/** The path of an address, without what follows `?` or `#`. */
function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0]?.toLowerCase() ?? "";
}

/** `native`: the browser's own player takes it; `hls`: through hls.js; `none`: not a stream we play. */
export function wayToPlay(url: string | null | undefined, nativeHls: boolean): Way {
  if (url == null || !/^(https?:\/\/|\/)/.test(url)) return "none";
  const path = pathOf(url);
  if (path.endsWith(".m3u8")) return nativeHls ? "native" : "hls";
  return /\.(mp4|webm|m4v|mov)$/.test(path) ? "native" : "none";
}

export type Trouble = "network" | "media";
export interface Remedy {
  /** `mend`: the same player, its media source anew; `restart`: from the address on. */
  do: "mend" | "restart";
  inMs: number;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
/** A media error sooner than this after the last was not mended. */
const MENDED_MS = 4_000;
/** Playing for this long means that it is well again. */
const WELL_MS = 10_000;

/** What is done about one trouble after another: later ever more seldom, never given up while the room goes on. */
export class Recovery {
  private restarts = 0;
  private mendedAt = -Infinity;
  private wellSince: number | null = null;

  constructor(private readonly random: () => number = Math.random) {}

  onTrouble(kind: Trouble, now: number): Remedy {
    this.wellSince = null;
    if (kind === "media" && now - this.mendedAt > MENDED_MS) {
      this.mendedAt = now;
      return { do: "mend", inMs: 0 };
    }
    const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.restarts, 20));
    this.restarts += 1;
    return { do: "restart", inMs: Math.round(ceiling * (0.5 + 0.5 * this.random())) };
  }

  /** Frames are coming. */
  onProgress(now: number): void {
    this.wellSince ??= now;
    if (now - this.wellSince >= WELL_MS) this.restarts = 0;
  }
}

const WAITING_MS = 1_200;
const STALLED_MS = 9_000;

/** Tells from the play position whether a stream goes on. `held`: nobody expects it to (hidden, or not allowed to play). */
export class StallWatch {
  private position = -1;
  private movedAt: number;

  constructor(now: number) {
    this.movedAt = now;
  }

  look(position: number, held: boolean, now: number): "playing" | "waiting" | "stalled" {
    if (held || position !== this.position) {
      const moved = position !== this.position;
      this.position = position;
      this.movedAt = now;
      return moved || held ? "playing" : "waiting";
    }
    const still = now - this.movedAt;
    return still >= STALLED_MS ? "stalled" : still >= WAITING_MS ? "waiting" : "playing";
  }

  /** Another start: the time begins anew. */
  restart(now: number): void {
    this.position = -1;
    this.movedAt = now;
  }
}
