import { applyEvent, type Product, type RoomSnapshot, type Sale, saleWindow, shelfOrder } from "@miaodan/client";
import { describe, expect, test } from "vitest";

function product(sku: string, changes: Partial<Product> = {}): Product {
  return {
    sku,
    title: sku,
    price: 100,
    image: null,
    list_price: null,
    per_user_limit: null,
    available: 3,
    pinned: false,
    position: 0,
    total: 3,
    ...changes,
  };
}

const SALE: Sale = {
  sale: "s1",
  sku: "a",
  price: 50,
  starts_at: 1_000,
  ends_at: 2_000,
  phase: "scheduled",
  available: 2,
  per_user_limit: 1,
  total: 2,
  stock: 2,
};

const ROOM: RoomSnapshot = {
  id: "r",
  title: "R",
  status: "live",
  currency: "CNY",
  hosts: [],
  announcement: "old",
  products: [product("a"), product("b", { position: 1, pinned: true })],
  sales: [SALE],
  online: 0,
  likes: 0,
};

describe("applyEvent", () => {
  test("an empty announcement takes it down, an absent one leaves it", () => {
    expect(applyEvent(ROOM, { type: "room.updated", seq: 1, announcement: "" }).announcement).toBeNull();
    expect(applyEvent(ROOM, { type: "room.updated", seq: 1, status: "ended" })).toMatchObject({
      announcement: "old",
      status: "ended",
    });
  });

  test("one product is pinned at a time", () => {
    const pinned = applyEvent(ROOM, { type: "product.pinned", seq: 1, sku: "a" });
    expect(pinned.products.map((item) => item.pinned)).toEqual([true, false]);
    expect(applyEvent(pinned, { type: "product.pinned", seq: 2, sku: null }).products.some((item) => item.pinned)).toBe(false);
  });

  test("an updated product keeps the stock the state lane told", () => {
    const stocked = applyEvent(ROOM, { type: "room.state", server_time: 1, stock: { a: 9 } });
    const updated = applyEvent(stocked, { type: "product.updated", seq: 1, product: product("a", { price: 80, available: 3 }) });
    expect(updated.products[0]).toMatchObject({ price: 80, available: 9 });
  });

  test("so does what there is in all, and a product keeps it too", () => {
    const told = applyEvent(ROOM, { type: "room.state", server_time: 1, total: { a: 12, s1: 4 } });
    expect(told.products.find((item) => item.sku === "a")).toMatchObject({ available: 3, total: 12 });
    expect(told.sales[0]).toMatchObject({ available: 2, total: 4 });
    const updated = applyEvent(told, { type: "product.updated", seq: 1, product: product("a", { price: 80 }) });
    expect(updated.products.find((item) => item.sku === "a")).toMatchObject({ price: 80, total: 12 });
  });

  test("stock goes to products and sales by their ids", () => {
    const room = applyEvent(ROOM, { type: "room.state", server_time: 1, online: 7, stock: { b: 0, s1: 1 } });
    expect(room.products.map((item) => item.available)).toEqual([3, 0]);
    expect(room.sales[0]?.available).toBe(1);
    expect(room).toMatchObject({ online: 7, likes: 0 });
  });

  test("the shelf is mounted, sorted and unmounted", () => {
    const mounted = applyEvent(ROOM, { type: "product.mounted", seq: 1, product: product("c", { position: 2 }) });
    const sorted = applyEvent(mounted, { type: "product.sorted", seq: 2, skus: ["c", "b", "a"] });
    expect(shelfOrder(sorted.products).map((item) => item.sku)).toEqual(["c", "b", "a"]);
    const left = applyEvent(sorted, { type: "product.unmounted", seq: 3, sku: "b" });
    expect(shelfOrder(left.products).map((item) => item.sku)).toEqual(["c", "a"]);
  });

  test("a sale goes through its phases", () => {
    const phases = [
      applyEvent(ROOM, { type: "sale.started", seq: 1, sale: "s1" }),
      applyEvent(ROOM, { type: "sale.sold_out", seq: 1, sale: "s1" }),
      applyEvent(ROOM, { type: "sale.ended", seq: 1, sale: "s1", reason: "time" }),
      applyEvent(ROOM, { type: "sale.ended", seq: 1, sale: "s1", reason: "cancelled" }),
    ].map((room) => room.sales[0]?.phase);
    expect(phases).toEqual(["open", "sold_out", "ended", "cancelled"]);
  });

  test("the room that went in is left as it was", () => {
    const before = structuredClone(ROOM);
    applyEvent(ROOM, { type: "product.sorted", seq: 1, skus: ["b", "a"] });
    applyEvent(ROOM, { type: "room.state", server_time: 1, stock: { a: 0 } });
    expect(ROOM).toEqual(before);
  });
});

describe("saleWindow", () => {
  test("opens and closes by the server's time", () => {
    expect(saleWindow(SALE, 999)).toBe("before");
    expect(saleWindow(SALE, 1_000)).toBe("open");
    expect(saleWindow(SALE, 2_000)).toBe("over");
  });

  test("units that come back sell again while the window lasts", () => {
    expect(saleWindow({ ...SALE, phase: "sold_out", available: 0 }, 1_500)).toBe("sold_out");
    expect(saleWindow({ ...SALE, phase: "sold_out", available: 1 }, 1_500)).toBe("open");
  });

  test("a cancelled sale is over whatever the time", () => {
    expect(saleWindow({ ...SALE, phase: "cancelled" }, 0)).toBe("over");
  });
});
