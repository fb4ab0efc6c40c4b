/** All text of the pages, in both languages. */

import * as console from "./console.js";
import * as desk from "./desk.js";
import * as goods from "./goods.js";
import * as landing from "./landing.js";
import * as live from "./live.js";
import * as shared from "./shared.js";
import * as shop from "./shop.js";

export const en = { ...shared.en, ...live.en, ...shop.en, ...console.en, ...desk.en, ...goods.en, ...landing.en };

export type TextKey = keyof typeof en;

export const zh: Record<TextKey, string> = {
  ...shared.zh,
  ...live.zh,
  ...shop.zh,
  ...console.zh,
  ...desk.zh,
  ...goods.zh,
  ...landing.zh,
};
