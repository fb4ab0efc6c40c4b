/** The pages' language: the browser's at first, then what the visitor chose. */

import { useEffect, useState } from "preact/hooks";
import { en, type TextKey, zh } from "../text/index.js";

export type { TextKey };
export type Lang = "en" | "zh";

const KEY = "miaodan.lang";
const texts: Record<Lang, Record<TextKey, string>> = { en, zh };
const listeners = new Set<() => void>();

/** Chinese of any kind reads our Chinese text, everybody else English. */
export function preferred(languages: readonly string[], remembered: string | null): Lang {
  if (remembered === "en" || remembered === "zh") return remembered;
  return (languages[0] ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

let lang: Lang = preferred(navigator.languages.length > 0 ? navigator.languages : [navigator.language], remembered());
document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";

export function currentLang(): Lang {
  return lang;
}

/** The locale for `Intl`. */
export function locale(): string {
  return lang === "zh" ? "zh-CN" : "en";
}

export function setLang(next: Lang): void {
  lang = next;
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that stores nothing still switches for this visit.
  }
  for (const listener of [...listeners]) listener();
}

export type Fill = Record<string, string | number>;

export function t(key: TextKey, fill: Fill = {}): string {
  return texts[lang][key].replace(/\{(\w+)\}/g, (_match, name: string) => String(fill[name] ?? ""));
}

/** Draws the component anew when the language changes. */
export function useLang(): Lang {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = (): void => draw((count) => count + 1);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return lang;
}
