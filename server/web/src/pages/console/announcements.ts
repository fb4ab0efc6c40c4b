/** The announcements this browser made before, latest first. */

const KEY = "miaodan.announcements";
const KEPT = 4;

/** `said` with one more at its head; each text once, the oldest go. */
export function withLatest(said: readonly string[], text: string): string[] {
  return [text, ...said.filter((other) => other !== text)].slice(0, KEPT);
}

export function lastUsed(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((text) => typeof text === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function remember(text: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(withLatest(lastUsed(), text)));
  } catch {
    // A browser that stores nothing only forgets.
  }
}
