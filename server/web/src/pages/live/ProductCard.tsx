/** A product over the lower half of the stage: what it costs, how many, buy. The video above goes on. */

import type { Product } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDialog } from "../shared/dialog.js";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { ProductPicture } from "../shared/pictures.js";
import { JUST_OPENED_MS } from "./buying.js";
import { useDragDown } from "./drag.js";
import { Outcome } from "./Outcome.js";
import { buttonState, mostOf, type Offer } from "./offer.js";
import { type BuyContext, PriceLine, SaleLine, useOffer } from "./Shelf.js";
import { StockBar } from "./StockBar.js";

/** What a tap beside the card leaves open. */
const BESIDE = ".product-card, .troubles, .toasts, .sheet-back";

export interface ProductCardProps {
  sku: string;
  context: BuyContext;
  onClose: () => void;
  /** A tap beside the card: back to the stage, also from a bag that made way for it. */
  onBeside: () => void;
}

export function ProductCard({ sku, context, onClose, onBeside }: ProductCardProps) {
  const found = context.client.room?.products.find((item) => item.sku === sku);
  // What was taken down while the card is open is still shown, and said to be gone.
  const [seen, setSeen] = useState<Product | undefined>(found);
  if (found !== undefined && found !== seen) setSeen(found);
  const box = useRef<HTMLElement>(null);
  const head = useRef<HTMLElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const away = useRef(onBeside);
  away.current = onBeside;
  useDialog(box, () => close.current());
  useDragDown(box, head, () => close.current());
  useEffect(() => {
    const beside = (event: PointerEvent): void => {
      if (event.target instanceof Element && event.target.closest(BESIDE) === null) away.current();
    };
    document.addEventListener("pointerdown", beside);
    return () => document.removeEventListener("pointerdown", beside);
  }, []);
  const product = found ?? seen;
  return (
    <section
      class="product-card"
      role="dialog"
      aria-modal="true"
      aria-label={product?.title ?? t("card.title")}
      tabIndex={-1}
      ref={box}
      data-testid="order-sheet"
      data-sku={sku}
      data-gone={found === undefined}
    >
      <header class="card-head" ref={head}>
        <span class="grip" aria-hidden="true" />
        <button type="button" class="quiet card-close" aria-label={t("close")} data-testid="card-close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {product === undefined ? (
        <Notice text={t("card.goneTitle")} name="gone" />
      ) : (
        <Body product={product} gone={found === undefined} context={context} onClose={onClose} />
      )}
    </section>
  );
}

function Notice({ text, name }: { text: string; name: string }) {
  return (
    <p class="card-notice" role="status" data-testid="card-notice" data-notice={name}>
      {text}
    </p>
  );
}

/** What changed while the card was open; null where nothing did. */
function useChange(offer: Offer, currency: string): [string, string] | null {
  const first = useRef(offer);
  const before = first.current;
  if (before.by !== offer.by) {
    return offer.by === "sale"
      ? ["sale-on", t("card.saleOn")]
      : offer.window === null || offer.window === "over"
        ? ["sale-over", t("card.saleOver")]
        : null;
  }
  if (before.key !== offer.key || before.price === offer.price) return null;
  return ["price", t("card.price", { before: money(before.price, currency), now: money(offer.price, currency) })];
}

