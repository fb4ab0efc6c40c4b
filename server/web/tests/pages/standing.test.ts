import { CommandError, type Order, type RoomSnapshot } from "@miaodan/client";
import { beforeEach, describe, expect, test } from "vitest";
import { deeds, notes, stillThere, troubleOf, troubleText } from "../../src/pages/live/standing.js";
import { setLang } from "../../src/pages/shared/i18n.js";
import { explain } from "../../src/pages/shared/session.js";

const NOW = 1_790_000_000_000;

function order(changes: Partial<Order> = {}): Order {
  return {
    order: "o1",
    request_id: "q1",
    sku: "tea",
    sale: null,
    quantity: 2,
    amount: 1_990,
    currency: "CNY",
    status: "paid",
    version: 2,
    reserved_at: NOW - 60_000,
    expires_at: NOW + 65_000,
    ...changes,
  };
}

const told = (changes: Partial<Order>, paying = false, there = false): string[] => notes(order(changes), paying, there, NOW);

beforeEach(() => setLang("en"));

describe("what a buyer may do", () => {
  test.each([
    ["a hold", order({ status: "reserved" }), false, ["pay", "cancel"]],
    ["a hold that is being paid", order({ status: "reserved" }), true, ["cancel"]],
    ["a hold whose time is over", order({ status: "reserved", expires_at: NOW }), false, []],
    ["a paid order", order(), false, ["refund"]],
    ["a shipped one", order({ status: "shipped" }), false, ["ask"]],
    ["a delivered one", order({ status: "delivered" }), false, ["ask"]],
    ["one in a refund", order({ status: "refunding" }), false, []],
    ["an expired one", order({ status: "expired" }), false, ["pay"]],
    ["an expired one that is being paid", order({ status: "expired" }), true, []],
  ] as const)("about %s", (_what, about, paying, expected) => {
    expect(deeds(about, paying, true, NOW)).toEqual(expected);
  });

  test("an expired order is paid only where its units are still there", () => {
    expect(deeds(order({ status: "expired" }), false, false, NOW)).toEqual([]);
    const product = {
      sku: "tea",
      title: "",
      price: 1,
      image: null,
      list_price: null,
      per_user_limit: null,
      pinned: false,
      position: 0,
    };
    const room = (available: number): RoomSnapshot =>
      ({ products: [{ ...product, available }], sales: [] }) as unknown as RoomSnapshot;
    expect(stillThere(order(), room(2), NOW)).toBe(true);
    expect(stillThere(order(), room(1), NOW)).toBe(false);
    expect(stillThere(order({ reserved_at: NOW - 8 * 86_400_000 }), room(2), NOW)).toBe(false);
    const sale = {
      sale: "s1",
      sku: "tea",
      price: 1,
      starts_at: NOW - 1,
      ends_at: NOW + 1,
      phase: "open",
      available: 2,
      per_user_limit: null,
    };
    const selling = { products: [], sales: [sale] } as unknown as RoomSnapshot;
    expect(stillThere(order({ sale: "s1" }), selling, NOW)).toBe(true);
    expect(stillThere(order({ sale: "s1" }), selling, NOW + 1)).toBe(false);
    expect(stillThere(order({ sale: "s1" }), room(9), NOW)).toBe(false);
  });
});

describe("what a buyer is told", () => {
  test("about paying", () => {
    expect(told({ status: "reserved" })).toEqual(["Pay within 1:05"]);
    expect(told({ status: "reserved" }, true)).toEqual(["Payment under way…"]);
    expect(told({ status: "reserved", expires_at: NOW })).toEqual(["The time to pay is over"]);
    expect(told({ status: "expired" }, false, true)[0]).toContain("you can pay now");
    expect(told({ status: "expired" })).toEqual([]);
  });

  test("about a refund that the host decides about, with the time", () => {
    const [note] = told({ status: "refunding", refunding: 500, refund_due_at: NOW + 7_200_000 });
    expect(note).toMatch(/^The host is asked to refund ¥5\. Without an answer it is approved at .*\d\d:\d\d/);
    setLang("zh");
    expect(told({ status: "refunding", refunding: 500, refund_due_at: NOW + 7_200_000 })[0]).toContain("自动同意");
  });

  test("about money on its way, and parts that came back", () => {
    expect(told({ status: "refunding", refunding: 1_990 })).toEqual(["¥19.90 is on its way back to you"]);
    expect(told({ refunded: 500 })).toEqual(["¥5 of ¥19.90 refunded"]);
    expect(told({ status: "refunded", refunded: 1_990 })).toEqual([]);
  });

  test("why the host declined; after a part was given back the reason may be the buyer's", () => {
    expect(told({ status: "shipped", reason: "worn" })).toEqual(["The host declined the refund: worn"]);
    expect(told({ status: "delivered", reason: "chipped", refunded: 500 })).toEqual(["¥5 of ¥19.90 refunded", "Note: chipped"]);
    expect(told({ status: "cancelled", reason: "cancelled by the buyer" })).toEqual([]);
  });
});

describe("errors that answer no command", () => {
  test("are trouble where they name an order", () => {
    const event = { type: "error", code: "sold_out", message: "", order: "o1" } as const;
    expect(troubleOf(event)).toEqual({ order: "o1", code: "sold_out" });
    expect(troubleOf({ ...event, id: 3 })).toBeNull();
    expect(troubleOf({ type: "error", code: "rate_limited", message: "" })).toBeNull();
  });

  test.each([
    ["sold_out", order({ status: "expired" }), "came too late and nothing was left. ¥19.90 goes back"],
    ["limit_exceeded", order({ status: "expired" }), "you have reached the limit. ¥19.90 goes back"],
    ["conflict", order({ status: "cancelled" }), "could not be used. ¥19.90 goes back"],
    ["not_found", undefined, "The money goes back"],
    ["payment_failed", order({ status: "reserved" }), "was refused. You were not charged and can pay again"],
    ["payment_failed", order({ status: "expired" }), "was refused. You were not charged."],
  ] as const)("%s is said in words", (code, about, expected) => {
    expect(troubleText({ order: "o1", code }, about, "Tea")).toContain(expected);
    setLang("zh");
    expect(troubleText({ order: "o1", code }, about, "茶")).toMatch(/[。]$/);
  });

  test("a refused payment is no trouble once the order is paid", () => {
    expect(troubleText({ order: "o1", code: "payment_failed" }, order(), "Tea")).toBeNull();
  });
});

test("what cannot be done now is to be tried again, with the time where it is known", () => {
  const event = { type: "error", code: "unavailable", message: "the store is being checked" } as const;
  expect(explain(new CommandError(event))).toContain("try again in a moment");
  expect(explain(new CommandError({ ...event, retry_after_ms: 2_500 }))).toContain("try again in 3 s");
});
