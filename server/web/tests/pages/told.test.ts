import { CommandError, ConnectionLost, type Order, ReplyTimeout, SessionClosed } from "@miaodan/client";
import { beforeEach, describe, expect, test } from "vitest";
import { type Attempt, bought, type Refusal, refused } from "../../src/pages/live/buying.js";
import { CHECKING_MS, type Facts, LONG_MS, orderNumber, told } from "../../src/pages/live/told.js";
import { setLang } from "../../src/pages/shared/i18n.js";

const NOW = 1_790_000_000_000;
const REQUEST = { sale: "s1", pay: true, requestId: "r1" };

const HELD: Order = {
  order: "00-0199aa3f7c5b7d2e9c41f0a6b8d3e512",
  request_id: "r1",
  sku: "tea",
  sale: "s1",
  quantity: 1,
  amount: 23_940,
  currency: "CNY",
  status: "reserved",
  version: 1,
  reserved_at: NOW,
  expires_at: NOW + 272_000,
};

const FACTS: Facts = { order: undefined, paying: false, now: NOW, connected: true, waited: 0, limit: 1, normal: true };
const accepted: Attempt = { state: "accepted", order: HELD.order, request: REQUEST };
const facts = (changes: Partial<Facts>): Facts => ({ ...FACTS, ...changes });
const refusal = (code: Refusal, changes: Partial<Attempt & { state: "refused" }> = {}): Attempt => ({
  state: "refused",
  code,
  message: "",
  order: null,
  retryAt: null,
  request: REQUEST,
  ...changes,
});

beforeEach(() => setLang("en"));

describe("while an order is under way", () => {
  const placing: Attempt = { state: "placing", since: 0, request: REQUEST };
  test("the words change with the wait, and then promise that nothing is charged twice", () => {
    expect(told(placing, FACTS)).toMatchObject({ tone: "busy", title: "Ordering…", help: null });
    expect(told(placing, facts({ waited: LONG_MS })).title).toContain("Still ordering");
    expect(told(placing, facts({ waited: CHECKING_MS })).help).toContain("twice");
  });

  test("a lost network is said, and that the result will be found out", () => {
    const offline = told(placing, facts({ connected: false }));
    expect(offline.title).toContain("Network lost");
    expect(offline.help).toContain("as soon as you are back");
  });
});

describe("an order that was taken", () => {
  test("paid: how much, its number, and the way to the orders", () => {
    const paid = told(accepted, facts({ order: { ...HELD, status: "paid" } }));
    expect(paid).toMatchObject({ tone: "good", status: "paid", title: "Paid ¥239.40", steps: ["orders"] });
    expect(paid.help).toContain(orderNumber(HELD.order));
  });

  test("held: how long, and a way to pay", () => {
    const held = told(accepted, facts({ order: HELD }));
    expect(held).toMatchObject({ status: "reserved", title: "Reserved. Pay within 4:32", steps: ["pay", "orders"] });
    expect(held.until).toBe(HELD.expires_at);
    expect(told(accepted, facts({ order: HELD, now: HELD.expires_at })).steps).toEqual(["orders"]);
  });

  test("being paid: the answer comes by itself, and there is nothing to pay again", () => {
    expect(told(accepted, facts({ order: HELD, paying: true }))).toMatchObject({
      tone: "busy",
      status: "paying",
      steps: ["orders"],
    });
  });

  test("expired", () => {
    expect(told(accepted, facts({ order: { ...HELD, status: "expired" } })).help).toContain("Nothing was charged");
  });
});

describe("a refusal", () => {
  test.each([
    ["sold_out", "Sold out", ["normal", "again"]],
    ["limit_exceeded", "Only one per person: you have it", ["orders", "normal"]],
    ["not_open", "not opened yet", ["again"]],
    ["sale_ended", "The flash sale is over", ["normal"]],
    ["payment_failed", "Your payment was refused", ["again"]],
    ["rate_limited", "too fast", ["again"]],
    ["unavailable", "very busy", ["again"]],
    ["unknown_outcome", "do not know", ["check", "orders"]],
    ["timeout", "do not know", ["check", "orders"]],
    ["not_found", "taken down", []],
    ["forbidden", "sign in", []],
    ["closed", "left the room", ["orders"]],
    ["conflict", "did not work", ["orders", "again"]],
    ["other", "did not work", ["orders", "again"]],
  ] as const)("%s is said in words, with what can be done", (code, words, steps) => {
    const said = told(refusal(code), FACTS);
    expect(said).toMatchObject({ tone: "bad", status: code, steps });
    expect(said.title).toContain(words);
    expect(said.help).not.toBeNull();
    setLang("zh");
    expect(told(refusal(code), FACTS).title).toMatch(/[\u4e00-\u9fff]/);
  });

  test("the normal price is named only where there is one", () => {
    expect(told(refusal("sold_out"), facts({ normal: false })).steps).toEqual(["again"]);
  });

  test("of a larger limit speaks of as many as are allowed", () => {
    expect(told(refusal("limit_exceeded"), facts({ limit: 3 })).title).toContain("as many as one person may have");
  });

  test("that asks to wait counts down and offers the button only then", () => {
    const wait = refusal("rate_limited", { retryAt: NOW + 2_500 });
    expect(told(wait, FACTS)).toMatchObject({ help: "Nothing was charged. Try again in 3 s.", steps: [], until: NOW + 2_500 });
    expect(told(wait, facts({ now: NOW + 2_500 }))).toMatchObject({ steps: ["again"], until: null });
  });

  test("of the payment leaves a hold that can be paid", () => {
    const said = told(refusal("payment_failed", { order: HELD.order }), facts({ order: HELD }));
    expect(said.steps).toEqual(["pay", "orders"]);
    expect(said.help).toContain("pay within 4:32");
    const over = told(refusal("payment_failed", { order: HELD.order }), facts({ order: { ...HELD, status: "expired" } }));
    expect(over.steps).toEqual(["again"]);
  });
});

describe("what an order was rejected with", () => {
  test("the server's word is kept, with its time to wait on the server's clock", () => {
    const error = new CommandError({ type: "error", code: "rate_limited", message: "slow", retry_after_ms: 900, order: "o1" });
    expect(refused(error, REQUEST, NOW)).toMatchObject({ code: "rate_limited", order: "o1", retryAt: NOW + 900 });
  });

  test.each([
    [new ReplyTimeout("order.place"), "timeout"],
    [new ConnectionLost("order.pay"), "timeout"],
    [new SessionClosed(4_502), "closed"],
    [new Error("?"), "other"],
  ] as const)("%s", (error, code) => {
    expect(refused(error, REQUEST, NOW)).toMatchObject({ state: "refused", code, retryAt: null });
  });
});

test("units count by sale or sku, unless the order came to nothing", () => {
  const orders = [HELD, { ...HELD, status: "cancelled" as const }, { ...HELD, sale: null, quantity: 2 }];
  expect(bought(orders, "s1")).toBe(1);
  expect(bought(orders, "tea")).toBe(2);
});
