/** What tells a page that its connection may have changed: the network came back, the tab was shown. */

/** Listens where there is a browser; `awake` is called. Returns the function that stops it. */
export function listenForWakeups(awake: () => void): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => undefined;
  const shown = (): void => {
    if (document.visibilityState === "visible") awake();
  };
  const restored = (event: PageTransitionEvent): void => {
    if (event.persisted) awake();
  };
  window.addEventListener("online", awake);
  window.addEventListener("pageshow", restored);
  document.addEventListener("visibilitychange", shown);
  return () => {
    window.removeEventListener("online", awake);
    window.removeEventListener("pageshow", restored);
    document.removeEventListener("visibilitychange", shown);
  };
}
