/** This visit's storage; null where the browser gives none (blocked cookies, sandboxed frames: the getter throws). */
export function visitStorage(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
