/** The announcements this browser made before, latest first. */

import { remember, remembered } from "../shared/storage.js";

const KEY = "miaodan.announcements";
const KEPT = 4;

/** `said` with one more at its head; each text once, the oldest go. */
export function withLatest(said: readonly string[], text: string): string[] {
  return [text, ...said.filter((other) => other !== text)].slice(0, KEPT);
}

export function lastUsed(): string[] {
  try {
    const value: unknown = JSON.parse(remembered(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((text) => typeof text === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function rememberUsed(text: string): void {
  remember(KEY, JSON.stringify(withLatest(lastUsed(), text)));
}
