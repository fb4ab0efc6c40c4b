/** The shopping bag: what is on the shelf, numbered in its order, and the product that is being shown. */

import { type Product, type RoomClient, shelfOrder } from "@miaodan/client";
import { Countdown, useServerTime } from "../shared/countdown.js";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Was } from "../shared/parts.js";
import { type Buying, bought } from "./buying.js";
import { FirstHint } from "./hint.js";
import { Outcome } from "./Outcome.js";
import { buttonState, discount, nextTurnOf, type Offer, offerOf } from "./offer.js";
import { PictureButton } from "./PictureButton.js";
import { StockBar } from "./StockBar.js";

export interface BuyContext {
  client: RoomClient;
  currency: string;
  buying: Buying;
  closed: string | null;
  /** Opens the product card. */
  onBuy: (sku: string) => void;
  /** A guest's order asks who they are; null: they are known. */
  onSignIn?: (() => void) | null;
  /** Shows the visitor's orders. */
  onOrders?: () => void;
}

/** What a product is offered for, drawn anew when a sale of it opens or ends. */
export function useOffer(product: Product, context: BuyContext): Offer {
  const { client } = context;
  const sales = client.room?.sales ?? [];
  const now = useServerTime(client.clock, nextTurnOf(product.sku, sales, client.clock.now()), 60_000);
  return offerOf(product, sales, (key) => bought(client.orders.values(), key), now);
}

export function PriceLine({ offer, currency }: { offer: Offer; currency: string }) {
  const off = discount(offer.price, offer.was);
  return (
    <p class="price-line">
      <strong class="price">{money(offer.price, currency)}</strong>
      {offer.was !== null && <Was price={money(offer.was, currency)} />}
      {off !== null && <span class="tag">{off}</span>}
    </p>
  );
}

/** A flash sale of this product: until when, or from when and for how much. */
export function SaleLine({ offer, context }: { offer: Offer; context: BuyContext }) {
  const { sale, window } = offer;
  if (sale === null || (window !== "before" && offer.by !== "sale")) return null;
  const soon = window === "before";
  return (
    <p class="sale-line" data-testid="sale-line">
      {soon ? t("bag.flashSoon", { price: money(sale.price, context.currency) }) : `${t("bag.flash")} · ${t("sale.endsIn")}`}{" "}
      <Countdown clock={context.client.clock} until={soon ? sale.starts_at : sale.ends_at} />
    </p>
  );
}

export function BuyButton({ product, offer, context }: { product: Product; offer: Offer; context: BuyContext }) {
  const placing = context.buying.attempts.get(offer.key)?.state === "placing";
  const state = buttonState(offer, placing, context.closed !== null);
  const able = state === "buy" || state === "more";
  const label =
    state === "placing"
      ? t("buy.placing")
      : state === "limit"
        ? t("buy.limit")
        : state === "sold_out"
          ? t("stock.none")
          : (context.closed ?? t(offer.by === "sale" ? "buy.now" : "buy"));
  return (
    <button
      type="button"
      class="primary buy"
      data-testid="buy"
      disabled={!able}
      aria-label={`${label}: ${product.title}`}
      onClick={() => context.onBuy(product.sku)}
    >
      {label}
    </button>
  );
}

export function Shelf({ products, context }: { products: readonly Product[]; context: BuyContext }) {
  if (products.length === 0) return <p class="empty">{t("shelf.empty")}</p>;
  return (
    <ol class="shelf" data-testid="shelf">
      {shelfOrder(products).map((product, index) => (
        <ShelfItem key={product.sku} product={product} number={index + 1} context={context} />
      ))}
    </ol>
  );
}

function ShelfItem({ product, number, context }: { product: Product; number: number; context: BuyContext }) {
  const offer = useOffer(product, context);
  return (
    <li class={offer.available > 0 ? "" : "gone-item"} data-testid="shelf-item" data-sku={product.sku} data-by={offer.by}>
      <div class="shelf-row">
        <PictureButton product={product} onOpen={context.onBuy} testId="shelf-open">
          <span class="shelf-number">
            <span class="unseen">{t("bag.number", { number })}</span>
            <span aria-hidden="true">{number}</span>
          </span>
          {offer.available <= 0 && <span class="gone-mark">{t("stock.none")}</span>}
        </PictureButton>
        <div class="shelf-what">
          <h3>{product.title}</h3>
          {product.pinned && <span class="tag now">{t("shelf.now")}</span>}
          <SaleLine offer={offer} context={context} />
          <StockBar {...offer} />
          <div class="shelf-buy">
            <PriceLine offer={offer} currency={context.currency} />
            <BuyButton product={product} offer={offer} context={context} />
          </div>
        </div>
      </div>
      <Outcome
        client={context.client}
        buying={context.buying}
        of={offer.key}
        limit={offer.limit}
        onOrders={context.onOrders}
        onNormal={null}
      />
    </li>
  );
}

export function PinnedCard({ product, context }: { product: Product; context: BuyContext }) {
  const offer = useOffer(product, context);
  return (
    <section class="pinned" data-testid="pinned" data-sku={product.sku}>
      <div class="pinned-row">
        <div class="card-left">
          <PictureButton product={product} onOpen={context.onBuy} testId="pinned-open" />
          <div class="pinned-what">
            <span class="tag now">{t("shelf.now")}</span>
            <h3>{product.title}</h3>
            <PriceLine offer={offer} currency={context.currency} />
          </div>
          <Outcome
            client={context.client}
            buying={context.buying}
            of={offer.key}
            limit={offer.limit}
            onOrders={context.onOrders}
            onNormal={null}
          />
        </div>
        <div class="buy-place">
          {offer.available > 0 && context.closed === null && <FirstHint />}
          <BuyButton product={product} offer={offer} context={context} />
        </div>
      </div>
    </section>
  );
}
