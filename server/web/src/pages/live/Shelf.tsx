/** The shelf, the product that is being shown, and the sheet in which an order is put together. */

import { type Product, type RoomClient, shelfOrder } from "@miaodan/client";
import { useState } from "preact/hooks";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Sheet, Was } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { type Buying, bought } from "./buying.js";
import { Outcome } from "./Outcome.js";

export interface BuyContext {
  client: RoomClient;
  currency: string;
  buying: Buying;
  closed: string | null;
  /** Opens the order sheet, or the sign-in for a guest. */
  onBuy: (sku: string) => void;
}

export function Price({ product, currency }: { product: Product; currency: string }) {
  const was = product.list_price !== null && product.list_price > product.price ? product.list_price : null;
  return (
    <p class="price-line">
      <strong class="price">{money(product.price, currency)}</strong>
      {was !== null && <Was price={money(was, currency)} />}
    </p>
  );
}

export function BuyButton({ product, context }: { product: Product; context: BuyContext }) {
  const mine = bought(context.client.orders.values(), product.sku);
  const limited = product.per_user_limit !== null && mine >= product.per_user_limit;
  const placing = context.buying.attempts.get(product.sku)?.state === "placing";
  const sold = product.available <= 0;
  const label = placing ? t("buy.placing") : limited ? t("buy.limit") : sold ? t("stock.none") : (context.closed ?? t("buy"));
  return (
    <button
      type="button"
      class="primary buy"
      data-testid="buy"
      disabled={limited || sold || placing || context.closed !== null}
      onClick={() => context.onBuy(product.sku)}
    >
      {label}
    </button>
  );
}

function Stock({ product }: { product: Product }) {
  return (
    <p class="soft stock" data-testid="stock" data-available={product.available}>
      {product.available > 0 ? t("stock.left", { count: product.available }) : t("stock.none")}
      {product.per_user_limit !== null && ` · ${t("limit.per", { count: product.per_user_limit })}`}
    </p>
  );
}

export function Shelf({ products, context }: { products: readonly Product[]; context: BuyContext }) {
  if (products.length === 0) return <p class="empty">{t("shelf.empty")}</p>;
  return (
    <ol class="shelf" data-testid="shelf">
      {shelfOrder(products).map((product) => (
        <li key={product.sku} class={product.available > 0 ? "" : "gone-item"} data-testid="shelf-item" data-sku={product.sku}>
          <div class="shelf-row">
            <ProductPicture title={product.title} sku={product.sku} image={product.image} />
            <div class="shelf-what">
              <h3>{product.title}</h3>
              {product.pinned && <span class="tag">{t("shelf.now")}</span>}
              <Stock product={product} />
              <Price product={product} currency={context.currency} />
            </div>
            <BuyButton product={product} context={context} />
          </div>
          <Outcome
            client={context.client}
            attempt={context.buying.attempts.get(product.sku)}
            onClear={() => context.buying.clear(product.sku)}
          />
        </li>
      ))}
    </ol>
  );
}

export function PinnedCard({ product, context }: { product: Product; context: BuyContext }) {
  return (
    <section class="pinned" data-testid="pinned" data-sku={product.sku}>
      <div class="pinned-row">
        <ProductPicture title={product.title} sku={product.sku} image={product.image} />
        <div class="pinned-what">
          <span class="tag">{t("shelf.now")}</span>
          <h3>{product.title}</h3>
          <Price product={product} currency={context.currency} />
        </div>
        <BuyButton product={product} context={context} />
      </div>
      <Outcome
        client={context.client}
        attempt={context.buying.attempts.get(product.sku)}
        onClear={() => context.buying.clear(product.sku)}
      />
    </section>
  );
}

/** Quantity, total, and how to pay. Follows the product's stock and price while it is open. */
export function OrderSheet({ product, context, onClose }: { product: Product; context: BuyContext; onClose: () => void }) {
  const [wanted, setWanted] = useState(1);
  const mine = bought(context.client.orders.values(), product.sku);
  const most = Math.max(1, Math.min(product.available, product.per_user_limit === null ? 99 : product.per_user_limit - mine));
  const quantity = Math.min(wanted, most);
  const total = money(product.price * quantity, context.currency);
  const able = product.available > 0 && context.closed === null;
  const place = (pay: boolean): void => {
    onClose();
    void context.buying.buy({ sku: product.sku, quantity, pay });
  };
  return (
    <Sheet title={t("buy.title")} onClose={onClose} testId="order-sheet">
      <div class="shelf-row">
        <ProductPicture title={product.title} sku={product.sku} image={product.image} />
        <div class="shelf-what">
          <h3>{product.title}</h3>
          <Stock product={product} />
          <Price product={product} currency={context.currency} />
        </div>
      </div>
      <div class="stepper" role="group" aria-label={t("buy.quantity")}>
        <span>{t("buy.quantity")}</span>
        <button
          type="button"
          class="round small"
          aria-label={t("buy.less")}
          disabled={quantity <= 1}
          onClick={() => setWanted(quantity - 1)}
        >
          <Icon name="minus" />
        </button>
        <output data-testid="quantity">{quantity}</output>
        <button
          type="button"
          class="round small"
          aria-label={t("buy.plus")}
          disabled={quantity >= most}
          onClick={() => setWanted(quantity + 1)}
        >
          <Icon name="plus" />
        </button>
      </div>
      <p class="total">
        <span>{t("buy.total")}</span> <strong class="price">{total}</strong>
      </p>
      <div class="sheet-actions">
        <button type="button" class="plain" data-testid="hold" disabled={!able} onClick={() => place(false)}>
          {t("buy.hold")}
        </button>
        <button type="button" class="primary" data-testid="pay-now" disabled={!able} onClick={() => place(true)}>
          {able ? t("buy.pay", { amount: total }) : (context.closed ?? t("stock.none"))}
        </button>
      </div>
    </Sheet>
  );
}
