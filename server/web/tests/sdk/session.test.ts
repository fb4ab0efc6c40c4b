/** What a session does besides talking: being ready, waiting, tokens, signals, hidden tabs. */

import { CloseCode, ConnectionLost, joinRoom, MiaodanError, RoomClient, SessionClosed } from "@miaodan/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeSocket } from "./fake-socket.js";
import { comeBack, make, opened, welcome } from "./scene.js";

const Fake = FakeSocket as unknown as typeof WebSocket;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("joinRoom", () => {
  test.each([
    ["https://shop.example", {}, "wss://shop.example/ws/live/a%20b"],
    ["http://shop.example:8460/", {}, "ws://shop.example:8460/ws/live/a%20b"],
    ["https://shop.example/live-server/", { control: true }, "wss://shop.example/live-server/ws/control/a%20b"],
    [new URL("wss://shop.example"), {}, "wss://shop.example/ws/live/a%20b"],
  ])("%s %j opens %s", async (server, options, url) => {
    joinRoom(server, "a b", { ...options, WebSocket: Fake });
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.last.url).toBe(url);
  });

  test("refuses what is no address, and a place without WebSockets", () => {
    expect(() => joinRoom("shop", "r")).toThrow(TypeError);
    expect(() => joinRoom("ftp://shop.example", "r")).toThrow("no http: or https:");
    vi.stubGlobal("WebSocket", undefined);
    expect(() => joinRoom("https://shop.example", "r")).toThrow("pass the option WebSocket");
    expect(() => new RoomClient({ url: "https://shop.example", WebSocket: Fake })).toThrow("no ws: or wss:");
  });

  test("an address that the WebSocket refuses ends the session and says why", async () => {
    const refusing = class {
      constructor() {
        throw new DOMException("mixed content", "SecurityError");
      }
    };
    const room = joinRoom("http://shop.example", "r", { WebSocket: refusing as unknown as typeof WebSocket });
    const ready = expect(room.ready).rejects.toThrow("the session is closed");
    await vi.advanceTimersByTimeAsync(0);
    await ready;
    expect(room.status).toMatchObject({ phase: "closed", code: null, reason: expect.stringContaining("mixed content") });
  });
});

