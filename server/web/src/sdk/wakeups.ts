/** What tells a page that its connection may have changed: the network came back, the tab was shown. */

export interface Wakeups {
  online: () => void;
  shown: () => void;
}

/** Listens where there is a browser; returns the function that stops it. */
export function listenForWakeups(wakeups: Wakeups): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => undefined;
  const shown = (): void => {
    if (document.visibilityState === "visible") wakeups.shown();
  };
  window.addEventListener("online", wakeups.online);
  document.addEventListener("visibilitychange", shown);
  return () => {
    window.removeEventListener("online", wakeups.online);
    document.removeEventListener("visibilitychange", shown);
  };
}
