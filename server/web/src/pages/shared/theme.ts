/** Dark or light: what the visitor's system says until they choose here; every colour follows `color-scheme`. */

import { chosenTheme, showTheme, THEME_KEY, type Theme } from "./choice.js";
import { Listeners, useRedrawBy } from "./redraw.js";
import { remember } from "./storage.js";

export type { Theme };

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Listeners();

let chosen = chosenTheme();

function show(): void {
  showTheme(chosen);
  listeners.tell();
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
  useRedrawBy(listeners);
  return currentTheme();
}

system.addEventListener("change", show);
