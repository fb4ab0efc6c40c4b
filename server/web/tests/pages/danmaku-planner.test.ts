import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DanmakuPlanner, DEFAULTS, leftEdge, type Waiting } from "../../src/pages/live/stage/danmaku-planner.js";

interface Text extends Waiting {
  width: number;
}

const text = (id: string, arrivedAt: number, more: Partial<Text> = {}): Text => ({
  id,
  sender: id,
  own: false,
  arrivedAt,
  width: 100,
  ...more,
});
const widthOf = (item: Text): number => item.width;

const arrivals = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 900 }),
    width: fc.integer({ min: 8, max: 1_600 }),
    own: fc.boolean(),
    sender: fc.integer({ min: 0, max: 5 }),
  }),
  { minLength: 1, maxLength: 80 },
);

/** Runs a screen in frames, and looks at it after each. */
function run(
  given: { afterMs: number; width: number; own: boolean; sender: number }[],
  look: (planner: DanmakuPlanner<Text>, now: number) => void,
  screen: { width: number; lanes: number; frameMs: number },
): { planner: DanmakuPlanner<Text>; flown: string[] } {
  const planner = new DanmakuPlanner<Text>(screen.width, screen.lanes);
  const flown: string[] = [];
  let at = 0;
  const due = given.map((one, index) => {
    at += one.afterMs;
    return { ...text(String(index), at), width: one.width, own: one.own, sender: `s${one.sender}` };
  });
  const end = at + 60_000;
  for (let now = 0; now <= end; now += screen.frameMs) {
    while (due[0] !== undefined && due[0].arrivedAt <= now) planner.add(due.shift() as Text);
    for (const flight of planner.launch(now, widthOf)) flown.push(flight.item.id);
    look(planner, now);
    if (due.length === 0 && planner.queued + planner.onScreen.length === 0) break;
  }
  return { planner, flown };
}

const screens = fc.record({
  width: fc.integer({ min: 200, max: 1_800 }),
  lanes: fc.integer({ min: 1, max: 8 }),
  frameMs: fc.integer({ min: 16, max: 400 }),
});

describe("the lanes", () => {
  it("no two texts in a lane ever touch, whatever their widths and when they come", () => {
    fc.assert(
      fc.property(arrivals, screens, (given, screen) => {
        run(
          given,
          (planner, now) => {
            const flights = [...planner.onScreen].sort((a, b) => leftEdge(a, now) - leftEdge(b, now));
            for (const lane of new Set(flights.map((flight) => flight.lane))) {
              const row = flights.filter((flight) => flight.lane === lane);
              for (let index = 1; index < row.length; index++) {
                const ahead = row[index - 1];
                const behind = row[index];
                if (ahead === undefined || behind === undefined) continue;
                expect(leftEdge(ahead, now) + ahead.width).toBeLessThanOrEqual(leftEdge(behind, now) + 1e-6);
              }
            }
          },
          screen,
        );
      }),
      { numRuns: 150 },
    );
  });

  it("every text is flown or counted as dropped, and all own ones are flown", () => {
    fc.assert(
      fc.property(arrivals, screens, (given, screen) => {
        const { planner, flown } = run(given, () => undefined, screen);
        const { full, sender, late, away } = planner.dropped;
        expect(planner.flown).toBe(flown.length);
        expect(planner.flown + full + sender + late + away + planner.queued).toBe(given.length);
        const own = given.flatMap((one, index) => (one.own ? [String(index)] : []));
        // A screen of one lane may still be busy with them at the end of the run.
        const expected = own.length - planner.queued;
        expect(flown.filter((id) => own.includes(id)).length).toBeGreaterThanOrEqual(Math.max(0, expected));
        expect(new Set(flown).size).toBe(flown.length);
      }),
      { numRuns: 120 },
    );
  });

  it("uses all lanes alike", () => {
    const planner = new DanmakuPlanner<Text>(400, 4);
    const used = [0, 0, 0, 0];
    for (let now = 0; now < 60_000; now += 50) {
      planner.add(text(String(now), now));
      for (const flight of planner.launch(now, widthOf)) used[flight.lane] = (used[flight.lane] ?? 0) + 1;
    }
    expect(Math.max(...used) - Math.min(...used)).toBeLessThanOrEqual(1);
    expect(Math.min(...used)).toBeGreaterThan(10);
  });

  it("goes on across a resize, and leaves lanes that are no more", () => {
    const planner = new DanmakuPlanner<Text>(400, 3);
    for (const id of ["a", "b", "c"]) planner.add(text(id, 0));
    expect(planner.launch(0, widthOf)).toHaveLength(3);
    planner.resize(800, 2);
    expect(planner.onScreen.map((flight) => flight.lane)).toEqual([0, 1]);
    // On the wider screen it flies faster: too soon, and it would catch up with the one ahead.
    planner.add(text("d", 10));
    expect(planner.launch(10, widthOf)).toEqual([]);
    planner.add(text("e", 2_000));
    expect(planner.launch(2_000, widthOf)[0]?.startX).toBe(800);
  });
});

