/** Hearts rising over the stage: a pool of a fixed size on one canvas. */

import { FrameLoop } from "./frame-loop.js";

interface Heart {
  born: number;
  lasts: number;
  /** From the right edge, CSS px. */
  x: number;
  drift: number;
  size: number;
  turn: number;
  colour: string;
}

const MOST = 48;
const RISE_PX = 300;
const OWN_MS = 1_500;
const OTHERS_MS = 2_200;
const PATH = "M0 9.500S-9.500 4.200-9.500-2.400A4.900 4.900 0 0 1 0-5a4.900 4.900 0 0 1 9.500 2.600C9.500 4.200 0 9.500 0 9.500Z";

/** Of others' likes so many are shown at once, and then per second. */
const OTHERS_AT_ONCE = 4;
const OTHERS_PER_SECOND = 5;

/** How many hearts stand for others' likes: few, however many came. */
export class OthersShare {
  private tokens = OTHERS_AT_ONCE;
  private at = 0;

  take(likes: number, now: number): number {
    this.tokens = Math.min(OTHERS_AT_ONCE, this.tokens + ((now - this.at) / 1_000) * OTHERS_PER_SECOND);
    this.at = now;
    const taken = Math.max(0, Math.min(likes, Math.floor(this.tokens)));
    this.tokens -= taken;
    return taken;
  }
}

/** Rises from the lower right corner of its canvas. `data-hearts` counts what was shown. */
export class Hearts {
  private hearts: Heart[] = [];
  private shown = 0;
  private readonly share = new OthersShare();
  private readonly colours: readonly string[];
  private readonly path = new Path2D(PATH);
  private readonly pen: CanvasRenderingContext2D | null;
  private readonly loop = new FrameLoop((now) => this.draw(now));

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.pen = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    this.colours = ["--heart-1", "--heart-2", "--heart-3", "--heart-4"]
      .map((name) => style.getPropertyValue(name).trim())
      .filter((colour) => colour !== "");
  }

  own(): void {
    this.add(OWN_MS, 15 + Math.random() * 5);
  }

  others(likes: number): void {
    for (let left = this.share.take(likes, performance.now()); left > 0; left--) this.add(OTHERS_MS, 9 + Math.random() * 4);
  }

  dispose(): void {
    this.loop.stop();
  }

  private add(lasts: number, size: number): void {
    if (document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    if (this.hearts.length >= MOST) this.hearts.shift();
    this.hearts.push({
      born: performance.now() + Math.random() * 120,
      lasts,
      x: 34 + Math.random() * 12,
      drift: (Math.random() - 0.6) * 80,
      size,
      turn: (Math.random() - 0.5) * 0.7,
      colour: this.colours[Math.floor(Math.random() * this.colours.length)] ?? "red",
    });
    this.shown += 1;
    this.canvas.dataset["hearts"] = String(this.shown);
    this.loop.wake();
  }

  private draw(now: number): boolean {
    const { canvas, pen } = this;
    if (pen === null) return false;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    this.hearts = this.hearts.filter((heart) => now < heart.born + heart.lasts);
    for (const heart of this.hearts) this.drawHeart(pen, heart, Math.max(0, (now - heart.born) / heart.lasts));
    return this.hearts.length > 0 && !document.hidden;
  }

  private drawHeart(pen: CanvasRenderingContext2D, heart: Heart, part: number): void {
    const { clientWidth, clientHeight } = this.canvas;
    const rise = 1 - (1 - part) ** 2;
    const scale = (heart.size / 10) * Math.min(1, 0.4 + part * 5);
    pen.save();
    pen.globalAlpha = part < 0.6 ? 1 : (1 - part) / 0.4;
    pen.translate(
      clientWidth - heart.x + heart.drift * rise + Math.sin(part * 7 + heart.turn * 9) * 8,
      clientHeight - 20 - rise * Math.min(RISE_PX, clientHeight - 40),
    );
    pen.rotate(heart.turn * (1 - part));
    pen.scale(scale, scale);
    pen.fillStyle = heart.colour;
    pen.fill(this.path);
    pen.restore();
  }
}
