/**
 * What a browser keeps for these pages. Where it keeps nothing (blocked cookies, sandboxed frames: the
 * property itself throws; or it is full), a visit goes on without.
 */

/** What was kept under `key` in this browser; null: nothing. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps `value` for the next visit as well; null forgets. */
export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // It holds for this visit.
  }
}

/** This tab's storage, as its own calls may throw too; null where there is none. */
export function visitStorage(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
