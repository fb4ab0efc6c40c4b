/** The room's orders: what is to be shipped, and the refunds that wait for the host. */

import { listOrders, type OrderRecord, type OrderStatus, type Product } from "@miaodan/client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import type { Act } from "./act.js";
import { OrderLine } from "./OrderLine.js";
import { OrderFeed } from "./order-feed.js";

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
  const [, draw] = useState(0);
  const feed = useMemo(
    () =>
      new OrderFeed(
        (query, signal) => listOrders(token, { room, ...query }, signal),
        () => draw((count) => count + 1),
      ),
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
  const line = (order: OrderRecord) => (
    <OrderLine
      key={order.order}
      act={props.act}
      order={order}
      product={props.products.find((product) => product.sku === order.sku)}
      busy={feed.settling(order)}
      onDone={() => feed.done(order)}
      onRefused={() => feed.refresh()}
    />
  );
  return (
    <section class="card" data-testid="order-book">
      <header class="book-head">
        <h2>{t("book")}</h2>
        <label>
          <span class="soft">{t("book.show")}</span>
          <select
            data-testid="book-filter"
            value={feed.status ?? ""}
            onChange={(event) => feed.show((event.currentTarget.value || null) as OrderStatus | null)}
          >
            <option value="">{t("book.all")}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t(`order.${status}`)}
              </option>
            ))}
          </select>
        </label>
      </header>
      {feed.failed && (
        <p class="hint" role="status" data-testid="book-failed">
          {t("book.failed")}
        </p>
      )}
      {feed.waiting.length > 0 && (
        <div class="book-waiting" data-testid="book-waiting">
          <h3>{t("book.waiting", { count: feed.waiting.length })}</h3>
          <ol class="book">{feed.waiting.map(line)}</ol>
        </div>
      )}
      {feed.orders === null ? (
        !feed.failed && <p class="empty">{t("loading")}</p>
      ) : feed.orders.length === 0 ? (
        feed.waiting.length === 0 && <p class="empty">{t(feed.status === null ? "book.empty" : "book.noneSuch")}</p>
      ) : (
        <ol class="book" data-testid="book">
          {feed.orders.map(line)}
        </ol>
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
