/** What is true in a room, as far as this client was told: pure functions from event to state. */

import {
  type Product,
  type RoomSnapshot,
  type RoomState,
  type Sale,
  type SalePhase,
  SEQUENCED_TYPES,
  type SequencedEvent,
} from "./wire/index.js";

const SEQUENCED: ReadonlySet<string> = new Set(SEQUENCED_TYPES);

/** Whether an event has its place in the room's log (`seq`). */
export function isSequenced(event: { type: string }): event is SequencedEvent {
  return SEQUENCED.has(event.type);
}

/** The shelf in its order. */
export function shelfOrder(products: readonly Product[]): Product[] {
  return [...products].sort((a, b) => a.position - b.position || (a.sku < b.sku ? -1 : 1));
}

/** The room after one event; the room that went in is left as it was. */
export function applyEvent(room: RoomSnapshot, event: SequencedEvent | RoomState): RoomSnapshot {
  switch (event.type) {
    case "room.updated": {
      const next = { ...room };
      if (event.status != null) next.status = event.status;
      if (event.announcement != null) next.announcement = event.announcement === "" ? null : event.announcement;
      return next;
    }
    case "product.mounted":
      return { ...room, products: replace(room.products, event.product, (product) => product.sku) };
    case "product.updated": {
      // Stock is told on the state lane; the log's product may carry older numbers.
      const known = room.products.find((product) => product.sku === event.product.sku);
      const numbers = known === undefined ? {} : { available: known.available, total: known.total };
      const product = { ...event.product, ...numbers };
      return { ...room, products: replace(room.products, product, (item) => item.sku) };
    }
    case "product.pinned":
      return {
        ...room,
        products: room.products.map((product) =>
          product.pinned === (product.sku === event.sku) ? product : { ...product, pinned: !product.pinned },
        ),
      };
    case "product.unmounted":
      return { ...room, products: room.products.filter((product) => product.sku !== event.sku) };
    case "product.sorted": {
      const places = new Map(event.skus.map((sku, index) => [sku, index]));
      return {
        ...room,
        products: room.products.map((product) => ({
          ...product,
          position: places.get(product.sku) ?? product.position,
        })),
      };
    }
    case "sale.scheduled":
      return { ...room, sales: replace(room.sales, event.sale, (sale) => sale.sale) };
    case "sale.started":
      return { ...room, sales: inPhase(room.sales, event.sale, "open") };
    case "sale.sold_out":
      return { ...room, sales: inPhase(room.sales, event.sale, "sold_out") };
    case "sale.ended":
      return {
        ...room,
        sales: inPhase(room.sales, event.sale, event.reason === "cancelled" ? "cancelled" : "ended"),
      };
    case "danmaku.recalled":
      return room;
    case "room.state":
      return applyState(room, event);
  }
}

function applyState(room: RoomSnapshot, event: RoomState): RoomSnapshot {
  const next = { ...room };
  if (event.online != null) next.online = event.online;
  if (event.likes != null) next.likes = event.likes;
  if (event.stock != null || event.total != null) {
    const units = (key: string): Units => ({ available: told(event.stock, key), total: told(event.total, key) });
    next.products = room.products.map((product) => withUnits(product, units(product.sku)));
    next.sales = room.sales.map((sale) => withUnits(sale, units(sale.sale)));
  }
  return next;
}

/** A product may be called `constructor`: what every object inherits was not told. */
function told(numbers: Readonly<Record<string, number>> | null | undefined, key: string): number | undefined {
  return numbers != null && Object.hasOwn(numbers, key) ? numbers[key] : undefined;
}

interface Units {
  available: number | undefined;
  total: number | undefined;
}

function withUnits<T extends { available: number; total: number }>(item: T, told: Units): T {
  const available = told.available ?? item.available;
  const total = told.total ?? item.total;
  return available === item.available && total === item.total ? item : { ...item, available, total };
}

function replace<T>(items: readonly T[], item: T, key: (item: T) => string): T[] {
  const found = items.some((other) => key(other) === key(item));
  return found ? items.map((other) => (key(other) === key(item) ? item : other)) : [...items, item];
}

function inPhase(sales: readonly Sale[], id: string, phase: SalePhase): Sale[] {
  return sales.map((sale) => (sale.sale === id ? { ...sale, phase } : sale));
}

/** What a buyer can do with a sale at a server time. */
export type SaleWindow = "before" | "open" | "sold_out" | "over";

/** The sale's window on the server's clock: at zero it opens without waiting for an event. */
export function saleWindow(sale: Sale, now: number): SaleWindow {
  if (sale.phase === "ended" || sale.phase === "cancelled" || now >= sale.ends_at) return "over";
  if (now < sale.starts_at && sale.phase === "scheduled") return "before";
  return sale.available > 0 ? "open" : "sold_out";
}
