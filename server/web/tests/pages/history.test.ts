import type { Dashboard } from "@miaodan/client";
import { describe, expect, test } from "vitest";
import { GAP_MS, History, range } from "../../src/pages/console/history.js";

function board(changes: Partial<Dashboard> = {}): Dashboard {
  return {
    type: "dashboard",
    online: 1,
    peak_online: 1,
    danmaku_rate: 0,
    orders: { reserved: 0, paid: 0, refunded: 0 },
    revenue: 0,
    products: {},
    ...changes,
  };
}

const paid = (count: number, refunded = 0): Partial<Dashboard> => ({
  orders: { reserved: 0, paid: count, refunded },
});

describe("what the charts draw", () => {
  test("each second's figures, in their order", () => {
    const history = new History();
    history.add(board({ online: 3, danmaku_rate: 2, revenue: 100 }), 1_000);
    history.add(board({ online: 5, danmaku_rate: 4, revenue: 250 }), 2_000);
    const { times, values } = history.read(120_000, 2_000);
    expect(times).toEqual([1, 2]);
    expect(values.online).toEqual([3, 5]);
    expect(values.danmaku).toEqual([2, 4]);
    expect(values.revenue).toEqual([100, 250]);
  });

  test("orders a second are what was paid since the last second, and a refund is no order", () => {
    const history = new History();
    history.add(board(paid(10)), 1_000);
    history.add(board(paid(13)), 2_000);
    history.add(board(paid(14)), 4_000);
    history.add(board(paid(12, 2)), 5_000);
    expect(history.read(120_000, 5_000).values.orders).toEqual([0, 3, 0.5, 0]);
  });

  test("what was not seen is a hole, and the orders in it are no spike", () => {
    const history = new History();
    history.add(board(paid(1)), 1_000);
    history.add(board(paid(500)), 1_000 + GAP_MS + 1_000);
    const { times, values } = history.read(120_000, 10_000);
    expect(times).toEqual([1, 1.001, 6]);
    expect(values.online).toEqual([1, null, 1]);
    expect(values.orders).toEqual([0, null, 0]);
  });

  test("only the window is read", () => {
    const history = new History();
    for (let second = 1; second <= 300; second++) history.add(board({ online: second }), second * 1_000);
    expect(history.read(120_000, 300_000).values.online).toEqual(Array.from({ length: 121 }, (_, index) => 180 + index));
  });

  test("a long window is drawn in fewer steps: rates are averaged, sums are kept", () => {
    const history = new History();
    for (let second = 0; second < 600; second++) {
      history.add(board({ danmaku_rate: second % 2 === 0 ? 0 : 10, revenue: second }), second * 1_000);
    }
    const { times, values } = history.read(600_000, 599_000, 60);
    expect(times).toHaveLength(60);
    expect(values.danmaku.every((value) => value === 5)).toBe(true);
    expect(values.revenue.slice(0, 3)).toEqual([9, 19, 29]);
  });

  test("the ring forgets the oldest", () => {
    const history = new History();
    for (let second = 1; second <= 5_000; second++) history.add(board({ online: second }), second * 1_000);
    const { values } = history.read(3_600_000, 5_000_000, 10_000);
    expect(history.length).toBe(3_700);
    expect(values.online[0]).toBe(1_400);
    expect(values.online.at(-1)).toBe(5_000);
  });

  test("a figure that is not later than the last changes nothing", () => {
    const history = new History();
    history.add(board({ online: 1 }), 2_000);
    history.add(board({ online: 9 }), 2_000);
    history.add(board({ online: 9 }), 1_000);
    expect(history.read(120_000, 3_000).values.online).toEqual([1]);
  });
});

test("a column in words", () => {
  expect(range([3, null, 9, 4])).toEqual({ last: 4, min: 3, max: 9 });
  expect(range([5, null])).toEqual({ last: 5, min: 5, max: 5 });
  expect(range([null])).toBeNull();
  expect(range([])).toBeNull();
});
