/** What the visitor chose, language and theme, as it is remembered; small, as it is read before the first paint. */

import { remembered } from "./storage.js";

export type Lang = "en" | "zh";
export type Theme = "dark" | "light";

export const LANG_KEY = "miaodan.lang";
export const THEME_KEY = "miaodan.theme";

/** Chinese of any kind reads our Chinese text, everybody else English. */
export function preferred(languages: readonly string[], chosen: string | null): Lang {
  if (chosen === "en" || chosen === "zh") return chosen;
  return (languages[0] ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** The language of this visit when it begins. */
export function firstLang(): Lang {
  return preferred(navigator.languages.length > 0 ? navigator.languages : [navigator.language], remembered(LANG_KEY));
}

/** The theme the visitor chose here; null where their system decides. */
export function chosenTheme(): Theme | null {
  const value = remembered(THEME_KEY);
  return value === "dark" || value === "light" ? value : null;
}

export function showLang(lang: Lang): void {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
}

/** Colours, and the colour of the browser's own bars: the pages carry one for each theme. */
export function showTheme(theme: Theme | null): void {
  if (theme === null) delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"][data-theme]')) {
    const own = meta.dataset["theme"];
    meta.media = theme === null ? `(prefers-color-scheme: ${own})` : own === theme ? "all" : "not all";
  }
}
