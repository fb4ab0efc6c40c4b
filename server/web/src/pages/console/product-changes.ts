/** What a host typed about a product on the shelf, as the fields that changed. */

import type { Product, ProductUpdate } from "@miaodan/client";
import { plainAmount } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { type Problems, Reading, type Values } from "./reading.js";

export const EDITED = ["title", "price", "list_price", "per_user_limit", "image"] as const;
export type Edited = (typeof EDITED)[number];

/** The product as text in a form. */
export function asTyped(product: Product, currency: string): Values<Edited> {
  return {
    title: product.title,
    price: plainAmount(product.price, currency),
    list_price: product.list_price === null ? "" : plainAmount(product.list_price, currency),
    per_user_limit: product.per_user_limit === null ? "" : String(product.per_user_limit),
    image: product.image ?? "",
  };
}

/**
 * The command with the changed fields only; an optional one that was emptied is null, which takes it
 * away. `command` is null where nothing changed.
 */
export function readChanges(
  product: Product,
  values: Values<Edited>,
  currency: string,
): { problems: Problems<Edited>; command: ProductUpdate | null } {
  const reading = new Reading<Edited>(values);
  const wanted = {
    title: reading.text("title", 200),
    price: reading.money("price", currency),
    list_price: reading.optional("list_price", () => reading.money("list_price", currency)),
    per_user_limit: reading.optional("per_user_limit", () => reading.whole("per_user_limit", 1, 10_000)),
    image: reading.optional("image", () => reading.image("image")),
  };
  if (wanted.list_price !== null && wanted.list_price < wanted.price) reading.wrong("list_price", t("form.list"));
  if (!reading.ok) return { problems: reading.problems, command: null };
  const changes = Object.fromEntries(EDITED.filter((name) => wanted[name] !== product[name]).map((name) => [name, wanted[name]]));
  const command = Object.keys(changes).length === 0 ? null : { type: "product.update" as const, sku: product.sku, ...changes };
  return { problems: {}, command };
}
