/** The pages' language: the browser's at first, then what the visitor chose. */

import { useEffect, useState } from "preact/hooks";
import { en, type TextKey, zh } from "../text/index.js";
import { firstLang, LANG_KEY, type Lang, remember, showLang } from "./choice.js";

export type { Lang, TextKey };

const texts: Record<Lang, Record<TextKey, string>> = { en, zh };
const listeners = new Set<() => void>();

let lang: Lang = firstLang();
showLang(lang);

export function currentLang(): Lang {
  return lang;
}

/** The locale for `Intl`. */
export function locale(): string {
  return lang === "zh" ? "zh-CN" : "en";
}

export function setLang(next: Lang): void {
  lang = next;
  showLang(next);
  remember(LANG_KEY, next);
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
