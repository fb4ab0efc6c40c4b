/** Dark or light: what the visitor's system says until they choose here; every colour follows `color-scheme`. */

import { useEffect, useState } from "preact/hooks";
import { chosenTheme, remember, showTheme, THEME_KEY, type Theme } from "./choice.js";

export type { Theme };

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

let chosen = chosenTheme();

function show(): void {
  showTheme(chosen);
  for (const listener of [...listeners]) listener();
}

export function currentTheme(): Theme {
  return chosen ?? (system.matches ? "dark" : "light");
}

export function setTheme(theme: Theme): void {
  chosen = theme;
  remember(THEME_KEY, theme);
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