describe("ready", () => {
  test("resolves with the first welcome, at once while open, and again after a reconnect", async () => {
    const client = await opened();
    expect(await client.ready).toBe(client);
    FakeSocket.last.drop();
    let back = false;
    void client.ready.then(() => {
      back = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(back).toBe(false);
    await comeBack(welcome({ recovered: true }));
    await vi.advanceTimersByTimeAsync(0);
    expect(back).toBe(true);
  });

  test("rejects where the session ends before, and nobody has to look at it", async () => {
    const client = make();
    client.connect();
    const ready = client.ready;
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.drop(CloseCode.NO_SUCH_ROOM, "no such room");
    await expect(ready).rejects.toEqual(new SessionClosed(4504, "no such room"));
    await expect(ready).rejects.toBeInstanceOf(MiaodanError);
    await expect(client.ready).rejects.toMatchObject({ code: 4504 });
  });

  test("can be waited for anew when a closed session is connected again", async () => {
    const client = await opened();
    client.close();
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say(welcome());
    expect(await client.ready).toBe(client);
  });
});

describe("what is said early", () => {
  test("waits for the first welcome", async () => {
    const client = make();
    client.connect();
    const said = client.say("hi");
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say(welcome());
    await vi.advanceTimersByTimeAsync(0);
    const sent = FakeSocket.last.got("danmaku.send")[0];
    expect(sent?.text).toBe("hi");
    FakeSocket.last.say({ type: "danmaku.accepted", id: sent?.id ?? 0, message: "m1" });
    expect((await said).message).toBe("m1");
  });

  test("is given up after the reply's timeout, by a signal, or with the session", async () => {
    const client = make({ replyTimeoutMs: 1_000 });
    await expect(client.say("not connected")).rejects.toBeInstanceOf(ConnectionLost);
    client.connect();
    const stop = new AbortController();
    const late = expect(client.say("late")).rejects.toBeInstanceOf(ConnectionLost);
    const stopped = expect(client.say("stopped", { signal: stop.signal })).rejects.toThrow("enough");
    stop.abort(new Error("enough"));
    await stopped;
    await vi.advanceTimersByTimeAsync(1_000);
    await late;
    const over = expect(client.say("over")).rejects.toBeInstanceOf(SessionClosed);
    client.close();
    await over;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("signals", () => {
  test("an aborted command is waited for no more, and its late reply is nobody's", async () => {
    const client = await opened();
    const stop = new AbortController();
    const said = expect(client.say("hi", { signal: stop.signal })).rejects.toMatchObject({ name: "AbortError" });
    stop.abort();
    await said;
    const id = FakeSocket.last.got("danmaku.send")[0]?.id ?? 0;
    FakeSocket.last.say({ type: "danmaku.accepted", id, message: "m1" });
    expect(client.status.phase).toBe("open");
    await expect(client.say("again", { signal: stop.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(FakeSocket.last.got("danmaku.send").length).toBe(1);
  });

  test("an aborted order is asked about on, for the sake of its outcome", async () => {
    const client = await opened();
    const stop = new AbortController();
    const placed = expect(client.order({ sku: "tea" }, { signal: stop.signal })).rejects.toMatchObject({ name: "AbortError" });
    stop.abort();
    await placed;
    FakeSocket.last.drop();
    await comeBack(welcome({ recovered: true }));
    expect(FakeSocket.last.got("order.place").length).toBe(1);
  });

  test("end the session", async () => {
    const stop = new AbortController();
    const client = await opened({ signal: stop.signal });
    stop.abort();
    expect(client.status).toEqual({ phase: "closed", code: null, reason: "aborted" });
    expect(vi.getTimerCount()).toBe(0);
    client.connect();
    expect(client.status.phase).toBe("closed");
    expect(FakeSocket.all.length).toBe(1);
  });
});

describe("events", () => {
  test("once hears one, off none, and no listener is left behind", async () => {
    const client = await opened();
    const heard: string[] = [];
    const every = (event: { count: number }): void => void heard.push(`every ${event.count}`);
    client.once("danmaku.skipped", (event) => heard.push(`once ${event.count}`));
    client.on("danmaku.skipped", every);
    client.once("danmaku.skipped", () => heard.push("never"))();
    FakeSocket.last.say({ type: "danmaku.skipped", count: 1 }, { type: "danmaku.skipped", count: 2 });
    client.off("danmaku.skipped", every);
    FakeSocket.last.say({ type: "danmaku.skipped", count: 3 });
    expect(heard).toEqual(["once 1", "every 1", "every 2"]);
    expect(client.listenerCount()).toBe(0);
  });

  test("next is the next that fits", async () => {
    const client = await opened();
    const third = client.next("danmaku.skipped", { where: (event) => event.count > 2 });
    FakeSocket.last.say({ type: "danmaku.skipped", count: 1 }, { type: "danmaku.skipped", count: 3 });
    expect((await third).count).toBe(3);
    expect(client.listenerCount()).toBe(0);
  });

  test("next gives up by time, by signal and with the session, and leaves nothing behind", async () => {
    const client = await opened();
    const stop = new AbortController();
    const outcomes = Promise.allSettled([
      client.next("muted", { timeoutMs: 500 }),
      client.next("muted", { signal: stop.signal }),
      client.next("muted"),
    ]);
    stop.abort();
    await vi.advanceTimersByTimeAsync(500);
    client.close();
    const names = (await outcomes).map((outcome) => outcome.status === "rejected" && (outcome.reason as Error).name);
    expect(names).toEqual(["ReplyTimeout", "AbortError", "SessionClosed"]);
    await expect(client.next("muted")).rejects.toBeInstanceOf(SessionClosed);
    expect(client.listenerCount()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a listener that closes the session on opening leaves no timer", async () => {
    const client = make();
    client.on("status", (status) => status.phase === "open" && client.close());
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say(welcome());
    expect(client.status.phase).toBe("closed");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("tokens", () => {
  test("a function is asked before every connection", async () => {
    let number = 0;
    const client = await opened({ token: () => Promise.resolve(`t${++number}`) });
    FakeSocket.last.drop();
    await comeBack(welcome());
    expect(FakeSocket.all.map((socket) => socket.got("hello")[0]?.token)).toEqual(["t1", "t2"]);
    client.close();
  });

  test("one that expired under way is replaced by a fresh one", async () => {
    let token = "old";
    const client = await opened({ token: () => token });
    token = "new";
    FakeSocket.last.drop(CloseCode.BAD_TOKEN, "the token has expired");
    await comeBack(welcome());
    expect(FakeSocket.last.got("hello")[0]?.token).toBe("new");
    expect(client.status.phase).toBe("open");
  });

  test("the same one again is not tried, nor one that was never good, nor a fixed one", async () => {
    const stale = await opened({ token: () => "old" });
    FakeSocket.last.drop(CloseCode.BAD_TOKEN, "the token has expired");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stale.status).toMatchObject({ phase: "closed", code: 4500 });
    const never = make({ token: () => `t${Math.random()}` });
    never.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.drop(CloseCode.BAD_TOKEN);
    expect(never.status.phase).toBe("closed");
    const fixed = await opened();
    FakeSocket.last.drop(CloseCode.BAD_TOKEN);
    expect(fixed.status.phase).toBe("closed");
  });

  test("one that cannot be fetched now is asked for again", async () => {
    let fails = true;
    const client = make({ token: () => (fails ? Promise.reject(new Error("offline")) : "t") });
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(client.status).toMatchObject({ phase: "waiting", code: null, reason: "token" });
    fails = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.all.length).toBe(1);
  });

  test("one that comes after close() and connect() opens no second socket", async () => {
    const give: ((token: string) => void)[] = [];
    const client = make({ token: () => new Promise<string>((resolve) => give.push(resolve)) });
    client.connect();
    client.close();
    client.connect();
    for (const each of give) each("t");
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(1);
  });
});

describe("a page that sleeps and wakes", () => {
  function browser(): { window: EventTarget; document: EventTarget & { visibilityState: string } } {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    vi.stubGlobal("window", window);
    vi.stubGlobal("document", document);
    return { window, document };
  }

  test("the network is back, or the tab is shown: it does not wait any longer", async () => {
    const { window, document } = browser();
    const client = await opened({ backoff: { random: () => 1, baseMs: 10_000 } });
    FakeSocket.last.drop();
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(2);
    FakeSocket.last.drop();
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(2);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(3);
    client.close();
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all.length).toBe(3);
  });

  test("an open socket is asked for a sign of life, and given up where none comes", async () => {
    const { window } = browser();
    const client = await opened({ aliveTimeoutMs: 3_000 });
    await vi.advanceTimersByTimeAsync(600);
    FakeSocket.last.say({ type: "danmaku.skipped", count: 1 });
    const before = FakeSocket.last.got("ping").length;
    window.dispatchEvent(new Event("online"));
    expect(FakeSocket.last.got("ping").length).toBe(before + 1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(client.status).toMatchObject({ phase: "waiting", code: null, reason: "silent" });
  });

  test("where timers are held back, messages keep the heartbeat", async () => {
    const client = await opened();
    await vi.advanceTimersByTimeAsync(600);
    const before = FakeSocket.last.got("ping").length;
    vi.setSystemTime(Date.now() + 26_000); // the clock went on, no timer ran
    FakeSocket.last.say({ type: "danmaku.skipped", count: 1 });
    FakeSocket.last.say({ type: "danmaku.skipped", count: 1 });
    expect(FakeSocket.last.got("ping").length).toBe(before + 1);
    client.close();
  });
});

describe("advice", () => {
  test("that is longer than a timer can hold is not taken for now", async () => {
    const client = make();
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "error", code: "unavailable", message: "later", retry_after_ms: 2 ** 40 });
    FakeSocket.last.drop(4003);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all.length).toBe(1);
    client.close();
  });
});
