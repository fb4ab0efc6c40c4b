/** The shelf as the host arranges it: sorted by dragging, with what each product has sold. */

import { type Dashboard, type Product, type RoomClient, saleWindow, shelfOrder } from "@miaodan/client";
import { useLayoutEffect, useRef } from "preact/hooks";
import "../style/goods/shelf.css";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import type { Act } from "./act.js";
import { countsOf } from "./counts.js";
import { ShelfRow } from "./ShelfRow.js";
import { useSorting } from "./sorting.js";

interface Props {
  act: Act;
  client: RoomClient;
  products: readonly Product[];
  dashboard: Dashboard | null;
  currency: string;
  /** The host wants to mount the first product. */
  onFirst: () => void;
}

export function ShelfTable(props: Props) {
  const products = new Map(shelfOrder(props.products).map((product) => [product.sku, product]));
  const list = useRef<HTMLOListElement>(null);
  const sorting = useSorting(
    [...products.keys()],
    (sku) => products.get(sku)?.title ?? sku,
    async (skus) => (await props.act({ type: "product.sort", skus: [...skus] })) === null,
  );
  const order = sorting.order.filter((sku) => products.has(sku));
  useLayoutEffect(() => {
    if (sorting.lifted === null) return;
    const handle = list.current?.querySelector<HTMLElement>(`[data-handle="${sorting.lifted}"]`);
    if (handle !== document.activeElement) handle?.focus();
  }, [order.join(" "), sorting.lifted]);
  const now = props.client.clock.now();
  const sales = props.client.room?.sales ?? [];
  return (
    <section class="card goods-shelf">
      <header class="part-head">
        <h2>{t("console.shelf")}</h2>
        {products.size > 0 && <p class="soft">{t("goods.count", { count: products.size })}</p>}
      </header>
      {products.size === 0 && (
        <div class="empty-start" data-testid="shelf-empty">
          <Icon name="bag" />
          <h3>{t("goods.empty")}</h3>
          <p class="soft">{t("goods.emptyHelp")}</p>
          <button type="button" class="primary" data-testid="shelf-first" onClick={props.onFirst}>
            {t("goods.first")}
          </button>
        </div>
      )}
      {products.size > 1 && (
        <p class="unseen" id="sort-help">
          {t("sort.help")}
        </p>
      )}
      <ol class="desk-shelf" data-testid="desk-shelf" ref={list}>
        {order.map((sku) => {
          const product = products.get(sku);
          return (
            product !== undefined && (
              <ShelfRow
                key={sku}
                act={props.act}
                product={product}
                counts={countsOf(props.dashboard, sku)}
                currency={props.currency}
                sales={sales.filter((sale) => sale.sku === sku && saleWindow(sale, now) !== "over").length}
                sorting={order.length > 1 ? sorting : null}
                list={list}
              />
            )
          );
        })}
      </ol>
      <p class="unseen" role="status" aria-live="assertive" data-testid="sort-said">
        {sorting.said}
      </p>
    </section>
  );
}
