/** Dark or light: what the visitor's system says until they choose here; every colour follows `color-scheme`. */

import { useEffect, useState } from "preact/hooks";

export type Theme = "dark" | "light";

const KEY = "miaodan.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function remembered(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null;
  }
}

let chosen = remembered();

function show(): void {
  if (chosen === null) delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  for (const listener of [...listeners]) listener();
}

export function currentTheme(): Theme {
  return chosen ?? (system.matches ? "dark" : "light");
}

export function setTheme(theme: Theme): void {
  chosen = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that stores nothing still switches for this visit.
  }
  show();
}

/** Draws the component anew when the theme changes. */
export function useTheme(): Theme {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = (): void => draw((count) => count + 1);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return currentTheme();
}

system.addEventListener("change", show);
show();
