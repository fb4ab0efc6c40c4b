import type { Danmaku } from "@miaodan/client";
import { describe, expect, test, vi } from "vitest";
import { bought } from "../../src/pages/live/buying.js";
import { ChatLog, hear } from "../../src/pages/shared/chat.js";
import { FakeSocket } from "../sdk/fake-socket.js";
import { comeBack, opened, welcome } from "../sdk/scene.js";

const line = (message: string, at = 0): Danmaku => ({
  type: "danmaku",
  message,
  user: { id: "u", name: "U", role: "viewer" },
  text: message,
  at,
});

test("the chat list is bounded and the oldest go", () => {
  const log = new ChatLog();
  for (let index = 0; index < 500; index++) log.add(line(`m${index}`));
  expect(log.lines.length).toBe(200);
  expect(log.lines[0]?.message).toBe("m300");
});

test("a message is shown once, and not after its recall", () => {
  const log = new ChatLog();
  expect(log.add(line("m"))).toBe(true);
  expect(log.add(line("m"))).toBe(false);
  log.recall("m");
  expect(log.lines.map((shown) => shown.recalled)).toEqual([true]);
});

describe("back after a gap that nobody filled", () => {
  const MINUTE = 60_000;
  const shown = (log: ChatLog): string[] => log.lines.filter((one) => !one.recalled && !one.withdrawn).map((one) => one.message);
  /** a to e were said a second after another; the welcome comes a minute later. */
  const away = (): ChatLog => {
    const log = new ChatLog();
    for (const [index, message] of ["a", "b", "c", "d", "e"].entries()) log.add(line(message, (index + 1) * 1_000));
    return log;
  };

  test("what was recalled meanwhile is gone, what is older stays, what was said meanwhile is there once", () => {
    const log = away();
    log.cameBack([line("b", 2_000), line("d", 4_000), line("x", 4_500), line("e", 5_000), line("y", 9_000)], MINUTE);
    expect(shown(log)).toEqual(["a", "b", "d", "x", "e", "y"]);
    expect(log.lines.find((one) => one.message === "c")?.withdrawn).toBe(true);
    expect(log.total).toBe(7);
    expect(log.add(line("y", 9_000))).toBe(false);
    log.cameBack([line("d", 4_000), line("x", 4_500), line("e", 5_000), line("y", 9_000)], MINUTE);
    expect(shown(log)).toEqual(["a", "b", "d", "x", "e", "y"]);
  });

  test("a recalled line is gone also where it was the last one, or nothing that is told was known", () => {
    const last = away();
    last.cameBack([line("c", 3_000), line("d", 4_000)], MINUTE);
    expect(shown(last)).toEqual(["a", "b", "c", "d"]);
    const unknown = away();
    unknown.cameBack([line("x", 2_500), line("y", 20_000)], MINUTE);
    expect(shown(unknown)).toEqual(["a", "b", "x", "y"]);
  });

  test("one said in the same millisecond as the first that is told goes by its place", () => {
    const log = new ChatLog();
    for (const message of ["a", "b", "c"]) log.add(line(message, 1_000));
    log.cameBack([line("b", 1_000), line("d", 2_000)], MINUTE);
    expect(shown(log)).toEqual(["a", "b", "d"]);
  });

  test("what the server may not have heard yet stays, and all of it where the server knows nothing", () => {
    const log = away();
    log.cameBack([line("a", 1_000), line("b", 2_000)], 8_500);
    expect(shown(log)).toEqual(["a", "b", "d", "e"]);
    const nothing = away();
    nothing.cameBack([], MINUTE);
    expect(shown(nothing)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("who hears again of a line that was withdrawn reads it again", () => {
    const log = away();
    log.cameBack([line("a", 1_000), line("c", 3_000), line("e", 5_000)], MINUTE);
    log.cameBack([line("a", 1_000), line("b", 2_000), line("c", 3_000), line("e", 5_000)], MINUTE);
    expect(shown(log)).toEqual(["a", "b", "c", "e"]);
    expect(log.lines.length).toBe(5);
  });

  test("a page heeds the welcome that brings the room anew, and no other", async () => {
    vi.useFakeTimers();
    const told = ["a", "b", "c"].map((message, index) => line(message, 1_000 + index));
    const client = await opened({}, welcome({ recent: told, server_time: 2_000 }));
    const log = new ChatLog();
    const deaf = hear(client, log, () => undefined);
    expect(shown(log)).toEqual(["a", "b", "c"]);
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true, server_time: 60_000 }));
    expect(shown(log)).toEqual(["a", "b", "c"]);
    FakeSocket.last.drop();
    await comeBack(welcome({ recent: [line("a", 1_000), line("c", 1_002), line("d", 50_000)], server_time: 60_000 }));
    expect(shown(log)).toEqual(["a", "c", "d"]);
    FakeSocket.last.say(line("d", 50_000), line("e", 60_001));
    expect(shown(log)).toEqual(["a", "c", "d", "e"]);
    deaf();
    client.close();
    vi.useRealTimers();
  });

  test("the list stays bounded", () => {
    const log = new ChatLog();
    for (let index = 0; index < 200; index++) log.add(line(`m${index}`, index + 1));
    log.cameBack([line("m199", 200), ...Array.from({ length: 19 }, (_, index) => line(`n${index}`, 300 + index))], MINUTE);
    expect(log.lines.length).toBe(200);
    expect(log.lines.at(-1)?.message).toBe("n18");
  });
});

test("what counts against a limit is what is held or was bought", () => {
  const order = {
    order: "",
    request_id: "",
    sku: "a",
    sale: null,
    amount: 0,
    currency: "CNY",
    version: 1,
    reserved_at: 0,
    expires_at: 0,
  };
  const orders = [
    { ...order, quantity: 2, status: "paid" as const },
    { ...order, quantity: 1, status: "reserved" as const },
    { ...order, quantity: 5, status: "refunded" as const },
    { ...order, quantity: 7, status: "paid" as const, sale: "s1" },
  ];
  expect(bought(orders, "a")).toBe(3);
  expect(bought(orders, "s1")).toBe(7);
});
