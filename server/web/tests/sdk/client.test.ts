import { CommandError, type Danmaku } from "@miaodan/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { order } from "../an-order.js";
import { FakeSocket } from "./fake-socket.js";
import { comeBack, make, opened, SNAPSHOT, welcome } from "./scene.js";

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

describe("opening", () => {
  test("hello carries the token, the address does not", async () => {
    const client = make();
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expect(FakeSocket.last.url).not.toContain("t0ken");
    expect(FakeSocket.last.protocols).toEqual(["miaodan.v1.json"]);
    expect(FakeSocket.last.sent).toEqual([{ type: "hello", token: "t0ken" }]);
    expect(client.status.phase).toBe("connecting");
  });

  test("a guest says hello without a token", async () => {
    make({ token: null }).connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([{ type: "hello" }]);
  });

  test("the welcome brings room, user and unfinished orders", async () => {
    const client = await opened({}, welcome({ orders: [order({ status: "reserved", version: 1 })] }));
    expect(client.status).toEqual({ phase: "open" });
    expect(client.room?.title).toBe("Tea");
    expect(client.user?.name).toBe("Ann");
    expect(client.orders.get("o1")?.status).toBe("reserved");
  });

  test("what was said before is known from the welcome, each once, until it is recalled", async () => {
    const line = (message: string): Danmaku => ({
      type: "danmaku",
      message,
      user: { id: "u2", name: "Bo", role: "viewer" },
      text: message,
      at: 1,
    });
    const heard = vi.fn();
    const client = await opened({}, welcome({ recent: [line("a"), line("b")] }));
    client.on("danmaku", heard);
    const said = (): string[] => client.recent.map((one) => one.message);
    expect(said()).toEqual(["a", "b"]);
    FakeSocket.last.say(line("b"), line("c"), { type: "danmaku.recalled", message: "a", seq: 11 });
    expect(said()).toEqual(["b", "c"]);
    expect(heard).toHaveBeenCalledTimes(2);
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true, seq: 11 }));
    expect(said()).toEqual(["b", "c"]);
    FakeSocket.last.drop();
    await comeBack(welcome({ recent: [line("c"), line("d")] }));
    expect(said()).toEqual(["c", "d"]);
    for (let number = 0; number < 200; number++) FakeSocket.last.say(line(`m${number}`));
    expect(client.recent.length).toBe(50);
  });

  test("a server that never welcomes is given up and tried again", async () => {
    const client = make({ aliveTimeoutMs: 3_000 });
    client.connect();
    await vi.advanceTimersByTimeAsync(2_999);
    expect(client.status.phase).toBe("connecting");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.status.phase).toBe("waiting");
  });

  test("an unreadable message ends the socket, not the session", async () => {
    const client = await opened();
    FakeSocket.last.onmessage?.({ data: "{not json" });
    expect(client.status.phase).toBe("waiting");
  });
});

describe("resume", () => {
  test("comes back with epoch and the last applied seq, and applies what it missed", async () => {
    const client = await opened();
    FakeSocket.last.say({ type: "room.updated", seq: 11, announcement: "hi" });
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true, seq: 12 }));
    expect(FakeSocket.last.got("hello")[0]?.resume).toEqual({ epoch: "e1", seq: 11 });
    FakeSocket.last.say({ type: "room.updated", seq: 12, status: "paused" });
    expect(client.room).toMatchObject({ announcement: "hi", status: "paused" });
  });

  test("without recovery the snapshot is the truth, and seq goes on from it", async () => {
    const client = await opened();
    FakeSocket.last.drop();
    await comeBack(welcome({ epoch: "e2", seq: 3, room: { ...SNAPSHOT, title: "New" } }));
    FakeSocket.last.say({ type: "room.updated", seq: 4, announcement: "fresh" });
    expect(client.room).toMatchObject({ title: "New", announcement: "fresh" });
  });

  test("an event seen before is not applied again", async () => {
    const client = await opened();
    FakeSocket.last.say({ type: "room.updated", seq: 11, announcement: "one" });
    FakeSocket.last.say({ type: "room.updated", seq: 11, announcement: "again" });
    expect(client.room?.announcement).toBe("one");
  });

  test("a hole in the sequence makes it resume from before the hole", async () => {
    const client = await opened();
    FakeSocket.last.say({ type: "room.updated", seq: 12, announcement: "too far" });
    expect(client.status.phase).toBe("waiting");
    expect(client.room?.announcement).toBeNull();
    await comeBack(welcome({ recovered: true, seq: 12 }));
    expect(FakeSocket.last.got("hello")[0]?.resume).toEqual({ epoch: "e1", seq: 10 });
  });
});

