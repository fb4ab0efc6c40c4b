/** The room's orders: what is to be shipped, and the refunds that wait for the host. */

import { listOrders, type OrderRecord, type OrderStatus, type Product } from "@miaodan/client";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import { useRedraw } from "../shared/redraw.js";
import type { Act } from "./act.js";
import { OrderLine } from "./OrderLine.js";
import { OrderFeed } from "./order-feed.js";
import { matches, type Shipping, shipAll, totals } from "./ship-all.js";

const STATUSES: readonly OrderStatus[] = [
  "reserved",
  "paid",
  "shipped",
  "delivered",
  "refunding",
  "refunded",
  "cancelled",
  "expired",
];

/** A feed that sleeps while the page is hidden. */
function useFeed(room: string, token: string): OrderFeed {
  const redraw = useRedraw();
  const feed = useMemo(
    () => new OrderFeed((query, signal) => listOrders(token, { room, ...query }, signal), redraw),
    [room, token],
  );
  useEffect(() => {
    const look = (): void => (document.hidden ? feed.sleep() : feed.wake());
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      feed.sleep();
    };
  }, [feed]);
  return feed;
}

export function OrderBook(props: { act: Act; room: string; token: string; products: readonly Product[] }) {
  const feed = useFeed(props.room, props.token);
  const [text, setText] = useState("");
  const line = (order: OrderRecord) => (
    <OrderLine
      key={order.order}
      act={props.act}
      order={order}
      fresh={feed.fresh.has(order.order)}
      product={props.products.find((product) => product.sku === order.sku)}
      busy={feed.settling(order)}
      onDone={() => feed.done(order)}
      onRefused={() => feed.refresh()}
    />
  );
  const waiting = feed.waiting.filter((order) => matches(order, text));
  const orders = feed.orders?.filter((order) => matches(order, text)) ?? null;
  const sum = totals([...waiting, ...(orders ?? [])]);
  const currency = feed.orders?.[0]?.currency ?? feed.waiting[0]?.currency;
  return (
    <section class="card" data-testid="order-book">
      <header class="book-head">
        <h2>{t("book")}</h2>
        <input
          type="search"
          autocomplete="off"
          spellcheck={false}
          aria-label={t("book.search")}
          placeholder={t("book.searchShort")}
          data-testid="book-search"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label>
          <span class="unseen">{t("book.show")}</span>
          <select
            data-testid="book-filter"
            value={feed.status ?? ""}
            onChange={(event) => feed.show((event.currentTarget.value || null) as OrderStatus | null)}
          >
            <option value="">{t("book.all")}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t(`order.${status}`)}
                {status === "refunding" && feed.waiting.length > 0 && ` (${feed.waiting.length})`}
              </option>
            ))}
          </select>
        </label>
      </header>
      {feed.failed && (
        <p class="hint book-failed" role="status" data-testid="book-failed">
          {t("book.failed")}
          <button type="button" class="plain" data-testid="book-retry" onClick={() => feed.refresh()}>
            {t("link.retry")}
          </button>
        </p>
      )}
      {waiting.length > 0 && (
        <div class="book-waiting" data-testid="book-waiting">
          <h3>{t("book.waiting", { count: feed.waiting.length })}</h3>
          <ol class="book">{waiting.map(line)}</ol>
        </div>
      )}
      {orders === null ? (
        !feed.failed && <p class="empty">{t("loading")}</p>
      ) : orders.length === 0 ? (
        waiting.length === 0 && (
          <p class="empty">{t(text.trim() !== "" ? "book.notHere" : feed.status === null ? "book.empty" : "book.noneSuch")}</p>
        )
      ) : (
        <ol class="book" data-testid="book">
          {orders.map(line)}
        </ol>
      )}
      <div class="book-tools">
        <ShipAll
          act={props.act}
          orders={(orders ?? []).filter((order) => order.status === "paid" && !feed.settling(order))}
          onShipped={(order) => feed.done(order)}
        />
      </div>
      {sum.count > 0 && currency !== undefined && (
        <p class="soft book-sum" data-testid="book-sum">
          {t("book.sum", { count: sum.count, amount: money(sum.money, currency) })}
        </p>
      )}
      {(feed.hasNewer || feed.hasOlder) && (
        <div class="book-turn">
          <button type="button" class="plain" data-testid="book-newest" disabled={!feed.hasNewer} onClick={() => feed.newest()}>
            {t("book.newest")}
          </button>
          <button type="button" class="plain" data-testid="book-older" disabled={!feed.hasOlder} onClick={() => feed.older()}>
            {t("book.older")}
          </button>
        </div>
      )}
    </section>
  );
}

function ShipAll(props: { act: Act; orders: readonly OrderRecord[]; onShipped: (order: OrderRecord) => void }) {
  const [shipping, setShipping] = useState<Shipping | null>(null);
  const [busy, setBusy] = useState(false);
  const there = useRef(true);
  useEffect(
    () => () => {
      there.current = false;
    },
    [],
  );
  const run = async (): Promise<void> => {
    setBusy(true);
    const ship = async (order: OrderRecord): Promise<Error | null> => {
      const error = await props.act({ type: "order.ship", order: order.order });
      if (error === null) props.onShipped(order);
      return error;
    };
    await shipAll(props.orders, ship, setShipping, () => there.current);
    setBusy(false);
  };
  const told = shipping !== null && (
    <p class={shipping.failed.size > 0 ? "problem" : "soft"} role="status" data-testid="shipped">
      {t("book.shipped", { done: shipping.done, of: shipping.of })}
      {[...shipping.failed].map(([order, message]) => ` · ${order.slice(-8)}: ${message}`)}
    </p>
  );
  if (props.orders.length < 2 && !busy) return told || null;
  return (
    <>
      <SureButton
        label={t("book.shipAll", { count: props.orders.length })}
        sure={t("book.shipAllSure", { count: props.orders.length })}
        class="plain"
        disabled={busy}
        testId="ship-all"
        onSure={() => void run()}
      />
      {told}
    </>
  );
}
