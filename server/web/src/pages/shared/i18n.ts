/** The pages' language: the browser's at first, then what the visitor chose. */

import { en, type TextKey, zh } from "../text/index.js";
import { firstLang, LANG_KEY, type Lang, showLang } from "./choice.js";
import { Listeners, useRedrawBy } from "./redraw.js";
import { remember } from "./storage.js";

export type { Lang, TextKey };

const texts: Record<Lang, Record<TextKey, string>> = { en, zh };
const listeners = new Listeners();

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
  listeners.tell();
}

export type Fill = Record<string, string | number>;

export function t(key: TextKey, fill: Fill = {}): string {
  return texts[lang][key].replace(/\{(\w+)\}/g, (_match, name: string) => String(fill[name] ?? ""));
}

/** Draws the component anew when the language changes. */
export function useLang(): Lang {
  useRedrawBy(listeners);
  return lang;
}
