/** What each product has sold, what is held, and what is left: a bar, and the numbers beside it. */

import { type Dashboard, type Product, type Sale, saleWindow, shelfOrder } from "@miaodan/client";
import { t } from "../shared/i18n.js";
import { countsOf } from "./counts.js";

interface Row {
  key: string;
  title: string;
  /** A flash sale's part of the product above it. */
  sale: boolean;
  sold: number;
  held: number;
  left: number;
}

/** A row for each product on the shelf, under it one for each of its sales that is not over at `now`. */
export function rowsOf(dashboard: Dashboard | null, products: readonly Product[], sales: readonly Sale[], now: number): Row[] {
  return shelfOrder(products).flatMap((product) => {
    const taken = (key: string): { sold: number; held: number } => {
      const counts = countsOf(dashboard, key);
      return { sold: counts?.sold ?? 0, held: counts?.held ?? 0 };
    };
    const own: Row = { key: product.sku, title: product.title, sale: false, ...taken(product.sku), left: product.available };
    const running = sales.filter((sale) => sale.sku === product.sku && saleWindow(sale, now) !== "over");
    return [
      own,
      ...running.map((sale) => ({
        key: sale.sale,
        title: t("sale.title"),
        sale: true,
        ...taken(sale.sale),
        left: sale.available,
      })),
    ];
  });
}

export function ProductBars(props: {
  dashboard: Dashboard | null;
  products: readonly Product[];
  sales: readonly Sale[];
  now: number;
}) {
  const rows = rowsOf(props.dashboard, props.products, props.sales, props.now);
  if (rows.length === 0) return <p class="empty">{t("shelf.empty")}</p>;
  return (
    <div class="bars" data-testid="product-bars">
      <table>
        <thead>
          <tr>
            <th scope="col">{t("console.product")}</th>
            <th scope="col" class="sold">
              {t("console.sold")}
            </th>
            <th scope="col" class="held">
              {t("console.held")}
            </th>
            <th scope="col" class="left">
              {t("figures.left")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} data-testid="bar-row" data-key={row.key} class={row.sale ? "of-sale" : ""}>
              <th scope="row">
                <span class="bar-title">{row.title}</span>
                <Bar {...row} />
              </th>
              <td>{row.sold}</td>
              <td>{row.held}</td>
              <td>{row.left}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Bar({ sold, held, left }: { sold: number; held: number; left: number }) {
  const all = Math.max(1, sold + held + left);
  return (
    <svg class="sold-bar" viewBox={`0 0 ${all} 1`} preserveAspectRatio="none" aria-hidden="true">
      <rect class="left" width={all} height="1" />
      <rect class="held" width={sold + held} height="1" />
      <rect class="sold" width={sold} height="1" />
    </svg>
  );
}
