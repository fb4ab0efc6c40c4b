import type { OrderRecord } from "@miaodan/client";
import { expect, test } from "vitest";
import { matches, type Shipping, shipAll, totals } from "../../src/pages/console/ship-all.js";
import { record } from "../an-order.js";

const order = (id: string, changes: Partial<OrderRecord> = {}): OrderRecord => record(id, { user: "Ann", ...changes });

test("each order is shipped once; a refusal is kept with its order and the next goes on", async () => {
  const sent: string[] = [];
  const told: Shipping[] = [];
  const result = await shipAll(
    ["a", "b", "c"].map((id) => order(id)),
    (one) => {
      sent.push(one.order);
      return Promise.resolve(one.order === "b" ? new Error("refunded meanwhile") : null);
    },
    (shipping) => told.push(shipping),
  );
  expect(sent).toEqual(["a", "b", "c"]);
  expect([result.done, result.of, [...result.failed]]).toEqual([2, 3, [["b", "refunded meanwhile"]]]);
  expect(told.map((shipping) => [shipping.done, shipping.failed.size])).toEqual([
    [0, 0],
    [1, 0],
    [1, 1],
    [2, 1],
  ]);
});

test("ends once nobody looks any more", async () => {
  const sent: string[] = [];
  const ship = (one: OrderRecord): Promise<null> => {
    sent.push(one.order);
    return Promise.resolve(null);
  };
  await shipAll(
    [order("a"), order("b")],
    ship,
    () => undefined,
    () => sent.length < 1,
  );
  expect(sent).toEqual(["a"]);
});

test("is found by a part of its id or of its buyer", () => {
  expect(["", "ORD", " ann ", "bob"].map((text) => matches(order("ord-1"), text))).toEqual([true, true, true, false]);
});

test("what came back to buyers, and what was never paid, is not kept", () => {
  const orders = [
    order("a"),
    order("b", { status: "shipped", refunded: 90 }),
    order("c", { status: "refunded", refunded: 990 }),
    order("d", { status: "reserved" }),
  ];
  expect(totals(orders)).toEqual({ count: 4, money: 1_890 });
});
