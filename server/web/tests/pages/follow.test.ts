import { expect, test } from "vitest";
import { Follow } from "../../src/pages/console/follow.js";

/** A box of 300 px whose end is `left` px below what is seen. */
const box = (scrollTop: number, left: number) => ({ scrollTop, clientHeight: 300, scrollHeight: scrollTop + 300 + left });

test("what comes never ends the following, however much it is", () => {
  const follow = new Follow();
  expect(follow.scrolled(box(1_000, 0), 0)).toBe(true);
  expect(follow.scrolled(box(1_000, 900), 10)).toBe(true);
  // Old lines went: the browser moved the list back by itself.
  expect(follow.scrolled(box(700, 240), 20)).toBe(true);
});

test("the reader's own scroll back ends it, be it a few pixels", () => {
  const follow = new Follow();
  follow.scrolled(box(1_000, 0), 0);
  follow.reaches(100);
  expect(follow.scrolled(box(990, 10), 120)).toBe(false);
});

test("a scroll down, or one long after, is not that", () => {
  const follow = new Follow();
  follow.scrolled(box(1_000, 0), 0);
  follow.reaches(100);
  expect(follow.scrolled(box(1_040, 200), 120)).toBe(true);
  expect(follow.scrolled(box(900, 340), 60_000)).toBe(true);
});

test("a scrollbar may be held for a while before it is pulled", () => {
  const follow = new Follow();
  follow.scrolled(box(1_000, 0), 0);
  follow.reaches(100, true);
  expect(follow.scrolled(box(800, 200), 8_000)).toBe(false);
});

test("it follows again at the end, or where the reader asks for it", () => {
  const follow = new Follow();
  const away = (): void => {
    follow.scrolled(box(1_000, 0), 0);
    follow.reaches(100);
    follow.scrolled(box(500, 500), 120);
  };
  away();
  expect(follow.scrolled(box(700, 300), 200)).toBe(false);
  expect(follow.scrolled(box(985, 15), 300)).toBe(true);
  away();
  // Still on the way back: near to the end is not at it.
  expect(follow.scrolled(box(480, 20), 200)).toBe(false);
  follow.resume();
  expect(follow.scrolled(box(480, 520), 250)).toBe(true);
});
