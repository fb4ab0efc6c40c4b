/** Orders beyond the plain case: doubt, refusals for now, the same request twice, many of them. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OrderBook } from "../../src/sdk/order-book.js";
import { order } from "../an-order.js";
import { FakeSocket } from "./fake-socket.js";
import { comeBack, opened, welcome } from "./scene.js";

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const placed = () => FakeSocket.last.got("order.place");
const refuse = (code: "rate_limited" | "unavailable" | "sold_out", more: { retry_after_ms?: number } = {}): void =>
  FakeSocket.last.say({ type: "error", id: placed().at(-1)?.id ?? 0, code, message: code, ...more });

describe("an order in doubt", () => {
  test.each(["rate_limited", "unavailable"] as const)("is not ended by %s", async (code) => {
    const client = await opened();
    const outcome = client.order({ sku: "tea" });
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true }));
    refuse(code, { retry_after_ms: 3_000 });
    await vi.advanceTimersByTimeAsync(2_999);
    expect(placed().length).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(placed().length).toBe(2);
    FakeSocket.last.say({ type: "order.accepted", id: placed()[1]?.id ?? 0, order: order(), replayed: true });
    expect((await outcome).replayed).toBe(true);
  });

  test("one that was never in doubt is", async () => {
    const client = await opened();
    const outcome = client.order({ sku: "tea" });
    refuse("rate_limited");
    await expect(outcome).rejects.toMatchObject({ code: "rate_limited" });
  });
});

test("an order given before the first welcome is placed with it", async () => {
  const client = await opened();
  client.close();
  client.connect();
  const outcome = client.order({ sale: "s1", quantity: 2, pay: true });
  await vi.advanceTimersByTimeAsync(0);
  FakeSocket.last.open();
  FakeSocket.last.say(welcome());
  expect(placed()).toMatchObject([{ sale: "s1", quantity: 2, pay: true }]);
  FakeSocket.last.say({ type: "order.accepted", id: placed()[0]?.id ?? 0, order: order(), replayed: false });
  await outcome;
});

test("the same request given twice has one outcome and is sent once", async () => {
  const client = await opened();
  const both = Promise.all([client.order({ sku: "tea", requestId: "q" }), client.order({ sku: "tea", requestId: "q" })]);
  expect(placed().length).toBe(1);
  FakeSocket.last.say({ type: "order.accepted", id: placed()[0]?.id ?? 0, order: order(), replayed: false });
  const [one, two] = await both;
  expect(one).toBe(two);
});

test("more orders than can wait are refused", async () => {
  const client = await opened();
  const all = Array.from({ length: 33 }, () => client.order({ sku: "tea" }).catch((error: unknown) => error));
  expect(await all[32]).toMatchObject({ code: "rate_limited" });
  expect(placed().length).toBe(32);
  client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("pay, cancel and refund say what they are asked to", async () => {
  const client = await opened();
  for (const promise of [client.pay("o1"), client.cancel("o2"), client.refund("o3", { reason: "late", amount: 5 })]) {
    promise.catch(() => undefined);
  }
  expect(FakeSocket.last.got("order.pay")).toMatchObject([{ order: "o1" }]);
  expect(FakeSocket.last.got("order.cancel")).toMatchObject([{ order: "o2" }]);
  const refund = FakeSocket.last.got("order.refund")[0];
  expect(refund).toMatchObject({ order: "o3", reason: "late", amount: 5 });
  expect(refund?.request_id).toMatch(/^[0-9a-f]{32}$/);
  client.close();
});

describe("the book of orders", () => {
  test("forgets the oldest finished one first", () => {
    const book = new OrderBook(2);
    book.keep(order({ order: "a", status: "reserved", version: 1 }));
    book.keep(order({ order: "b", status: "expired" }));
    book.keep(order({ order: "c" }));
    expect([...book.orders.keys()]).toEqual(["a", "c"]);
    book.keep(order({ order: "d" }));
    expect([...book.orders.keys()]).toEqual(["c", "d"]);
  });
});