describe("closing", () => {
  test.each([4000, 4001, 4002, 4003, 1006, 1001])("comes back after %i", async (code) => {
    const client = await opened();
    FakeSocket.last.drop(code);
    expect(client.status).toMatchObject({ phase: "waiting", code });
    await comeBack(welcome());
    expect(client.status.phase).toBe("open");
  });

  test.each([4500, 4501, 4502, 4503, 4504, 4505, 4506])("stays away after %i", async (code) => {
    const client = await opened();
    FakeSocket.last.drop(code, "why");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(client.status).toEqual({ phase: "closed", code, reason: "why" });
    expect(FakeSocket.all.length).toBe(1);
  });

  test("waits grow with each failure, jittered, up to the cap", async () => {
    const client = make({ backoff: { random: () => 1, baseMs: 100, capMs: 350 } });
    client.connect();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(1_000);
      FakeSocket.last.drop();
      if (client.status.phase === "waiting") waits.push(client.status.delayMs);
    }
    expect(waits).toEqual([100, 200, 350, 350]);
  });

  test("retryNow skips the wait", async () => {
    const client = await opened({ backoff: { random: () => 1, baseMs: 10_000 } });
    FakeSocket.last.drop();
    client.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(2);
  });

  test("comes back when it was told to, and nobody's haste changes that", async () => {
    const client = make();
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "error", code: "rate_limited", message: "too many joins", retry_after_ms: 7_000 });
    FakeSocket.last.drop(4003);
    expect(client.status).toMatchObject({ phase: "waiting", code: 4003, delayMs: 7_250 });
    client.retryNow();
    await vi.advanceTimersByTimeAsync(7_249);
    expect(FakeSocket.all.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.all.length).toBe(2);
    FakeSocket.last.drop();
    expect(client.status).toMatchObject({ phase: "waiting", delayMs: 500 });
  });

  test("an error that answers a command delays no return", async () => {
    const client = await opened();
    FakeSocket.last.say({ type: "error", code: "rate_limited", message: "too many danmaku", retry_after_ms: 60_000 });
    FakeSocket.last.drop();
    expect(client.status).toMatchObject({ phase: "waiting", delayMs: 250 });
  });

  test("close() closes the socket and leaves no timer behind", async () => {
    const client = await opened();
    client.close();
    expect(FakeSocket.last.closedWith).toBe(1000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("heartbeats", () => {
  test("pings measure the clock: the offset is found whatever the local clock says", async () => {
    const client = await opened();
    const ahead = 5_000_000;
    await vi.advanceTimersByTimeAsync(600);
    const pings = FakeSocket.last.got("ping");
    expect(pings.length).toBe(5);
    for (const ping of pings) {
      const sent = ping.client_time ?? 0;
      FakeSocket.last.say({ type: "pong", id: ping.id ?? 0, client_time: sent, server_time: (sent + Date.now()) / 2 + ahead });
    }
    expect(client.clock.offset).toBeCloseTo(ahead, 5);
    expect(client.clock.remaining(Date.now() + ahead + 1_500)).toBeCloseTo(1_500, 5);
  });

  test("goes on pinging within the heartbeat", async () => {
    await opened();
    const answer = (): void => {
      const ping = FakeSocket.last.got("ping").at(-1);
      if (ping) FakeSocket.last.say({ type: "pong", id: ping.id ?? 0, client_time: ping.client_time ?? 0, server_time: 0 });
    };
    await vi.advanceTimersByTimeAsync(600);
    answer();
    const before = FakeSocket.last.got("ping").length;
    await vi.advanceTimersByTimeAsync(25_000);
    expect(FakeSocket.last.got("ping").length).toBeGreaterThan(before);
  });

  test("a socket that answers no ping is given up", async () => {
    const client = await opened({ aliveTimeoutMs: 4_000 });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(client.status.phase).not.toBe("open");
    expect(FakeSocket.all[0]?.closedWith).toBe(1000);
  });
});

describe("commands", () => {
  test("each has its reply by id, in whatever order they come", async () => {
    const client = await opened();
    const first = client.request({ type: "danmaku.send", text: "a" });
    const second = client.request({ type: "danmaku.send", text: "b" });
    const [a, b] = FakeSocket.last.got("danmaku.send");
    FakeSocket.last.say({ type: "danmaku.accepted", id: b?.id ?? 0, message: "m2" });
    FakeSocket.last.say({ type: "danmaku.accepted", id: a?.id ?? 0, message: "m1" });
    expect((await first).message).toBe("m1");
    expect((await second).message).toBe("m2");
  });

  test("a refusal rejects with its code", async () => {
    const client = await opened();
    const sent = client.request({ type: "danmaku.send", text: "a" });
    const id = FakeSocket.last.got("danmaku.send")[0]?.id ?? 0;
    FakeSocket.last.say({ type: "error", id, code: "muted", message: "muted", retry_after_ms: 900 });
    const error = await sent.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ code: "muted", retryAfterMs: 900 });
  });

  test("no reply in time rejects", async () => {
    const client = await opened({ replyTimeoutMs: 1_000 });
    const sent = client.request({ type: "danmaku.send", text: "a" });
    const outcome = expect(sent).rejects.toMatchObject({ name: "ReplyTimeout" });
    await vi.advanceTimersByTimeAsync(1_000);
    await outcome;
  });

  test("a lost socket rejects what waits, and what is said before it is back", async () => {
    const client = await opened();
    const sent = client.request({ type: "danmaku.send", text: "a" });
    FakeSocket.last.drop();
    await expect(sent).rejects.toMatchObject({ name: "ConnectionLost" });
    await expect(client.request({ type: "room.start" })).rejects.toMatchObject({ name: "ConnectionLost" });
  });
});

describe("orders", () => {
  test("a lost order is asked again under the same request_id and settles once", async () => {
    const client = await opened();
    const placed = client.order({ sku: "tea", pay: true });
    const first = FakeSocket.last.got("order.place")[0];
    FakeSocket.last.drop(4000);
    await comeBack(welcome({ recovered: true }));
    const again = FakeSocket.last.got("order.place")[0];
    expect(again?.request_id).toBe(first?.request_id);
    FakeSocket.last.say({ type: "order.accepted", id: again?.id ?? 0, order: order(), replayed: true });
    expect((await placed).order.status).toBe("paid");
    expect(client.orders.get("o1")?.status).toBe("paid");
  });

  test("a replayed hold that was to be paid is paid", async () => {
    const client = await opened();
    const placed = client.order({ sku: "tea", pay: true });
    FakeSocket.last.drop(4001);
    await comeBack(welcome({ recovered: true }));
    const again = FakeSocket.last.got("order.place")[0];
    FakeSocket.last.say({
      type: "order.accepted",
      id: again?.id ?? 0,
      order: order({ status: "reserved", version: 1 }),
      replayed: true,
    });
    await vi.advanceTimersByTimeAsync(0);
    const pay = FakeSocket.last.got("order.pay")[0];
    expect(pay?.order).toBe("o1");
    FakeSocket.last.say({ type: "order.accepted", id: pay?.id ?? 0, order: order(), replayed: false });
    expect((await placed).order.status).toBe("paid");
  });

  test("unknown_outcome is asked again, other refusals are final", async () => {
    const client = await opened();
    const placed = client.order({ sku: "tea" });
    const ids = (): (number | undefined)[] => FakeSocket.last.got("order.place").map((command) => command.id);
    FakeSocket.last.say({ type: "error", id: ids()[0] ?? 0, code: "unknown_outcome", message: "?" });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ids().length).toBe(2);
    FakeSocket.last.say({ type: "error", id: ids()[1] ?? 0, code: "sold_out", message: "none left" });
    await expect(placed).rejects.toMatchObject({ code: "sold_out" });
  });

  test("an order without an outcome by its deadline rejects and is not asked any more", async () => {
    const client = await opened();
    const placed = client.order({ sku: "tea" });
    const outcome = expect(placed).rejects.toMatchObject({ name: "ReplyTimeout" });
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(31_000);
    await outcome;
    FakeSocket.last.open();
    FakeSocket.last.say(welcome());
    expect(FakeSocket.last.got("order.place")).toEqual([]);
  });

  test("a final close rejects the orders that wait", async () => {
    const client = await opened();
    const placed = client.order({ sku: "tea" });
    FakeSocket.last.drop(4502);
    await expect(placed).rejects.toMatchObject({ name: "SessionClosed", code: 4502 });
  });

  test("an older version never overwrites a newer one", async () => {
    const client = await opened();
    FakeSocket.last.say({ type: "order.updated", order: order({ version: 3, status: "refunded" }) });
    FakeSocket.last.say({ type: "order.updated", order: order({ version: 2, status: "paid" }) });
    expect(client.orders.get("o1")?.status).toBe("refunded");
  });

  test("an unfinished order that a reconnect does not mention is asked about", async () => {
    const client = await opened({}, welcome({ orders: [order({ status: "reserved", version: 1 })] }));
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true, orders: [] }));
    const asked = FakeSocket.last.got("order.get")[0];
    expect(asked?.order).toBe("o1");
    FakeSocket.last.say({
      type: "order.accepted",
      id: asked?.id ?? 0,
      order: order({ status: "expired", version: 2 }),
      replayed: false,
    });
    expect(client.orders.get("o1")?.status).toBe("expired");
  });
});
