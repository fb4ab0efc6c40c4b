/** What the dashboard knows of a product's or a sale's units. */

import type { Dashboard } from "@miaodan/client";

export type Counts = Dashboard["products"][string];

/** By sku or sale id; undefined until it was told (a product may be called `constructor`). */
export function countsOf(dashboard: Dashboard | null, key: string): Counts | undefined {
  return dashboard !== null && Object.hasOwn(dashboard.products, key) ? dashboard.products[key] : undefined;
}
