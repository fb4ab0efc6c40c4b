import { describe, expect, it } from "vitest";
import { Recovery, StallWatch, wayToPlay } from "../../src/pages/live/stage/video-source.js";

describe("which way a stream is played", () => {
  it.each([
    ["https://cdn.example/a/live.m3u8", false, "hls"],
    ["https://cdn.example/a/live.m3u8?token=x.mp4", false, "hls"],
    ["https://cdn.example/a/LIVE.M3U8#t=1", true, "native"],
    ["/streams/tea.m3u8", false, "hls"],
    ["https://cdn.example/clip.mp4", false, "native"],
    ["http://cdn.example/clip.webm?x=1", true, "native"],
    ["https://cdn.example/page.html", false, "none"],
    ["https://cdn.example/page?file=.m3u8", false, "none"],
    ["data:image/png;base64,xx.mp4", false, "none"],
    ["javascript:alert(1)//.m3u8", false, "none"],
    ["", false, "none"],
    [null, false, "none"],
    [undefined, true, "none"],
  ] as const)("%s, native HLS %s: %s", (url, native, way) => {
    expect(wayToPlay(url, native)).toBe(way);
  });
});

describe("recovery", () => {
  it("mends a media error once, and starts again when that did not help", () => {
    const recovery = new Recovery(() => 1);
    expect(recovery.onTrouble("media", 0)).toEqual({ do: "mend", inMs: 0 });
    expect(recovery.onTrouble("media", 1_000)).toEqual({ do: "restart", inMs: 1_000 });
    expect(recovery.onTrouble("media", 60_000)).toEqual({ do: "mend", inMs: 0 });
  });

  it("waits ever longer for the network, up to a bound, and at least half of it", () => {
    const most = new Recovery(() => 1);
    expect([0, 1, 2, 3, 4, 5, 6].map((now) => most.onTrouble("network", now).inMs)).toEqual([
      1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
    ]);
    expect(new Recovery(() => 0).onTrouble("network", 0).inMs).toBe(500);
  });

  it("forgets the past once it played for a while", () => {
    const recovery = new Recovery(() => 1);
    for (let index = 0; index < 6; index++) recovery.onTrouble("network", index);
    recovery.onProgress(1_000);
    recovery.onProgress(5_000);
    expect(recovery.onTrouble("network", 6_000).inMs).toBe(15_000);
    recovery.onProgress(7_000);
    recovery.onProgress(17_500);
    expect(recovery.onTrouble("network", 18_000).inMs).toBe(1_000);
  });
});

describe("stalls", () => {
  it("tells waiting from stalled by how long the position stands", () => {
    const watch = new StallWatch(0);
    expect(watch.look(1, false, 0)).toBe("playing");
    expect(watch.look(1, false, 500)).toBe("playing");
    expect(watch.look(1, false, 2_000)).toBe("waiting");
    expect(watch.look(1, false, 9_500)).toBe("stalled");
    expect(watch.look(1.2, false, 9_600)).toBe("playing");
  });

  it("expects nothing of a hidden page", () => {
    const watch = new StallWatch(0);
    watch.look(1, false, 0);
    expect(watch.look(1, true, 60_000)).toBe("playing");
    expect(watch.look(1, false, 60_500)).toBe("playing");
  });
});
