/** How this visitor likes to watch, remembered in this browser. */

import { useState } from "preact/hooks";
import { remember, remembered } from "../../shared/storage.js";

export interface Viewing {
  danmaku: boolean;
  /** 0.2 to 1. */
  opacity: number;
}

const KEY = "miaodan.viewing";
export const FAINTEST = 0.2;
const DEFAULT: Viewing = { danmaku: true, opacity: 1 };

/** What was stored, as far as it makes sense. */
export function parseViewing(stored: string | null): Viewing {
  try {
    const value = JSON.parse(stored ?? "{}") as Partial<Record<keyof Viewing, unknown>> | null;
    const opacity = value?.opacity;
    return {
      danmaku: typeof value?.danmaku === "boolean" ? value.danmaku : DEFAULT.danmaku,
      opacity: typeof opacity === "number" && opacity >= FAINTEST && opacity <= 1 ? opacity : DEFAULT.opacity,
    };
  } catch {
    return DEFAULT;
  }
}

export function useViewing(): [Viewing, (change: Partial<Viewing>) => void] {
  const [viewing, setViewing] = useState<Viewing>(() => parseViewing(remembered(KEY)));
  const change = (part: Partial<Viewing>): void => {
    const next = { ...viewing, ...part };
    setViewing(next);
    remember(KEY, JSON.stringify(next));
  };
  return [viewing, change];
}
