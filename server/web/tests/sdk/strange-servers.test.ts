/** Servers that say what the contract does not allow: nothing breaks, nothing untrue is shown. */

import type { Event } from "@miaodan/client";
import { applyEvent } from "@miaodan/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeSocket } from "./fake-socket.js";
import { make, opened, SNAPSHOT, welcome } from "./scene.js";

const said = (event: unknown): Event => event as Event;
const TEA = SNAPSHOT.products[0];

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

test.each(["constructor", "toString", "valueOf", "hasOwnProperty"])("a product may be called %s", (sku) => {
  if (TEA === undefined) throw new Error("the scene has no product");
  const room = { ...SNAPSHOT, products: [TEA, { ...TEA, sku }] };
  const next = applyEvent(room, { type: "room.state", server_time: 0, stock: { tea: 3 }, total: { tea: 5 } });
  expect(next.products.map((product) => product.available)).toEqual([3, 5]);
  const told = applyEvent(room, { type: "room.state", server_time: 0, stock: { [sku]: 1 } });
  expect(told.products.map((product) => product.available)).toEqual([5, 1]);
});

describe("an event of another shape", () => {
  test.each([
    ["an order that is none", { type: "order.updated", order: null }],
    ["a product that is none", { type: "product.mounted", seq: 11, product: null }],
    ["nothing at all", null],
  ])("%s: the socket is given up, and the place in the log is kept", async (_name, event) => {
    const client = await opened();
    FakeSocket.last.say(said(event));
    expect(client.status).toMatchObject({ phase: "waiting", reason: "unreadable" });
    await vi.advanceTimersByTimeAsync(20_000);
    FakeSocket.last.open();
    expect(FakeSocket.last.got("hello")[0]?.resume).toEqual({ epoch: "e1", seq: 10 });
    client.close();
  });

  test("a welcome without orders is no welcome", async () => {
    const client = make();
    client.connect();
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    FakeSocket.last.say(said({ ...welcome(), orders: undefined }));
    expect(client.status).toMatchObject({ phase: "waiting", reason: "unreadable" });
    client.close();
  });

  test("one that is named like the client's own is not heard as such", async () => {
    const client = await opened();
    const heard: unknown[] = [];
    client.on("status", (status) => heard.push(status));
    FakeSocket.last.say(said({ type: "status", phase: "closed" }));
    expect(heard).toEqual([]);
    expect(client.status.phase).toBe("open");
    client.close();
  });
});

test.each(["soon", Number.MAX_VALUE, -5, null])("an advice of %s leaves the backoff as it is", async (advised) => {
  const client = make({ backoff: { baseMs: 1_000, random: () => 1 } });
  client.connect();
  await vi.advanceTimersByTimeAsync(0);
  FakeSocket.last.open();
  FakeSocket.last.say(said({ type: "error", code: "rate_limited", message: "later", retry_after_ms: advised }));
  FakeSocket.last.drop(4003);
  await vi.advanceTimersByTimeAsync(999);
  expect(FakeSocket.all).toHaveLength(1);
  client.close();
});

test.each([2 ** 40, "often", Number.NaN])("a heartbeat of %s is no flood of pings", async (heartbeat) => {
  const client = await opened({}, said({ ...welcome(), heartbeat_ms: heartbeat }) as ReturnType<typeof welcome>);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(FakeSocket.last.got("ping").length).toBeLessThanOrEqual(5);
  client.close();
});
