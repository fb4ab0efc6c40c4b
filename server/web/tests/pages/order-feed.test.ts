import type { OrderQuery, OrderRecord } from "@miaodan/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OrderFeed, PAGE } from "../../src/pages/console/order-feed.js";
import { record } from "../an-order.js";

let ledger: OrderRecord[] = [];
let asked: OrderQuery[] = [];
let away = false;
let drawn = 0;

function feed(): OrderFeed {
  return new OrderFeed(
    (query) => {
      asked.push(query);
      if (away) return Promise.reject(new Error("away"));
      const found = ledger.filter((order) => query.status === undefined || order.status === query.status);
      const from = query.cursor === undefined ? 0 : Number(query.cursor);
      const to = from + (query.limit ?? 50);
      return Promise.resolve({ orders: found.slice(from, to), cursor: to < found.length ? String(to) : null });
    },
    () => (drawn += 1),
    () => Date.now(),
  );
}

const names = (orders: readonly OrderRecord[] | null): string[] | undefined => orders?.map((order) => order.order);

beforeEach(() => {
  vi.useFakeTimers();
  ledger = [record("b"), record("a")];
  asked = [];
  away = false;
  drawn = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test("asks every few seconds while awake, and not asleep", async () => {
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(names(orders.orders)).toEqual(["b", "a"]);
  ledger = [record("c"), ...ledger];
  await vi.advanceTimersByTimeAsync(3_000);
  expect(names(orders.orders)).toEqual(["c", "b", "a"]);
  orders.sleep();
  asked = [];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("refunds that wait come first, the most urgent at the top, and are shown once", async () => {
  ledger = [
    record("later", { status: "refunding", refunding: 1, refund_due_at: 900 }),
    record("soon", { status: "refunding", refunding: 1, refund_due_at: 500 }),
    record("approved", { status: "refunding", refunding: 1 }),
    record("a"),
  ];
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(names(orders.waiting)).toEqual(["soon", "later"]);
  expect(names(orders.orders)).toEqual(["approved", "a"]);
});

test("turns pages by cursor and comes back to the newest", async () => {
  ledger = Array.from({ length: PAGE + 2 }, (_, index) => record(`o${index}`));
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect([orders.orders?.length, orders.hasOlder, orders.hasNewer]).toEqual([PAGE, true, false]);
  orders.older();
  await vi.advanceTimersByTimeAsync(0);
  expect(names(orders.orders)).toEqual([`o${PAGE}`, `o${PAGE + 1}`]);
  expect([orders.hasOlder, orders.hasNewer]).toEqual([false, true]);
  orders.newest();
  await vi.advanceTimersByTimeAsync(0);
  expect(names(orders.orders)?.[0]).toBe("o0");
});

test("a filter begins at the newest again", async () => {
  ledger = [...Array.from({ length: PAGE + 1 }, (_, index) => record(`o${index}`)), record("s", { status: "shipped" })];
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  orders.older();
  orders.show("shipped");
  await vi.advanceTimersByTimeAsync(0);
  expect(names(orders.orders)).toEqual(["s"]);
  expect(orders.hasNewer).toBe(false);
});

test("what was done keeps its row busy until the ledger has it, and is looked for soon", async () => {
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  const before = record("a");
  orders.done(before);
  await vi.advanceTimersByTimeAsync(100);
  expect(orders.settling(before)).toBe(true);
  ledger = [record("b"), record("a", { status: "shipped", version: 3 })];
  await vi.advanceTimersByTimeAsync(300);
  expect(orders.orders?.[1]?.status).toBe("shipped");
  expect(orders.settling(record("a", { version: 3 }))).toBe(false);
  asked = [];
  await vi.advanceTimersByTimeAsync(2_500);
  expect(asked).toEqual([]);
});

test("a ledger that does not catch up keeps a row busy for a while only", async () => {
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  orders.done(record("a"));
  await vi.advanceTimersByTimeAsync(9_000);
  expect(orders.settling(record("a"))).toBe(false);
});

test("a ledger that is away leaves what was shown, says so, and is asked again", async () => {
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  away = true;
  await vi.advanceTimersByTimeAsync(3_000);
  expect([orders.failed, names(orders.orders)]).toEqual([true, ["b", "a"]]);
  away = false;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(orders.failed).toBe(false);
  expect(drawn).toBeGreaterThanOrEqual(3);
});

test("what comes in while somebody looks is fresh until the page is turned", async () => {
  const orders = feed();
  orders.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect([...orders.fresh]).toEqual([]);
  ledger = [record("c"), ...ledger];
  await vi.advanceTimersByTimeAsync(3_000);
  expect([...orders.fresh]).toEqual(["c"]);
  ledger = [record("d"), ...ledger];
  await vi.advanceTimersByTimeAsync(3_000);
  expect([...orders.fresh]).toEqual(["d", "c"]);
  orders.show("paid");
  await vi.advanceTimersByTimeAsync(0);
  expect([...orders.fresh]).toEqual([]);
});
