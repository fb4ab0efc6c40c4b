import type { Danmaku } from "@miaodan/client";
import { expect, test } from "vitest";
import { bought } from "../../src/pages/live/buying.js";
import { ChatLog } from "../../src/pages/shared/chat.js";

const line = (message: string): Danmaku => ({
  type: "danmaku",
  message,
  user: { id: "u", name: "U", role: "viewer" },
  text: message,
  at: 0,
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
