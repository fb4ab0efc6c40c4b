import { describe, expect, it } from "vitest";
import { Bounded } from "../../src/pages/live/stage/bounded.js";
import { OthersShare } from "../../src/pages/live/stage/hearts.js";
import { parseViewing } from "../../src/pages/live/stage/viewing.js";
import { longTime } from "../../src/pages/shared/format.js";

describe("others' hearts", () => {
  it("are few at once and per second, however many likes came", () => {
    const share = new OthersShare();
    expect(share.take(2, 0)).toBe(2);
    expect(share.take(1_000, 0)).toBe(2);
    expect(share.take(1_000, 0)).toBe(0);
    expect(share.take(1_000, 1_000)).toBe(4);
    expect(share.take(1, 60_000)).toBe(1);
    expect(share.take(-5, 60_000)).toBe(0);
  });
});

describe("the sprites' cache", () => {
  it("lets go of what was used longest ago", () => {
    const cache = new Bounded<string, number>(2);
    cache.set("a", 1);
    cache.set("b", 2);
    expect(cache.get("a")).toBe(1);
    cache.set("c", 3);
    expect(cache.get("b")).toBeUndefined();
    expect(cache.get("a")).toBe(1);
    expect(cache.size).toBe(2);
  });
});

describe("what is remembered of how somebody watches", () => {
  it.each([
    [null, { danmaku: true, opacity: 1 }],
    ["not json", { danmaku: true, opacity: 1 }],
    ["null", { danmaku: true, opacity: 1 }],
    ['{"danmaku":false,"opacity":0.5}', { danmaku: false, opacity: 0.5 }],
    ['{"danmaku":"no","opacity":0}', { danmaku: true, opacity: 1 }],
    ['{"opacity":7}', { danmaku: true, opacity: 1 }],
  ])("%s", (stored, viewing) => {
    expect(parseViewing(stored)).toEqual(viewing);
  });
});

it("a far countdown reads in hours", () => {
  expect(longTime(-5)).toBe("00:00:00");
  expect(longTime(59_001)).toBe("00:01:00");
  expect(longTime(2 * 86_400_000 + 61_000)).toBe("48:01:01");
});
