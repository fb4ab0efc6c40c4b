/** One product on the host's shelf. */

import type { Product, ProductCounts } from "@miaodan/client";
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { count, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Was } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";
import { EditProduct } from "./EditProduct.js";
import { Restock } from "./Restock.js";
import type { Sorting } from "./sorting.js";
import { UnitsBar } from "./UnitsBar.js";

interface Props {
  act: Act;
  product: Product;
  counts: ProductCounts | undefined;
  currency: string;
  /** How many sales of it have not ended. */
  sales: number;
  /** null where there is nothing to sort. */
  sorting: Sorting | null;
  list: RefObject<HTMLOListElement | null>;
}

type Panel = "restock" | "edit" | "unmount";

export function ShelfRow(props: Props) {
  const { act, product, currency } = props;
  const [panel, setPanel] = useState<Panel | null>(null);
  const sku = product.sku;
  const held = props.counts?.held ?? 0;
  const sold = props.counts?.sold ?? 0;
  const toggle = (which: Panel): void => setPanel(panel === which ? null : which);
  const opens = (which: Panel, label: string, testId: string, danger = false) => (
    <button
      type="button"
      class={`plain${danger ? " danger" : ""}`}
      data-testid={testId}
      aria-expanded={panel === which}
      onClick={() => toggle(which)}
    >
      {label}
    </button>
  );
  const classes = [
    product.pinned ? "is-pinned" : "",
    product.available === 0 ? "is-out" : "",
    props.sorting?.lifted === sku ? "lifted" : "",
  ];
  return (
    <li
      data-testid="desk-item"
      data-sku={sku}
      class={classes.filter(Boolean).join(" ")}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || panel === null || event.defaultPrevented) return;
        event.stopPropagation();
        event.currentTarget.querySelector<HTMLElement>('.desk-actions [aria-expanded="true"]')?.focus();
        setPanel(null);
      }}
    >
      {props.sorting !== null && <Handle sku={sku} title={product.title} sorting={props.sorting} list={props.list} />}
      <ProductPicture key={product.image} title={product.title} sku={sku} image={product.image} />
      <div class="desk-what">
        <h3 title={product.title}>{product.title}</h3>
        <p class="price-line">
          <strong data-testid="desk-price">{money(product.price, currency)}</strong>
          {product.list_price !== null && product.list_price > product.price && (
            <Was price={money(product.list_price, currency)} />
          )}
          <span class="soft">
            {sku}
            {product.per_user_limit !== null && ` · ${t("limit.per", { count: product.per_user_limit })}`}
          </span>
        </p>
        <p class="marks">
          {product.pinned && <span class="tag">{t("shelf.now")}</span>}
          {product.available === 0 && (
            <span class="tag sold-out" data-testid="desk-out">
              {t("stock.none")}
            </span>
          )}
          {props.sales > 0 && <span class="tag">{t("goods.sales", { count: props.sales })}</span>}
        </p>
      </div>
      <div class="desk-stock">
        <UnitsBar available={product.available} held={held} sold={sold} />
        <dl class="desk-counts">
          <div>
            <dt>{t("console.stock")}</dt>
            <dd data-testid="desk-available">{product.available}</dd>
          </div>
          <div>
            <dt>{t("console.held")}</dt>
            <dd data-testid="desk-held">{count(held)}</dd>
          </div>
          <div>
            <dt>{t("console.sold")}</dt>
            <dd data-testid="desk-sold">{count(sold)}</dd>
          </div>
        </dl>
      </div>
      <div class="desk-actions">
        <button
          type="button"
          class={product.pinned ? "plain" : "plain pin"}
          data-testid="pin"
          aria-pressed={product.pinned}
          onClick={() => void act(product.pinned ? { type: "product.unpin", sku } : { type: "product.pin", sku })}
        >
          {t(product.pinned ? "console.unpin" : "console.pin")}
        </button>
        {opens("restock", t("console.restock"), "restock")}
        {opens("edit", t("goods.edit"), "edit")}
        {opens("unmount", t("console.unmount"), "unmount", true)}
      </div>
      {panel === "restock" && <Restock act={act} product={product} onDone={() => setPanel(null)} />}
      {panel === "edit" && <EditProduct act={act} product={product} currency={currency} onDone={() => setPanel(null)} />}
      {panel === "unmount" && <TakeDown {...props} held={held} onDone={() => setPanel(null)} />}
    </li>
  );
}

function Handle({
  sku,
  title,
  sorting,
  list,
}: {
  sku: string;
  title: string;
  sorting: Sorting;
  list: RefObject<HTMLOListElement | null>;
}) {
  const lifted = sorting.lifted === sku;
  const arrow = (by: 1 | -1) => (
    <button
      type="button"
      class="arrow"
      tabIndex={-1}
      aria-label={t(by === -1 ? "console.up" : "console.down")}
      data-testid={by === -1 ? "up" : "down"}
      // The handle keeps the focus, and with it what is lifted.
      onPointerDown={(event) => event.preventDefault()}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => sorting.step(sku, by)}
    >
      <Icon name={by === -1 ? "up" : "down"} />
    </button>
  );
  return (
    <div class="move" onFocusOut={(event) => sorting.onLeave(sku, event.currentTarget)}>
      {lifted && arrow(-1)}
      <button
        type="button"
        class="handle"
        data-testid="handle"
        data-handle={sku}
        aria-label={t("sort.handle", { title })}
        aria-describedby="sort-help"
        aria-pressed={lifted}
        onPointerDown={(event) => list.current !== null && sorting.onPointerDown(sku, list.current, event)}
        onClick={() => sorting.toggle(sku)}
        onKeyDown={(event) => sorting.onKeyDown(sku, event)}
      >
        <Icon name="grip" />
      </button>
      {lifted && arrow(1)}
    </div>
  );
}

function TakeDown(props: Props & { held: number; onDone: () => void }) {
  const { product } = props;
  return (
    <div class="row-panel" data-testid="unmount-panel">
      <p>
        {props.sales > 0
          ? t("goods.downSales", { count: props.sales })
          : t(props.held > 0 ? "goods.downHeld" : "goods.down", { count: props.held, left: product.available })}
      </p>
      <div class="row">
        <button
          type="button"
          class="primary"
          data-testid="unmount-sure"
          disabled={props.sales > 0}
          onClick={() => void props.act({ type: "product.unmount", sku: product.sku })}
        >
          {t("console.unmount")}
        </button>
        <button type="button" class="plain" onClick={props.onDone}>
          {t("goods.keep")}
        </button>
      </div>
    </div>
  );
}
