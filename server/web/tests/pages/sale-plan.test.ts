import type { Product, Sale } from "@miaodan/client";
import { describe, expect, test } from "vitest";
import { localText } from "../../src/pages/console/SaleForm.js";
import {
  again,
  EMPTY_SALE,
  describe as inWords,
  lasting,
  preview,
  readSale,
  saved,
  unitsOf,
} from "../../src/pages/console/sale-plan.js";
import { setLang } from "../../src/pages/shared/i18n.js";

const NOW = 1_790_000_000_000;
const TEA: Product = {
  sku: "tea-01",
  title: "Tea",
  price: 1_000,
  image: null,
  list_price: null,
  per_user_limit: null,
  available: 8,
  pinned: false,
  position: 0,
  total: 8,
};
const TYPED = { ...EMPTY_SALE, sku: "tea-01", price: "6", stock: "5" };
const SALE: Sale = {
  sale: "s",
  sku: "tea-01",
  price: 600,
  starts_at: NOW,
  ends_at: NOW + 90_000,
  phase: "open",
  available: 3,
  per_user_limit: 1,
  total: 5,
  stock: 5,
};

describe("as it is sent", () => {
  test("seconds become milliseconds", () => {
    expect(readSale({ ...TYPED, hold: "90" }, TEA, "CNY", NOW).command).toEqual({
      type: "sale.schedule",
      sku: "tea-01",
      price: 600,
      stock: 5,
      starts_in_ms: 30_000,
      duration_ms: 60_000,
      per_user_limit: 1,
      hold_ms: 90_000,
    });
  });

  test("at a time, and no other start beside it", () => {
    const at = NOW + 3_600_000;
    const { command } = readSale({ ...TYPED, when: "at", starts_at: localText(at) }, TEA, "CNY", NOW);
    expect(command).toMatchObject({ starts_at: at });
    expect(command).not.toHaveProperty("starts_in_ms");
  });

  test.each([
    ["stock", "0", "A whole number of at least 1"],
    ["stock", "9", "Only 8 are available"],
    ["duration", "0", "A whole number from 1 to 31622400"],
    ["starts_in", "-1", "A whole number from 0 to 31622400"],
    ["price", "", "Required"],
    ["price", "1.999", "An amount such as 9.90"],
    ["per_user_limit", "0", "A whole number from 1 to 10000"],
    ["hold", "0", "A whole number from 1 to 86400"],
  ] as const)("%s = %j is refused there alone", (name, text, problem) => {
    expect(readSale({ ...TYPED, [name]: text }, TEA, "CNY", NOW).problems).toEqual({ [name]: problem });
  });

  test.each([
    ["", "Required"],
    [localText(NOW - 60_000), "That has passed already"],
    [localText(NOW + 400 * 86_400_000), "At most a year ahead"],
  ])("starts_at = %j is refused", (text, problem) => {
    expect(readSale({ ...TYPED, when: "at", starts_at: text }, TEA, "CNY", NOW).problems).toEqual({ starts_at: problem });
  });

  test("without a product there is no sale", () => {
    expect(readSale(TYPED, undefined, "CNY", NOW).problems).toEqual({ sku: "Mount a product first" });
  });
});

test.each([
  [600, 1_000, "40%"],
  [999, 1_000, null],
  [1_000, 1_000, null],
  [1_200, 1_000, null],
  [0, 1_000, "99%"],
  [8_800, 16_900, "48%"],
  [5, 0, null],
])("%i instead of %i saves %s", (price, was, off) => {
  expect(saved(price, was)).toBe(off);
});

test.each([
  [0, "0 s"],
  [30_000, "30 s"],
  [60_000, "1 min"],
  [90_000, "1 min 30 s"],
  [7_200_000, "2 h"],
  [90_061_000, "1 d 1 h 1 min 1 s"],
])("%i ms lasts %s", (ms, text) => {
  expect(lasting(ms)).toBe(text);
});

test("the sentence says what will happen", () => {
  const say = (values: Partial<typeof TYPED>): string => {
    const { command } = readSale({ ...TYPED, ...values }, TEA, "CNY", NOW);
    return command === null ? "" : inWords(command, TEA, "CNY", NOW);
  };
  expect(say({})).toBe(
    "In 30 s, for 1 min: 5 × “Tea” at ¥6 instead of ¥10 (40% off). At most 1 per buyer. 3 stay on the shelf at ¥10; what is not sold goes back to them.",
  );
  expect(say({ price: "10", stock: "8", per_user_limit: "", starts_in: "0", hold: "60" })).toBe(
    "Now, for 1 min: 8 × “Tea” at ¥10. Nothing stays on the shelf meanwhile; what is not sold goes back to it. Buyers have 1 min to pay.",
  );
  setLang("zh");
  expect(say({})).toContain("30 秒后开始，持续 1 分钟：5 件“Tea”，原价 ¥10，秒杀价 ¥6（6折）。每人限购 1 件。");
  setLang("en");
});

test("the preview is the sale before it starts and while it is on", () => {
  const { command } = readSale(TYPED, TEA, "CNY", NOW);
  expect(preview(TYPED, TEA, command, false, NOW)).toMatchObject({
    price: 600,
    phase: "scheduled",
    starts_at: NOW + 30_000,
    available: 5,
    per_user_limit: 1,
  });
  expect(preview(TYPED, TEA, command, true, NOW)).toMatchObject({ phase: "open", starts_at: NOW - 1, ends_at: NOW + 59_999 });
  expect(preview(TYPED, TEA, null, false, NOW)).toMatchObject({ price: 1_000, available: 0 });
});

test("again fills in what was", () => {
  expect(again(SALE, "CNY")).toEqual({ sku: "tea-01", price: "6.00", stock: "5", duration: "90", per_user_limit: "1" });
});

describe("where a sale's units are", () => {
  test("while it is on", () => {
    expect(unitsOf(SALE, { sold: 1, held: 1 }, false)).toEqual({ given: 5, sold: 1, held: 1, left: 3, back: 0 });
  });

  test("once it is over: what was not taken went back", () => {
    const ended: Sale = { ...SALE, phase: "ended", available: 0, total: 0 };
    expect(unitsOf(ended, { sold: 2, held: 1 }, true)).toEqual({ given: 5, sold: 2, held: 1, left: 0, back: 2 });
    expect(unitsOf(ended, { sold: 5, held: 0 }, true)).toMatchObject({ back: 0 });
  });

  test("is not made up before the server has said it", () => {
    expect(unitsOf(SALE, undefined, true)).toBeNull();
  });
});
