import { type Event, type Order, RoomClient } from "@miaodan/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { order as anOrder } from "../an-order.js";
import { FakeSocket } from "./fake-socket.js";

const order = (changes: Partial<Order> = {}): Order => anOrder({ status: "reserved", version: 1, ...changes });

function welcome(orders: Order[] = []): Event {
  return {
    type: "welcome",
    session: "s",
    user: { id: "u1", name: "Ann", role: "viewer" },
    epoch: "e1",
    seq: 0,
    server_time: 0,
    heartbeat_ms: 25_000,
    recovered: false,
    orders,
  };
}

async function opened(orders: Order[] = []): Promise<RoomClient> {
  const client = new RoomClient({
    url: "ws://test/ws/live/r1",
    backoff: { random: () => 0.5 },
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    localNow: () => Date.now(),
  });
  client.connect();
  await vi.advanceTimersByTimeAsync(0);
  FakeSocket.last.open();
  FakeSocket.last.say(welcome(orders));
  return client;
}

function accept(type: "order.place" | "order.pay" | "order.get", told: Order): void {
  const id = FakeSocket.last.got(type).at(-1)?.id ?? 0;
  FakeSocket.last.say({ type: "order.accepted", id, order: told, replayed: false });
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a payment that the provider has not decided", () => {
  test("is under way after one tap, until the order is paid", async () => {
    const client = await opened();
    void client.order({ sku: "tea", pay: true });
    accept("order.place", order());
    expect(client.paying(order())).toBe(true);
    const paid = order({ status: "paid", version: 2 });
    FakeSocket.last.say({ type: "order.updated", order: paid });
    expect(client.paying(paid)).toBe(false);
  });

  test("is none where the order was only reserved, or looked at", async () => {
    const client = await opened();
    void client.order({ sku: "tea" });
    accept("order.place", order());
    void client.request({ type: "order.get", order: "o1" });
    accept("order.get", order());
    expect(client.paying(order())).toBe(false);
  });

  test("ends with the error that tells of it, also in the batch of the reply", async () => {
    const client = await opened([order()]);
    const told: string[] = [];
    client.on("error", (event) => told.push(`${event.id ?? "no id"} ${event.order ?? ""} ${event.code}`));
    void client.request({ type: "order.pay", order: "o1" });
    FakeSocket.last.say(
      { type: "order.accepted", id: FakeSocket.last.got("order.pay")[0]?.id ?? 0, order: order(), replayed: false },
      { type: "error", code: "payment_failed", message: "declined", order: "o1" },
    );
    expect(client.paying(order())).toBe(false);
    expect(told).toEqual(["no id o1 payment_failed"]);
  });

  test("of an expired order is under way too, and asked about after a reconnect", async () => {
    const expired = order({ status: "expired", version: 2 });
    const client = await opened([order()]);
    client.keep(expired);
    void client.request({ type: "order.pay", order: "o1" });
    accept("order.pay", expired);
    expect(client.paying(expired)).toBe(true);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    FakeSocket.last.open();
    FakeSocket.last.say(welcome());
    expect(FakeSocket.last.got("order.get").map((command) => command.order)).toEqual(["o1"]);
  });
});
