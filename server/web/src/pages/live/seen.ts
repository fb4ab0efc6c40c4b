/** Titles and pictures of products this browser has seen in a room: an order outlives its product's place on the shelf. */

import type { Product } from "@miaodan/client";
import { remembered as kept, remember } from "../shared/storage.js";

export interface Seen {
  title: string;
  image: string | null;
}

/** Products of one room that are kept; the ones seen longest ago go first. */
const KEPT = 120;
/** Longer pictures (data:) are not worth the room. */
const LONGEST_IMAGE = 4_000;

/** What was known and what is on the shelf now; `before` itself where nothing is new. */
export function remembered(before: ReadonlyMap<string, Seen>, products: readonly Product[]): ReadonlyMap<string, Seen> {
  const fresh = products.filter((product) => {
    const known = before.get(product.sku);
    return known === undefined || known.title !== product.title || known.image !== short(product.image);
  });
  if (fresh.length === 0) return before;
  const next = new Map(before);
  for (const product of fresh) {
    next.delete(product.sku);
    next.set(product.sku, { title: product.title, image: short(product.image) });
  }
  for (const sku of next.keys()) {
    if (next.size <= KEPT) break;
    next.delete(sku);
  }
  return next;
}

function short(image: string | null): string | null {
  return image !== null && image.length <= LONGEST_IMAGE ? image : null;
}

function read(room: string): ReadonlyMap<string, Seen> {
  try {
    const stored: unknown = JSON.parse(kept(`miaodan.seen.${room}`) ?? "[]");
    if (!Array.isArray(stored)) return new Map();
    return new Map(stored.filter(isEntry));
  } catch {
    return new Map();
  }
}

function isEntry(entry: unknown): entry is [string, Seen] {
  if (!Array.isArray(entry) || typeof entry[0] !== "string") return false;
  const seen = entry[1] as Partial<Seen> | null;
  return typeof seen?.title === "string" && (seen.image === null || typeof seen.image === "string");
}

const rooms = new Map<string, ReadonlyMap<string, Seen>>();

/** All that is known of a room's products, those on the shelf now included. */
export function seenIn(room: string, products: readonly Product[]): ReadonlyMap<string, Seen> {
  const before = rooms.get(room) ?? read(room);
  const next = remembered(before, products);
  rooms.set(room, next);
  if (next !== before) {
    remember(`miaodan.seen.${room}`, JSON.stringify([...next]));
  }
  return next;
}
