/** Drawing a component anew for what changed outside of it. */

import { useCallback, useEffect, useState } from "preact/hooks";

/** Those who want to hear of a change. */
export class Listeners {
  private readonly all = new Set<() => void>();

  /** Returns the function that takes the listener off again. */
  add(listener: () => void): () => void {
    this.all.add(listener);
    return () => {
      this.all.delete(listener);
    };
  }

  tell(): void {
    for (const listener of [...this.all]) listener();
  }
}

/** A function, always the same one, that draws the component anew. */
export function useRedraw(): () => void {
  const [, draw] = useState(0);
  return useCallback(() => draw((count) => count + 1), []);
}

/** Draws the component anew whenever `listeners` are told. */
export function useRedrawBy(listeners: Listeners): void {
  const redraw = useRedraw();
  useEffect(() => listeners.add(redraw), [listeners]);
}
