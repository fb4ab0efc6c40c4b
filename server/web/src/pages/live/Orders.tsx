/** The visitor's orders in this room: where each stands, and what can be done about it. */

import type { Product, RoomClient } from "@miaodan/client";
import { useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { useHistory } from "./history.js";
import { OrderRow } from "./OrderRow.js";
import { countGroups, GROUPS, type Group, inGroup, needBuyer } from "./order-groups.js";
import { seenIn } from "./seen.js";

export interface OrdersProps {
  client: RoomClient;
  token: string | null;
  products: readonly Product[];
  onFailed: (text: string) => void;
  /** Leads to something to buy. */
  onShelf?: () => void;
}

export function Orders(props: OrdersProps) {
  const { client, token, products } = props;
  const history = useHistory(client, token);
  const [group, setGroup] = useState<Group>("all");
  const seen = seenIn(client.room?.id ?? "", products);
  const orders = [...client.orders.values()].sort((a, b) => b.reserved_at - a.reserved_at);
  const counts = countGroups(orders);
  const chosen = counts[group] > 0 ? group : "all";
  if (orders.length === 0 && history.state === "loading") return <Skeleton />;
  return (
    <>
      {orders.length > 1 && <Filter counts={counts} chosen={chosen} onChoose={setGroup} />}
      {orders.length === 0 && history.state === "ready" && <Nothing onShelf={props.onShelf} />}
      {orders.length > 0 && (
        <ol class="orders" data-testid="orders">
          {orders
            .filter((order) => inGroup(order, chosen))
            .map((order) => (
              <OrderRow key={order.order} order={order} client={client} seen={seen.get(order.sku)} onFailed={props.onFailed} />
            ))}
        </ol>
      )}
      {history.state === "failed" && (
        <div class="orders-more" role="alert" data-testid="orders-failed">
          <p class="soft">{t("orders.failed")}</p>
          <button type="button" class="plain" data-testid="orders-retry" onClick={history.load}>
            {t("orders.retry")}
          </button>
        </div>
      )}
      {history.state === "ready" && history.more && (
        <div class="orders-more">
          <button type="button" class="plain" data-testid="orders-older" onClick={history.load}>
            {t("orders.older")}
          </button>
        </div>
      )}
      {orders.length > 0 && history.state === "loading" && (
        <p class="orders-more soft" role="status">
          <span class="spinner" aria-hidden="true" /> {t("orders.loading")}
        </p>
      )}
    </>
  );
}

function Filter(props: { counts: Record<Group, number>; chosen: Group; onChoose: (group: Group) => void }) {
  return (
    <div class="order-filter" role="group" aria-label={t("orders.filter")}>
      {GROUPS.filter((group) => group === "all" || props.counts[group] > 0).map((group) => (
        <button
          key={group}
          type="button"
          class="chip"
          aria-pressed={props.chosen === group}
          data-testid={`orders-${group}`}
          onClick={() => props.onChoose(group)}
        >
          {t(`orders.${group}`)} {props.counts[group]}
        </button>
      ))}
    </div>
  );
}

function Nothing({ onShelf }: { onShelf: (() => void) | undefined }) {
  return (
    <div class="orders-none" data-testid="orders-none">
      <Icon name="receipt" />
      <h3>{t("orders.empty")}</h3>
      <p class="soft">{t("orders.emptyHelp")}</p>
      {onShelf !== undefined && (
        <button type="button" class="primary" onClick={onShelf}>
          {t("orders.emptyGo")}
        </button>
      )}
    </div>
  );
}

function Skeleton() {
  return (
    <div class="orders-skeleton" role="status" data-testid="orders-loading">
      <span class="unseen">{t("orders.loading")}</span>
      {[1, 2, 3].map((row) => (
        <i key={row} aria-hidden="true" />
      ))}
    </div>
  );
}

/** How many orders wait for this buyer, drawn anew as their time runs out. */
export function useOrdersToPay(client: RoomClient): number {
  const paying = client.paying.bind(client);
  const open = needBuyer(client.orders.values(), paying, client.clock.now());
  const next = open.length === 0 ? null : Math.min(...open.map((order) => order.expires_at));
  const now = useServerTime(client.clock, next, 60_000);
  return needBuyer(open, paying, now).length;
}
