/** A room, and a client whose server is the test. */

import { type ClientOptions, RoomClient, type RoomSnapshot, type Welcome } from "@miaodan/client";
import { expect, vi } from "vitest";
import { FakeSocket } from "./fake-socket.js";

export const SNAPSHOT: RoomSnapshot = {
  id: "r1",
  title: "Tea",
  status: "live",
  currency: "CNY",
  hosts: ["h1"],
  announcement: null,
  products: [
    {
      sku: "tea",
      title: "Tea",
      price: 990,
      image: null,
      list_price: null,
      per_user_limit: null,
      available: 5,
      pinned: false,
      position: 0,
      total: 5,
    },
  ],
  sales: [],
  online: 1,
  likes: 0,
};

/** Recovered means without a snapshot. */
export function welcome(changes: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    session: "s",
    user: { id: "u1", name: "Ann", role: "viewer" },
    epoch: "e1",
    seq: 10,
    server_time: 1_000_000,
    heartbeat_ms: 25_000,
    recovered: false,
    ...(changes.recovered ? {} : { room: SNAPSHOT }),
    orders: [],
    ...changes,
  };
}

export function make(changes: Partial<ClientOptions> = {}): RoomClient {
  return new RoomClient({
    url: "ws://test/ws/live/r1",
    token: "t0ken",
    backoff: { random: () => 0.5 },
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    localNow: () => Date.now(),
    ...changes,
  });
}

/** A client that was welcomed. */
export async function opened(changes: Partial<ClientOptions> = {}, event: Welcome = welcome()): Promise<RoomClient> {
  const client = make(changes);
  client.connect();
  await vi.advanceTimersByTimeAsync(0);
  FakeSocket.last.open();
  FakeSocket.last.say(event);
  return client;
}

/** The next socket after a loss, opened and welcomed as recovered. */
export async function comeBack(event: Welcome): Promise<void> {
  const before = FakeSocket.all.length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(FakeSocket.all.length).toBe(before + 1);
  FakeSocket.last.open();
  FakeSocket.last.say(event);
}
