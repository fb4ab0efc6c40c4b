/** A stream on a video element, kept alive: loads what plays it, watches it, and starts it anew when it broke. */

import type { HlsPlayer } from "./hls-player.js";
import { Recovery, StallWatch, type Trouble, wayToPlay } from "./video-source.js";

/** `blocked`: the browser wants a tap first; `failed`: not playing, and tried again by and by. */
export type VideoState = "none" | "loading" | "playing" | "waiting" | "failed" | "blocked";

const LOOK_EVERY_MS = 500;

export class StreamPlayer {
  private readonly recovery = new Recovery();
  private readonly watch = new StallWatch(performance.now());
  private hls: HlsPlayer | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly looks: ReturnType<typeof setInterval>;
  private state: VideoState = "loading";
  private over = false;
  /** Grows with each start, so that what an earlier one waited for is void. */
  private round = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly onState: (state: VideoState) => void,
  ) {
    video.addEventListener("error", this.onError);
    video.addEventListener("ended", this.onEnded);
    this.looks = setInterval(() => this.look(), LOOK_EVERY_MS);
    void this.start();
  }

  dispose(): void {
    this.over = true;
    clearInterval(this.looks);
    clearTimeout(this.timer);
    this.video.removeEventListener("error", this.onError);
    this.video.removeEventListener("ended", this.onEnded);
    this.unload();
  }

  /** After a tap. */
  play(): void {
    void this.video.play().then(
      () => this.become("waiting"),
      () => this.become("blocked"),
    );
  }

  private async start(): Promise<void> {
    this.unload();
    const round = ++this.round;
    this.watch.restart(performance.now());
    this.become(this.state === "failed" ? "failed" : "loading");
    const nativeHls = this.video.canPlayType("application/vnd.apple.mpegurl") !== "" && !("MediaSource" in window);
    const way = wayToPlay(this.url, nativeHls);
    if (way === "hls") {
      try {
        const { playHls } = await import("./hls-player.js");
        if (this.over || round !== this.round) return;
        this.hls = playHls(this.video, this.url, (kind) => this.onTrouble(kind));
      } catch {
        if (!this.over && round === this.round) this.onTrouble("network");
        return;
      }
      // No media sources in this browser: what it makes of the address itself is all there is.
      if (this.hls === null) this.video.src = this.url;
    } else this.video.src = this.url;
    this.video.play().catch((error: unknown) => {
      if (round === this.round && error instanceof DOMException && error.name === "NotAllowedError") this.become("blocked");
    });
  }

  private unload(): void {
    this.hls?.destroy();
    this.hls = null;
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  private readonly onError = (): void => {
    // hls.js tells of its own.
    if (this.hls === null && this.video.hasAttribute("src")) this.onTrouble("network");
  };

  private readonly onEnded = (): void => {
    // A live stream that ends may come back; a file is shown again.
    if (this.hls === null) this.play();
    else this.onTrouble("network");
  };

  private onTrouble(kind: Trouble): void {
    if (this.over) return;
    const remedy = this.recovery.onTrouble(kind, performance.now());
    if (remedy.do === "mend" && this.hls !== null) {
      this.hls.mend();
      void this.video.play().catch(() => undefined);
      return;
    }
    this.become("failed");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.start(), remedy.inMs);
  }

  private look(): void {
    if (this.over || this.state === "failed") {
      if (!this.over && this.moving()) this.become("playing");
      return;
    }
    const held = document.hidden || this.state === "blocked";
    const now = performance.now();
    const seen = this.watch.look(this.video.currentTime, held, now);
    if (held) return;
    if (seen === "stalled") {
      this.watch.restart(now);
      this.onTrouble("network");
    } else if (this.moving() && seen === "playing") {
      this.recovery.onProgress(now);
      this.become("playing");
    } else if (seen === "waiting" && this.state === "playing") this.become("waiting");
  }

  private moving(): boolean {
    return !this.video.paused && this.video.currentTime > 0 && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  private become(state: VideoState): void {
    if (this.state === state) return;
    this.state = state;
    this.onState(state);
  }
}
