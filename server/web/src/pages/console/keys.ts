/** Keyboard shortcuts of the desk: which key does what, and when a key is only a key. */

export type KeyAction =
  | { do: "start" | "pause" | "mount" | "sale" | "announce" | "chat" | "help" | "close" }
  /** The product at this place of the shelf, from 1. */
  | { do: "pin"; place: number }
  | { do: "unpin" };

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  /** Held down: the key repeats. */
  repeat: boolean;
  /** A composing input method eats it. */
  isComposing: boolean;
}

export interface Surroundings {
  /** The focus is where text is typed or a choice is made with keys. */
  typing: boolean;
  /** Something lies over the desk. */
  covered: boolean;
  /** The person switched the letters and digits off (WCAG 2.1.4). */
  off: boolean;
}

const LETTERS: Record<string, KeyAction> = {
  l: { do: "start" },
  p: { do: "pause" },
  n: { do: "mount" },
  f: { do: "sale" },
  a: { do: "announce" },
  "/": { do: "chat" },
  "?": { do: "help" },
  "0": { do: "unpin" },
};

/** What a key press asks for; null: it is none of the desk's business. */
export function actionFor(press: KeyPress, around: Surroundings): KeyAction | null {
  if (press.ctrlKey || press.metaKey || press.altKey || press.repeat || press.isComposing) return null;
  if (press.key === "Escape") return { do: "close" };
  if (around.typing || around.covered) return null;
  if (press.key === "?") return { do: "help" };
  if (around.off) return null;
  if (/^[1-9]$/.test(press.key)) return { do: "pin", place: Number(press.key) };
  return LETTERS[press.key.toLowerCase()] ?? null;
}

const TYPED = new Set(["INPUT", "TEXTAREA", "SELECT"]);

/** Whether an element takes keys as text or as a choice. */
export function takesKeys(element: { tagName: string; isContentEditable?: boolean } | null): boolean {
  return element !== null && (TYPED.has(element.tagName) || element.isContentEditable === true);
}
