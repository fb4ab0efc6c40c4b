/** Danmaku on one canvas: what the planner decides, drawn from ready-made sprites. */

import type { Danmaku } from "@miaodan/client";
import { DanmakuPlanner, leftEdge, type Waiting } from "./danmaku-planner.js";
import { type Look, type Mark, type Sprite, SpriteCache } from "./danmaku-sprites.js";
import { FrameLoop } from "./frame-loop.js";

interface Line extends Waiting {
  text: string;
  mark: Mark;
  badge: string;
  sprite: Sprite | null;
}

/** Sprites drawn in one frame at most: a burst must not cost a frame. */
const LAUNCHES_PER_FRAME = 3;
const MOST_LANES = 12;
const TOLD_EVERY_MS = 200;

const stillness = (): MediaQueryList => matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Fills its canvas' box with lanes. Counters are told in `data-flown`, `data-dropped`, `data-waiting`,
 * `data-flying` and, of the frames in between, `data-frames`.
 */
export class DanmakuCanvas {
  private planner: DanmakuPlanner<Line> | null = null;
  private sprites: SpriteCache | null = null;
  private pen: CanvasRenderingContext2D | null;
  private laneHeight = 34;
  private width = 0;
  private height = 0;
  private ratio = 1;
  private frames = 0;
  private toldAt = 0;
  private shown = true;
  private readonly loop = new FrameLoop((now) => this.draw(now));
  private readonly observer: ResizeObserver;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.pen = canvas.getContext("2d");
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(canvas);
    document.addEventListener("visibilitychange", this.onVisibility);
    this.measure();
  }

  /** `badge`: what stands before it, e.g. "Host". With little motion wanted, or switched off, nothing flies. */
  add(danmaku: Danmaku, own: boolean, badge = "", now = performance.now()): void {
    if (!this.shown || document.hidden || this.planner === null || stillness().matches) return;
    const role = danmaku.user.role;
    const mark: Mark =
      role === "moderator" ? "moderator" : role === "viewer" || role === "guest" ? (own ? "own" : "viewer") : "host";
    this.planner.add({
      id: danmaku.message,
      sender: danmaku.user.id,
      own,
      arrivedAt: now,
      text: danmaku.text,
      mark,
      badge,
      sprite: null,
    });
    this.loop.wake();
  }

  recall(message: string): void {
    if (this.planner?.recall(message) === true) this.draw(performance.now());
  }

  /** Switched off, what flies is gone at once. */
  show(shown: boolean): void {
    this.shown = shown;
    if (shown) return;
    this.planner?.clear();
    this.loop.wake();
  }

  dispose(): void {
    this.loop.stop();
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) this.planner?.away();
    else this.loop.wake();
  };

  private measure(): void {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    if (clientWidth === 0 || clientHeight === 0) return;
    if (clientWidth === this.width && clientHeight === this.height && ratio === this.ratio) return;
    if (this.sprites === null || ratio !== this.ratio) this.sprites = new SpriteCache(this.lookOf(), ratio);
    this.width = clientWidth;
    this.height = clientHeight;
    this.ratio = ratio;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    const lanes = Math.max(1, Math.min(MOST_LANES, Math.floor(clientHeight / this.laneHeight)));
    if (this.planner === null) this.planner = new DanmakuPlanner<Line>(clientWidth, lanes);
    else this.planner.resize(clientWidth, lanes);
    this.loop.wake();
  }

  private lookOf(): Look {
    const style = getComputedStyle(this.canvas);
    const colour = (name: string, otherwise: string): string => style.getPropertyValue(name).trim() || otherwise;
    const fontSize = Number.parseFloat(style.fontSize) || 17;
    this.laneHeight = Math.round(fontSize * 2);
    return {
      font: `600 ${fontSize}px ${style.fontFamily}`,
      fontSize,
      ink: colour("--danmaku-ink", "white"),
      edge: colour("--danmaku-edge", "black"),
      own: colour("--danmaku-own", "white"),
      host: colour("--danmaku-host", "crimson"),
      hostInk: colour("--danmaku-host-ink", "white"),
      moderator: colour("--danmaku-moderator", "navy"),
    };
  }

  private spriteOf(line: Line): Sprite {
    line.sprite ??= this.sprites?.of(line.text, line.mark, line.badge) ?? { picture: this.canvas, width: 1, height: 1 };
    return line.sprite;
  }

  private draw(now: number): boolean {
    const { planner, pen, ratio } = this;
    if (planner === null || pen === null) return false;
    planner.launch(now, (line) => this.spriteOf(line).width, LAUNCHES_PER_FRAME);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const flight of planner.onScreen) {
      const sprite = flight.item.sprite;
      if (sprite === null) continue;
      // In device pixels, and of them whole ones: a copied picture stays sharp.
      pen.drawImage(
        sprite.picture,
        Math.round(leftEdge(flight, now) * ratio),
        Math.round((flight.lane * this.laneHeight + (this.laneHeight - sprite.height) / 2) * ratio),
      );
    }
    this.frames += 1;
    const more = planner.onScreen.length + planner.queued > 0;
    if (!more || now - this.toldAt >= TOLD_EVERY_MS) this.tell(now);
    return more && !document.hidden;
  }

  private tell(now: number): void {
    const planner = this.planner;
    if (planner === null) return;
    this.toldAt = now;
    const { dropped } = planner;
    Object.assign(this.canvas.dataset, {
      flown: String(planner.flown),
      dropped: String(dropped.full + dropped.sender + dropped.late + dropped.away),
      waiting: String(planner.queued),
      flying: String(planner.onScreen.length),
      frames: String(this.frames),
      sprites: String(this.sprites?.size ?? 0),
    });
  }
}