describe("the queue", () => {
  const full = (): DanmakuPlanner<Text> => {
    const planner = new DanmakuPlanner<Text>(300, 1, { queue: 5, perSender: 2 });
    planner.add(text("first", 0));
    planner.launch(0, widthOf);
    return planner;
  };

  it("drops the oldest when it is full", () => {
    const planner = full();
    for (let index = 0; index < 8; index++) planner.add(text(`t${index}`, 1));
    expect(planner.queued).toBe(5);
    expect(planner.dropped).toEqual({ full: 3, sender: 0, late: 0, away: 0 });
  });

  it("gives one sender their share and no more", () => {
    const planner = full();
    for (let index = 0; index < 6; index++) planner.add(text(`t${index}`, 1, { sender: "loud" }));
    planner.add(text("quiet", 1));
    expect(planner.queued).toBe(3);
    expect(planner.dropped.sender).toBe(4);
  });

  it("lets the visitor's own go first, and never drops it for others", () => {
    const planner = full();
    planner.add(text("other", 1));
    planner.add(text("mine", 1, { own: true }));
    for (let index = 0; index < 20; index++) planner.add(text(`t${index}`, 1));
    const next = planner.launch(DEFAULTS.crossingMs, widthOf);
    expect(next[0]?.item.id).toBe("mine");
  });

  it("does not show what waited too long, nor what came while nobody looked", () => {
    const planner = full();
    planner.add(text("old", 1));
    planner.launch(DEFAULTS.patienceMs + 2, widthOf);
    expect(planner.dropped.late).toBe(1);
    planner.add(text("unseen", 2));
    planner.away();
    expect(planner.queued).toBe(0);
    expect(planner.dropped.away).toBe(1);
  });

  it("takes a recalled text off the screen at once, and leaves its place empty", () => {
    const planner = new DanmakuPlanner<Text>(300, 1);
    planner.add(text("bad", 0));
    planner.add(text("next", 0));
    planner.launch(0, widthOf);
    expect(planner.recall("bad")).toBe(true);
    expect(planner.onScreen).toHaveLength(0);
    expect(planner.launch(1, widthOf)).toHaveLength(0);
    expect(planner.recall("next")).toBe(true);
    expect(planner.recall("next")).toBe(false);
    expect(planner.queued).toBe(0);
  });

  it("starts so many at a time as the drawing can take", () => {
    const planner = new DanmakuPlanner<Text>(300, 6);
    for (let index = 0; index < 6; index++) planner.add(text(`t${index}`, 0));
    expect(planner.launch(0, widthOf, 2)).toHaveLength(2);
    expect(planner.launch(0, widthOf, 9)).toHaveLength(4);
  });
});
