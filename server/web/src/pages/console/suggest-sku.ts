/** A product id from its title. */

import { SKU } from "./reading.js";

const LONGEST = 24;

/** The title's Latin letters and digits, or `item`; numbered until it is not among `taken`. */
export function suggestSku(title: string, taken: readonly string[]): string {
  const words = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, "")
    .match(/[a-z0-9]+/g);
  let stem = "";
  for (const word of words ?? []) {
    const longer = stem === "" ? word : `${stem}-${word}`;
    if (longer.length > LONGEST) break;
    stem = longer;
  }
  if (stem === "") stem = words?.[0]?.slice(0, LONGEST) ?? "item";
  const used = new Set(taken);
  for (let number = stem === "item" ? 1 : 0; ; number++) {
    const sku = number === 0 ? stem : `${stem}-${number < 2 && stem !== "item" ? 2 : number}`;
    if (!used.has(sku) && SKU.test(sku)) return sku;
  }
}
