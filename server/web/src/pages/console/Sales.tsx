/** The room's flash sales: on now, coming, and what the past ones sold. */

import { type Dashboard, type Product, type RoomClient, type Sale, saleWindow } from "@miaodan/client";
import { useState } from "preact/hooks";
import { discount } from "../live/offer.js";
import { Countdown, useServerTime } from "../shared/countdown.js";
import { dayTime, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import type { Act } from "./act.js";
import { countsOf } from "./counts.js";
import { draftOf } from "./draft.js";
import { again, EMPTY_SALE, type SaleUnits, type SaleValues, unitsOf } from "./sale-plan.js";
import { UnitsBar } from "./UnitsBar.js";

/** Past sales shown at first. */
const PAST = 4;

interface Props {
  act: Act;
  client: RoomClient;
  dashboard: Dashboard | null;
  currency: string;
  /** The form was filled in with a sale that was: bring it into view. */
  onAgain: () => void;
}

export function Sales(props: Props) {
  const [all, setAll] = useState(false);
  const now = props.client.clock.now();
  const sales = props.client.room?.sales ?? [];
  const over = (sale: Sale): boolean => saleWindow(sale, now) === "over";
  const current = sales.filter((sale) => !over(sale)).toSorted((a, b) => a.starts_at - b.starts_at);
  const past = sales.filter(over).toSorted((a, b) => b.ends_at - a.ends_at);
  const shown = [...current, ...(all ? past : past.slice(0, PAST))];
  return (
    <section class="card">
      <h2>{t("console.sales")}</h2>
      {sales.length === 0 && <p class="empty">{t("console.noSales")}</p>}
      <ul class="sales" data-testid="sales">
        {shown.map((sale) => (
          <SaleRow key={sale.sale} sale={sale} {...props} />
        ))}
      </ul>
      {past.length > PAST && !all && (
        <button type="button" class="quiet" data-testid="sales-all" onClick={() => setAll(true)}>
          {t("sales.all", { count: past.length - PAST })}
        </button>
      )}
    </section>
  );
}

function SaleRow(props: Props & { sale: Sale }) {
  const { client, sale, currency } = props;
  const upcoming = sale.phase === "scheduled" && client.clock.now() < sale.starts_at;
  const now = useServerTime(client.clock, upcoming ? sale.starts_at : sale.ends_at, 1_000);
  const window = saleWindow(sale, now);
  const product = client.room?.products.find((item) => item.sku === sale.sku);
  const units = unitsOf(sale, countsOf(props.dashboard, sale.sale), window === "over");
  const label = {
    before: t("sale.scheduled"),
    open: t("sale.open"),
    sold_out: t("sale.soldOut"),
    over: t(sale.phase === "cancelled" ? "sale.cancelled" : "sale.ended"),
  }[window];
  const off = product === undefined ? null : discount(sale.price, product.price);
  const repeat = (): void => {
    draftOf<keyof SaleValues>("sale", client.room?.id ?? "", EMPTY_SALE).fill(again(sale, currency));
    props.onAgain();
  };
  return (
    <li data-testid="sale" data-sale={sale.sale} data-window={window}>
      <div class="sale-what">
        <h3>{product?.title ?? sale.sku}</h3>
        <p class="soft">
          <span class={`tag window-${window}`}>{label}</span> <strong>{money(sale.price, currency)}</strong>
          {off !== null && ` ${off}`}
          {sale.per_user_limit !== null && ` · ${t("limit.per", { count: sale.per_user_limit })}`}
          {" · "}
          {window === "over" ? (
            dayTime(sale.ends_at, now)
          ) : (
            <>
              {t(window === "before" ? "sale.startsIn" : "sale.endsIn")}{" "}
              <Countdown clock={client.clock} until={window === "before" ? sale.starts_at : sale.ends_at} />
            </>
          )}
        </p>
        <Units units={units} product={product} stock={sale.available} over={window === "over"} />
      </div>
      <div class="sale-actions">
        {window !== "over" && (
          <SureButton
            label={t("console.saleCancel")}
            sure={t("sales.cancelSure", { count: sale.available })}
            class="plain danger"
            testId="sale-cancel"
            onSure={() => void props.act({ type: "sale.cancel", sale: sale.sale })}
          />
        )}
        {window === "over" && product !== undefined && (
          <button type="button" class="plain" data-testid="sale-again" onClick={repeat}>
            {t("sales.again")}
          </button>
        )}
      </div>
    </li>
  );
}

function Units(props: { units: SaleUnits | null; product: Product | undefined; stock: number; over: boolean }) {
  const { units } = props;
  if (units === null) return props.over ? null : <p class="soft">{t("stock.left", { count: props.stock })}</p>;
  const told = [t("sales.sold", { sold: units.sold, given: units.given })];
  if (units.held > 0) told.push(t("sales.held", { count: units.held }));
  if (props.over && units.back > 0) told.push(t("sales.back", { count: units.back }));
  if (!props.over) told.push(t("stock.left", { count: units.left }));
  return (
    <>
      <UnitsBar available={props.over ? units.back : units.left} held={units.held} sold={units.sold} />
      <p class="sale-units" data-testid="sale-units">
        {told.join(" · ")}
      </p>
    </>
  );
}
