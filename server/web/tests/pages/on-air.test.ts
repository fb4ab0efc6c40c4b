import { expect, test } from "vitest";
import { airTime, onAirAfter } from "../../src/pages/console/on-air.js";
import { rowsOf } from "../../src/pages/console/ProductBars.js";
import { nextRoomId } from "../../src/pages/console/Summary.js";

test("a start that was seen is when the room went on air, through pauses, until its end", () => {
  const started = onAirAfter(null, "live", "scheduled", 1_000);
  expect(started).toEqual({ at: 1_000, seen: true });
  expect(onAirAfter(started, "paused", "live", 5_000)).toBe(started);
  expect(onAirAfter(started, "live", "paused", 9_000)).toBe(started);
  expect(onAirAfter(started, "ended", "live", 9_000)).toBeNull();
});

test("a desk that came later counts from when it came, and says so", () => {
  expect(onAirAfter(null, "live", null, 7_000)).toEqual({ at: 7_000, seen: false });
  expect(onAirAfter(null, "scheduled", null, 7_000)).toBeNull();
});

test.each([
  [0, "00:00"],
  [61_999, "01:01"],
  [3_599_000, "59:59"],
  [3_723_000, "1:02:03"],
  [-5, "00:00"],
])("%d ms on air is %s", (ms, text) => {
  expect(airTime(ms)).toBe(text);
});

test.each([
  ["demo", "demo-2"],
  ["demo-2", "demo-3"],
  ["tea-9", "tea-10"],
  ["-7", "-7-2"],
  ["x".repeat(64), `${"x".repeat(62)}-2`],
])("after %s comes %s", (id, next) => {
  expect(nextRoomId(id)).toBe(next);
});

test("a product's bar, and one for its sale that runs", () => {
  const product = (sku: string, position: number, available: number) => ({
    sku,
    title: sku.toUpperCase(),
    image: null,
    price: 100,
    list_price: null,
    per_user_limit: null,
    available,
    total: 10,
    pinned: false,
    position,
  });
  const sale = (id: string, phase: "open" | "ended") => ({
    sale: id,
    sku: "a",
    price: 50,
    starts_at: 0,
    ends_at: 1_000,
    phase,
    available: 4,
    total: 7,
    stock: 7,
    per_user_limit: null,
  });
  const dashboard = {
    type: "dashboard" as const,
    online: 0,
    peak_online: 0,
    danmaku_rate: 0,
    orders: { reserved: 0, paid: 0, refunded: 0 },
    revenue: 0,
    products: { a: { sold: 3, held: 1, available: 6 }, s1: { sold: 2, held: 1, available: 4 } },
  };
  const rows = rowsOf(dashboard, [product("b", 1, 9), product("a", 0, 6)], [sale("s1", "open"), sale("s0", "ended")], 500);
  expect(rows.map((row) => [row.key, row.sale, row.sold, row.held, row.left])).toEqual([
    ["a", false, 3, 1, 6],
    ["s1", true, 2, 1, 4],
    ["b", false, 0, 0, 9],
  ]);
});
