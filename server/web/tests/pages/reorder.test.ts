import { describe, expect, test } from "vitest";
import { Arrangement, giveWay, moved, slotOf } from "../../src/pages/console/reorder.js";

const BOXES = [0, 100, 200, 300].map((top) => ({ top, height: 100 }));

test.each([
  [0, 2, "bcad"],
  [3, 0, "dabc"],
  [1, 1, "abcd"],
  [0, 9, "bcda"],
  [2, -3, "cabd"],
])("from %i to %i is %s", (from, to, order) => {
  expect(moved([..."abcd"], from, to).join("")).toBe(order);
});

test.each([
  [0, 40, 0],
  [0, 51, 1],
  [0, 149, 1],
  [0, 151, 2],
  [0, 9_999, 3],
  [3, -51, 2],
  [3, -9_999, 0],
  [2, 0, 2],
])("row %i dragged by %i px lands at %i", (from, dy, slot) => {
  expect(slotOf(BOXES, from, dy)).toBe(slot);
});

test("a tall row passes short ones one by one", () => {
  const boxes = [
    { top: 0, height: 300 },
    { top: 300, height: 50 },
    { top: 350, height: 50 },
  ];
  expect([20, 26, 70, 76].map((dy) => slotOf(boxes, 0, dy))).toEqual([0, 1, 1, 2]);
});

test("rows between give way by the dragged row's height", () => {
  expect([0, 1, 2, 3].map((index) => giveWay(index, 1, 3, 80))).toEqual([0, 0, -80, -80]);
  expect([0, 1, 2, 3].map((index) => giveWay(index, 2, 0, 80))).toEqual([80, 80, 0, 0]);
});

describe("an order shown before the server has said so", () => {
  const abc = ["a", "b", "c"];
  const bac = ["b", "a", "c"];
  const bca = ["b", "c", "a"];

  test("stays until the server says the same", () => {
    const arrangement = new Arrangement();
    arrangement.send(abc, bac);
    expect(arrangement.shown(abc)).toEqual(bac);
    expect(arrangement.shown(bac)).toEqual(bac);
    expect(arrangement.shown(abc)).toEqual(abc);
    expect(arrangement.takeYielded()).toBe(false);
  });

  test("two in a row: the first one's echo does not take the second back", () => {
    const arrangement = new Arrangement();
    arrangement.send(abc, bac);
    arrangement.send(abc, bca);
    expect(arrangement.shown(bac)).toEqual(bca);
    expect(arrangement.shown(bca)).toEqual(bca);
  });

  test("goes when the server refused it", () => {
    const arrangement = new Arrangement();
    arrangement.send(abc, bac);
    arrangement.refused(bac);
    expect(arrangement.shown(abc)).toEqual(abc);
  });

  test.each([[["c", "b", "a"]], [["a", "b", "c", "d"]], [["a", "b"]]])("yields to another's change: %j", (theirs) => {
    const arrangement = new Arrangement();
    arrangement.send(abc, bac);
    expect(arrangement.shown(theirs)).toEqual(theirs);
    expect([arrangement.takeYielded(), arrangement.takeYielded()]).toEqual([true, false]);
    expect(arrangement.shown(abc)).toEqual(abc);
  });
});
