/** A flash sale: countdown in tenths on the server's clock, and a Buy button that opens at zero. */

import { type Product, type RoomClient, type Sale, saleWindow } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { Countdown, useServerTime } from "../shared/countdown.js";
import { money, tenths } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { ProductPicture } from "../shared/pictures.js";
import { type Buying, bought, JUST_OPENED_MS } from "./buying.js";
import { FirstHint } from "./hint.js";
import { Outcome } from "./Outcome.js";
import { type ButtonState, buttonState, type Offer, offerOfSale } from "./offer.js";
import { PictureButton } from "./PictureButton.js";
import { PriceLine } from "./Shelf.js";
import { StockBar } from "./StockBar.js";

/** How long a button that could not order explains why. */
const EXPLAINED_MS = 4_000;

export interface FlashCardProps {
  client: RoomClient;
  sale: Sale;
  product: Product | undefined;
  currency: string;
  buying: Buying;
  /** Why nobody can buy now, whatever the sale says; null where they can. */
  closed: string | null;
  onSignIn: (() => void) | null;
  /** Opens the product's card. */
  onOpen?: (sku: string) => void;
  onOrders?: () => void;
}

export function FlashCard(props: FlashCardProps) {
  const { client, sale, product, currency, buying, closed } = props;
  const before = sale.phase === "scheduled" && client.clock.now() < sale.starts_at;
  const now = useServerTime(client.clock, before ? sale.starts_at : sale.ends_at, 100);
  const window = saleWindow(sale, now);
  const offer = offerOfSale(sale, product, bought(client.orders.values(), sale.sale), now);
  const placing = buying.attempts.get(sale.sale)?.state === "placing";
  const state = buttonState(offer, placing, closed !== null);
  const [explained, explain] = useExplained(state);
  const title = product?.title ?? sale.sku;
  const normal = product !== undefined && product.available > 0 && closed === null && props.onOpen !== undefined;
  const openProduct = normal ? () => props.onOpen?.(sale.sku) : null;
  return (
    <section class={`flash ${window}`} data-testid="flash" data-window={window} data-sale={sale.sale}>
      <header class="flash-head">
        <span class="flash-name">
          <Icon name="bolt" filled /> {t("sale.title")}
        </span>
        {window === "over" ? (
          <span class="flash-time">{t(sale.phase === "cancelled" ? "sale.cancelled" : "sale.over")}</span>
        ) : (
          <span class="flash-time">
            {t(window === "before" ? "sale.startsIn" : "sale.endsIn")}{" "}
            <Countdown
              clock={client.clock}
              until={window === "before" ? sale.starts_at : sale.ends_at}
              testId="flash-countdown"
            />
          </span>
        )}
      </header>
      <div class="flash-body">
        <div class="card-left">
          {props.onOpen === undefined || product === undefined ? (
            <ProductPicture title={title} sku={sale.sku} image={product?.image ?? null} />
          ) : (
            <PictureButton product={product} onOpen={props.onOpen} testId="flash-open" />
          )}
          <div class="flash-what">
            <h3>{title}</h3>
            <PriceLine offer={offer} currency={currency} />
            {openProduct !== null && (window === "sold_out" || window === "over") && product !== undefined ? (
              <button type="button" class="quiet flash-normal" data-testid="flash-normal" onClick={openProduct}>
                {t("flash.normal", { price: money(product.price, currency) })} <Icon name="right" />
              </button>
            ) : window === "over" ? (
              <p class="soft flash-normal">{t("flash.over")}</p>
            ) : (
              // At the limit the button says what one has, and the line has room for the rest.
              <StockBar {...offer} mine={state === "limit" ? 0 : offer.mine} testId="flash-stock" />
            )}
          </div>
          <Outcome
            client={client}
            buying={buying}
            of={sale.sale}
            limit={sale.per_user_limit}
            onOrders={props.onOrders}
            onNormal={openProduct}
          />
          {explained && <Explanation sale={sale} state={state} now={now} closed={closed} />}
        </div>
        <FlashButton {...props} offer={offer} state={state} onExplain={explain} />
      </div>
    </section>
  );
}

/** Why the button does nothing, for a moment after it was pressed; gone once it does something. */
function useExplained(state: ButtonState): [boolean, () => void] {
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    if (asked === 0) return;
    const timer = setTimeout(() => setAsked(0), EXPLAINED_MS);
    return () => clearTimeout(timer);
  }, [asked]);
  const able = state === "buy" || state === "more" || state === "placing";
  return [asked > 0 && !able, () => setAsked(asked + 1)];
}

function Explanation(props: { sale: Sale; state: ButtonState; now: number; closed: string | null }) {
  const { sale, state, now } = props;
  const text =
    state === "before"
      ? t("flash.opensIn", { time: tenths(sale.starts_at - now) })
      : state === "limit"
        ? t("flash.limit", { count: sale.per_user_limit ?? 1 })
        : state === "sold_out"
          ? t("flash.gone")
          : state === "over"
            ? t("flash.over")
            : props.closed;
  return text === null ? null : (
    <p class="flash-why" role="status" data-testid="flash-why" data-state={state}>
      {text}
    </p>
  );
}

function label(state: ButtonState, closed: string | null): string {
  switch (state) {
    case "placing":
      return t("buy.placing");
    case "limit":
      return t("buy.limit");
    case "sold_out":
      return t("stock.none");
    case "over":
      return t("buy.closed");
    case "before":
      return t("flash.soon");
    case "closed":
      return closed ?? t("buy.closed");
    default:
      return t(state === "more" ? "buy.more" : "buy.now");
  }
}

/** Always there to be pressed: what it cannot do now it explains. */
function FlashButton(props: FlashCardProps & { offer: Offer; state: ButtonState; onExplain: () => void }) {
  const { client, sale, buying, state } = props;
  const able = state === "buy" || state === "more";
  return (
    <div class="buy-place">
      {state === "buy" && <FirstHint />}
      <button
        type="button"
        class={`primary buy ${state}`}
        data-testid="flash-buy"
        aria-disabled={!able}
        aria-busy={state === "placing"}
        onClick={() => {
          if (!able) props.onExplain();
          else if (props.onSignIn !== null) props.onSignIn();
          else void buying.buy({ sale: sale.sale, pay: true }, client.clock.now() - sale.starts_at < JUST_OPENED_MS);
        }}
      >
        {state === "placing" && <span class="spinner" aria-hidden="true" />}
        {label(state, props.closed)}
      </button>
    </div>
  );
}
