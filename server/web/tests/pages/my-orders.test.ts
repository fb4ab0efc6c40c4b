import type { Order, Product } from "@miaodan/client";
import { describe, expect, test } from "vitest";
import { letGo } from "../../src/pages/live/drag.js";
import { countGroups, inGroup, needBuyer, timeline } from "../../src/pages/live/order-groups.js";
import { askedFor, refundable } from "../../src/pages/live/refunding.js";
import { remembered, type Seen } from "../../src/pages/live/seen.js";
import { nextInside } from "../../src/pages/shared/dialog.js";
import { order as anOrder } from "../an-order.js";

const NOW = 1_790_000_000_000;

function order(status: Order["status"], changes: Partial<Order> = {}): Order {
  return anOrder({ amount: 1_990, status, version: 1, reserved_at: NOW, expires_at: NOW + 60_000, ...changes });
}

test("every status has its group, and all orders are counted", () => {
  const orders = (["reserved", "paid", "shipped", "delivered", "refunding", "refunded", "cancelled", "expired"] as const).map(
    (status) => order(status),
  );
  expect(countGroups(orders)).toEqual({ all: 8, unpaid: 1, toShip: 1, onTheWay: 2, money: 2, over: 2 });
  expect(inGroup(order("delivered"), "onTheWay")).toBe(true);
});

test("an order needs its buyer while it can be paid and is not being paid", () => {
  const orders = [order("reserved"), order("reserved", { order: "o2" }), order("reserved", { expires_at: NOW }), order("paid")];
  expect(needBuyer(orders, (one) => one.order === "o2", NOW)).toEqual([orders[0]]);
});

describe("an order's way", () => {
  const done = (about: Order): boolean[] | undefined => timeline(about)?.map((step) => step.done);
  test.each([
    [order("reserved"), [true, false, false, false]],
    [order("paid"), [true, true, false, false]],
    [order("shipped", { shipped_at: NOW }), [true, true, true, false]],
    [order("delivered", { shipped_at: NOW, delivered_at: NOW }), [true, true, true, true]],
    [order("refunding"), [true, true, false, false]],
    [order("refunding", { shipped_at: NOW }), [true, true, true, false]],
  ])("%# as far as it went", (about, expected) => {
    expect(done(about)).toEqual(expected);
  });

  test.each(["cancelled", "expired", "refunded"] as const)("ends with %s", (status) => {
    expect(timeline(order(status))).toBeNull();
  });
});

describe("how much is asked back", () => {
  test("what was given back is not asked again", () => {
    expect(refundable({ amount: 1_990 })).toBe(1_990);
    expect(refundable({ amount: 1_990, refunded: 500 })).toBe(1_490);
  });

  test.each([
    ["5", "CNY", 500],
    ["19.90", "CNY", 1_990],
    ["19.91", "CNY", null],
    ["0", "CNY", null],
    ["0.01", "CNY", 1],
    ["0.001", "CNY", null],
    ["-1", "CNY", null],
    ["", "CNY", null],
    ["5 yuan", "CNY", null],
    ["1990", "JPY", 1_990],
    ["19.90", "JPY", null],
  ])("%s %s", (text, currency, expected) => {
    expect(askedFor(text, 1_990, currency)).toBe(expected);
  });
});

describe("products that were seen", () => {
  const product = (sku: string, changes: Partial<Product> = {}): Product => ({
    sku,
    title: sku,
    price: 1,
    image: `/${sku}.png`,
    list_price: null,
    per_user_limit: null,
    available: 1,
    pinned: false,
    position: 0,
    total: 1,
    ...changes,
  });

  test("outlive their place on the shelf, and follow what changed", () => {
    const before = remembered(new Map<string, Seen>(), [product("tea"), product("cup")]);
    const after = remembered(before, [product("cup", { title: "Cup" })]);
    expect(after.get("tea")).toEqual({ title: "tea", image: "/tea.png" });
    expect(after.get("cup")?.title).toBe("Cup");
    expect(remembered(after, [product("cup", { title: "Cup" })])).toBe(after);
  });

  test("are bounded, and so are their pictures", () => {
    const many = Array.from({ length: 150 }, (_, index) => product(`p${index}`));
    const known = remembered(new Map(), many);
    expect(known.size).toBe(120);
    expect(known.has("p149")).toBe(true);
    expect(known.has("p0")).toBe(false);
    const large = remembered(new Map(), [product("tea", { image: `data:image/png;base64,${"A".repeat(5_000)}` })]);
    expect(large.get("tea")?.image).toBeNull();
  });
});

test("a card that is dragged far or flung closes, one that is nudged stays", () => {
  expect(letGo(120, 900)).toBe(true);
  expect(letGo(40, 50)).toBe(true);
  expect(letGo(40, 400)).toBe(false);
  expect(letGo(5, 1)).toBe(false);
});

test("Tab goes round inside a dialog", () => {
  const inside = ["first", "middle", "last"];
  expect(nextInside(inside, "last", false)).toBe("first");
  expect(nextInside(inside, "first", true)).toBe("last");
  expect(nextInside(inside, "middle", false)).toBeNull();
  expect(nextInside(inside, null, true)).toBe("last");
  expect(nextInside([], null, false)).toBeNull();
});
