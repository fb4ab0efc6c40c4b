import { describe, expect, test } from "vitest";
import { preferred } from "../../src/pages/shared/choice.js";
import { setLang, t } from "../../src/pages/shared/i18n.js";
import { en, zh } from "../../src/pages/text/index.js";

describe("language", () => {
  test.each([
    [["zh-CN", "en"], null, "zh"],
    [["zh-Hant-TW"], null, "zh"],
    [["en-GB", "zh"], null, "en"],
    [["fr"], null, "en"],
    [[], null, "en"],
    [["zh-CN"], "en", "en"],
    [["en"], "zh", "zh"],
    [["en"], "klingon", "en"],
  ] as const)("of %j with %j remembered is %s", (languages, remembered, lang) => {
    expect(preferred(languages, remembered)).toBe(lang);
  });

  test("the switch changes the text and is remembered", () => {
    setLang("zh");
    expect(t("buy")).toBe("购买");
    expect(localStorage.getItem("miaodan.lang")).toBe("zh");
    setLang("en");
    expect(t("buy")).toBe("Buy");
  });
});

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).toSorted();

test("both languages have every text, with the same places to fill", () => {
  for (const [key, text] of Object.entries(en)) {
    const other = zh[key as keyof typeof en];
    expect(other, key).not.toBe("");
    expect(places(other), key).toEqual(places(text));
  }
});

test("what is filled in is taken as it is", () => {
  expect(t("gone.kickedReason", { reason: "$& {x} <b>" })).toBe("Reason: $& {x} <b>");
});
