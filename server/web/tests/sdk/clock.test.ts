import { Backoff, median, ServerClock } from "@miaodan/client";
import { describe, expect, test } from "vitest";

describe("ServerClock", () => {
  test("the median stands against one late pong", () => {
    const clock = new ServerClock(() => 0);
    for (const late of [0, 0, 40, 0, 0]) clock.sample(100, 110 + late, 1_105);
    expect(clock.offset).toBe(1_000);
  });

  test("a slow round trip says less than a fast one", () => {
    const clock = new ServerClock(() => 0);
    clock.sample(0, 10, 1_005);
    clock.sample(0, 400, 1_390);
    clock.sample(0, 400, 1_390);
    expect(clock.offset).toBe(1_000);
  });

  test("a clock that was moved is noticed with the first pong", () => {
    const clock = new ServerClock(() => 0);
    for (let i = 0; i < 9; i++) clock.sample(0, 10, 1_005);
    clock.sample(0, 10, 61_005);
    expect(clock.offset).toBe(61_000);
  });

  test("before the first pong the welcome's time is the guess, after a reconnect the old offset", () => {
    const clock = new ServerClock(() => 500);
    clock.guess(10_000);
    expect(clock.now()).toBe(10_000);
    clock.sample(500, 500, 10_100);
    clock.restart();
    clock.guess(99_999);
    expect(clock.synchronised).toBe(false);
    expect(clock.now()).toBe(10_100);
  });

  test("median of an even count is the middle of the two", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});

describe("Backoff", () => {
  test("is uniform below a ceiling that doubles up to the cap", () => {
    const backoff = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 1 });
    expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
    expect(new Backoff({ random: () => 0 }).next()).toBe(0);
  });
});