function Body(props: { product: Product; gone: boolean; context: BuyContext; onClose: () => void }) {
  const { product, gone, context } = props;
  const offer = useOffer(product, context);
  // The key that was ordered keeps its result on the card, whatever is offered next.
  const [ordered, setOrdered] = useState<string | null>(null);
  const shown = ordered ?? offer.key;
  const attempt = context.buying.attempts.get(shown);
  const change = useChange(offer, context.currency);
  useEffect(() => {
    // What an earlier order came to is told in "my orders".
    const old = context.buying.attempts.get(offer.key);
    if (old !== undefined && old.state !== "placing") context.buying.clear(offer.key);
  }, []);
  const done = attempt?.state === "accepted";
  const orders = context.onOrders;
  return (
    <div class="card-body">
      <div class="card-product">
        <ProductPicture title={product.title} sku={product.sku} image={product.image} />
        <div class="card-what">
          <PriceLine offer={offer} currency={context.currency} />
          <h2>{product.title}</h2>
          <SaleLine offer={offer} context={context} />
          <StockBar {...offer} available={gone ? 0 : offer.available} />
        </div>
      </div>
      {gone ? (
        <Notice text={`${t("card.goneTitle")}. ${t("card.gone")}`} name="gone" />
      ) : (
        change !== null && !done && <Notice text={change[1]} name={change[0]} />
      )}
      <Outcome
        client={context.client}
        buying={context.buying}
        of={shown}
        limit={offer.limit}
        onOrders={
          orders === undefined
            ? undefined
            : () => {
                props.onClose();
                orders();
              }
        }
        onNormal={offer.by === "shelf" && ordered !== null && ordered !== offer.key ? () => setOrdered(null) : null}
      />
      {done ? (
        <button
          type="button"
          class="plain card-another"
          data-testid="card-another"
          onClick={() => {
            context.buying.clear(shown);
            setOrdered(null);
          }}
        >
          {t("card.another")}
        </button>
      ) : (
        <Ordering {...props} offer={offer} onOrder={() => setOrdered(offer.key)} />
      )}
    </div>
  );
}

function Ordering(props: { product: Product; gone: boolean; context: BuyContext; offer: Offer; onOrder: () => void }) {
  const { gone, context, offer } = props;
  const [wanted, setWanted] = useState(1);
  const most = mostOf(offer);
  const quantity = Math.min(wanted, most);
  const total = money(offer.price * quantity, context.currency);
  const placing = context.buying.attempts.get(offer.key)?.state === "placing";
  const state = gone ? "over" : buttonState(offer, placing, context.closed !== null);
  const able = state === "buy" || state === "more";
  const place = (pay: boolean): void => {
    if (context.onSignIn) {
      context.onSignIn();
      return;
    }
    props.onOrder();
    const { client } = context;
    const justOpened = offer.by === "sale" && offer.sale !== null && client.clock.now() - offer.sale.starts_at < JUST_OPENED_MS;
    const what = offer.by === "sale" ? { sale: offer.key } : { sku: offer.key };
    void context.buying.buy({ ...what, quantity, pay }, justOpened);
  };
  const why = state === "sold_out" && !gone ? t("card.soldOut") : state === "limit" ? t("card.limit") : null;
  const label =
    state === "placing"
      ? t("buy.placing")
      : able
        ? t("buy.pay", { amount: total })
        : gone
          ? t("buy.closed")
          : state === "limit"
            ? t("buy.limit")
            : (context.closed ?? t("stock.none"));
  return (
    <>
      {why !== null && <Notice text={why} name={state} />}
      <div class="card-sum">
        <div class="stepper" role="group" aria-label={t("buy.quantity")}>
          <button
            type="button"
            class="round small"
            aria-label={t("buy.less")}
            disabled={!able || quantity <= 1}
            onClick={() => setWanted(quantity - 1)}
          >
            <Icon name="minus" />
          </button>
          <output data-testid="quantity" aria-label={t("buy.quantity")}>
            {quantity}
          </output>
          <button
            type="button"
            class="round small"
            aria-label={t("buy.plus")}
            disabled={!able || quantity >= most}
            onClick={() => setWanted(quantity + 1)}
          >
            <Icon name="plus" />
          </button>
        </div>
        <p class="total">
          <span>{t("buy.total")}</span> <strong class="price">{total}</strong>
        </p>
      </div>
      <div class="sheet-actions">
        {offer.by === "shelf" && (
          <button type="button" class="plain" data-testid="hold" disabled={!able} onClick={() => place(false)}>
            {t("buy.hold")}
          </button>
        )}
        <button type="button" class="primary" data-testid="pay-now" disabled={!able} onClick={() => place(true)}>
          {state === "placing" && <span class="spinner" aria-hidden="true" />}
          {label}
        </button>
      </div>
    </>
  );
}
