import { describe, expect, test } from "vitest";
import {
  hue,
  minorDigits,
  money,
  parseMoney,
  parseWhole,
  plainAmount,
  shortTime,
  tenths,
} from "../../src/pages/shared/format.js";

describe("money", () => {
  test.each([
    [1990, "CNY", "19.90"],
    [5, "CNY", "0.05"],
    [-5, "CNY", "-0.05"],
    [1990, "JPY", "1990"],
    [1234567, "KWD", "1234.567"],
  ])("%i minor units of %s are %s", (minor, currency, text) => {
    expect(plainAmount(minor, currency)).toBe(text);
    if (minor >= 0) expect(parseMoney(text, currency)).toBe(minor);
  });

  test("is written without an empty fraction", () => {
    expect(money(1990, "CNY")).toBe("¥19.90");
    expect(money(16900, "CNY")).toBe("¥169");
    expect(money(1990, "JPY")).toBe("¥1,990");
  });

  test("an amount no float holds exactly stays exact", () => {
    expect(parseMoney("4503599627.37", "CNY")).toBe(450359962737);
    expect(parseMoney("0.29", "CNY")).toBe(29);
    expect(parseMoney("1.1", "CNY")).toBe(110);
  });

  test.each(["", "abc", "-1", "1.999", "1,5", "1e3", "１２"])("%j is no amount", (text) => {
    expect(parseMoney(text, "CNY")).toBeNull();
  });

  test("an unknown currency has two places", () => {
    expect(minorDigits("??")).toBe(2);
  });
});

test("whole numbers keep their bounds", () => {
  expect(parseWhole("10", 1, 10)).toBe(10);
  expect(parseWhole("-3", -5, 5)).toBe(-3);
  for (const text of ["0", "11", "1.5", "", "x"]) expect(parseWhole(text, 1, 10), text).toBeNull();
});

describe("time left", () => {
  test.each([
    [65_340, "01:05.4"],
    [1, "00:00.1"],
    [0, "00:00.0"],
    [-50, "00:00.0"],
    [3_600_000, "01:00:00.0"],
  ])("%i ms are %s", (ms, text) => {
    expect(tenths(ms)).toBe(text);
  });

  test("minutes round up, so that 0:00 means it is over", () => {
    expect(shortTime(59_001)).toBe("1:00");
    expect(shortTime(0)).toBe("0:00");
  });
});

test("a name has one hue", () => {
  expect(hue("tea")).toBe(hue("tea"));
  expect(new Set(["tea-01", "tea-02", "tea-03", "tea-04"].map(hue)).size).toBe(4);
});
