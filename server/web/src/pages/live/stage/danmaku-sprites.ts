/** Danmaku texts drawn once, ahead of their flight: a frame then only copies pictures. */

import { Bounded } from "./bounded.js";

export type Mark = "viewer" | "own" | "host" | "moderator";

export interface Sprite {
  picture: HTMLCanvasElement;
  /** In CSS px. */
  width: number;
  height: number;
}

export interface Look {
  font: string;
  fontSize: number;
  ink: string;
  edge: string;
  own: string;
  host: string;
  hostInk: string;
  moderator: string;
}

/** Sprites that are kept for a text said again. */
const KEPT = 160;
/** A text is not drawn wider than this, CSS px. */
const WIDEST = 900;
const PAD = 10;

export class SpriteCache {
  private readonly kept = new Bounded<string, Sprite>(KEPT);

  constructor(
    private readonly look: Look,
    private readonly ratio: number,
  ) {}

  get size(): number {
    return this.kept.size;
  }

  /** The picture of a text; `badge` stands before it on a ground of its own. */
  of(text: string, mark: Mark, badge: string): Sprite {
    const key = `${mark}\n${badge}\n${text}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const sprite = this.draw(text, mark, badge);
    this.kept.set(key, sprite);
    return sprite;
  }

  private draw(text: string, mark: Mark, badge: string): Sprite {
    const { look, ratio } = this;
    const height = Math.round(look.fontSize * 1.75);
    const picture = document.createElement("canvas");
    const pen = picture.getContext("2d");
    if (pen === null) return { picture, width: 1, height };
    pen.font = look.font;
    const badgeWidth = badge === "" ? 0 : pen.measureText(badge).width + 18;
    const width = Math.ceil(Math.min(pen.measureText(text).width, WIDEST)) + PAD * 2 + badgeWidth;
    picture.width = Math.ceil(width * ratio);
    picture.height = Math.ceil(height * ratio);
    pen.scale(ratio, ratio);
    pen.font = look.font;
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const ground = mark === "host" ? look.host : mark === "moderator" ? look.moderator : null;
    if (ground !== null) {
      pen.globalAlpha = 0.88;
      pen.fillStyle = ground;
      this.pill(pen, 1, width - 2, height);
      pen.fill();
      pen.globalAlpha = 1;
    } else if (mark === "own") {
      pen.strokeStyle = look.own;
      pen.lineWidth = 1.5;
      pen.fillStyle = look.edge;
      pen.globalAlpha = 0.4;
      this.pill(pen, 1, width - 2, height);
      pen.fill();
      pen.globalAlpha = 1;
      pen.stroke();
    }
    if (badge !== "") {
      pen.fillStyle = look.hostInk;
      pen.globalAlpha = 0.85;
      pen.fillText(badge, PAD + 2, height / 2 + 1);
      pen.globalAlpha = 1;
      pen.fillRect(PAD + badgeWidth - 10, height * 0.3, 1, height * 0.4);
    }
    if (ground === null) {
      pen.strokeStyle = look.edge;
      pen.lineWidth = 3;
      pen.strokeText(text, PAD + badgeWidth, height / 2 + 1, WIDEST);
    }
    pen.fillStyle = ground === null ? look.ink : look.hostInk;
    pen.fillText(text, PAD + badgeWidth, height / 2 + 1, WIDEST);
    return { picture, width, height };
  }

  private pill(pen: CanvasRenderingContext2D, x: number, width: number, height: number): void {
    pen.beginPath();
    pen.roundRect(x, 2, width, height - 4, (height - 4) / 2);
  }
}
