/** A flash sale: countdown in tenths on the server's clock, and a Buy button that opens at zero. */

import { type Product, type RoomClient, type Sale, saleWindow } from "@miaodan/client";
import { Countdown, useServerTime } from "../shared/countdown.js";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Was } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { type Attempt, type Buying, bought } from "./buying.js";
import { Outcome } from "./Outcome.js";

/** How long after zero `not_open` can still be this page's clock being early. */
const JUST_OPENED_MS = 1_500;

export interface FlashCardProps {
  client: RoomClient;
  sale: Sale;
  product: Product | undefined;
  currency: string;
  buying: Buying;
  /** Why nobody can buy now, whatever the sale says; null where they can. */
  closed: string | null;
  onSignIn: (() => void) | null;
}

export function FlashCard(props: FlashCardProps) {
  const { client, sale, product, currency, buying } = props;
  const before = sale.phase === "scheduled" && client.clock.now() < sale.starts_at;
  const now = useServerTime(client.clock, before ? sale.starts_at : sale.ends_at, 100);
  const window = saleWindow(sale, now);
  const attempt = buying.attempts.get(sale.sale);
  const title = product?.title ?? sale.sku;
  const was = product !== undefined && product.price > sale.price ? product.price : null;
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
        <ProductPicture title={title} sku={sale.sku} image={product?.image ?? null} />
        <div class="flash-what">
          <h3>{title}</h3>
          <p class="price-line">
            <strong class="price">{money(sale.price, currency)}</strong>
            {was !== null && <Was price={money(was, currency)} />}
          </p>
          <p class="soft stock" data-testid="flash-stock">
            {[
              window === "over" ? null : window === "sold_out" ? t("stock.none") : t("stock.left", { count: sale.available }),
              sale.per_user_limit === null ? null : t("limit.per", { count: sale.per_user_limit }),
            ]
              .filter((part) => part !== null)
              .join(" · ")}
          </p>
        </div>
        <FlashButton {...props} now={now} window={window} attempt={attempt} />
      </div>
      <Outcome client={client} attempt={attempt} onClear={() => buying.clear(sale.sale)} />
    </section>
  );
}

function FlashButton(
  props: FlashCardProps & { now: number; window: ReturnType<typeof saleWindow>; attempt: Attempt | undefined },
) {
  const { client, sale, buying, window } = props;
  const mine = bought(client.orders.values(), sale.sale);
  const limited = sale.per_user_limit !== null && mine >= sale.per_user_limit;
  const placing = props.attempt?.state === "placing";
  const enabled = window === "open" && !limited && !placing && props.closed === null;
  const label = placing
    ? t("buy.placing")
    : limited
      ? t("buy.limit")
      : window === "sold_out"
        ? t("stock.none")
        : window === "over"
          ? t("buy.closed")
          : window === "before"
            ? t("buy.notOpen")
            : (props.closed ?? t(mine > 0 ? "buy.more" : "buy.now"));
  return (
    <button
      type="button"
      class="primary buy"
      data-testid="flash-buy"
      disabled={!enabled}
      onClick={() => {
        if (props.onSignIn !== null) props.onSignIn();
        else void buying.buy({ sale: sale.sale, pay: true }, client.clock.now() - sale.starts_at < JUST_OPENED_MS);
      }}
    >
      {label}
    </button>
  );
}
