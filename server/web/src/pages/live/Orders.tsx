/** The visitor's orders in this room: where each stands, and what can be done about it. */

import type { Order, OrderCommand, Product, RoomClient } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { clockTime, money, shortTime } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { explain } from "../shared/session.js";

export interface OrdersProps {
  client: RoomClient;
  token: string | null;
  products: readonly Product[];
  onFailed: (text: string) => void;
}

/** Orders that are over are told by the ledger; the socket tells those under way. */
function useHistory(client: RoomClient, token: string | null): void {
  const room = client.room?.id;
  const [, draw] = useState(0);
  useEffect(() => {
    if (token === null || room === undefined) return;
    const stop = new AbortController();
    fetch(`/api/v1/orders?${new URLSearchParams({ room, limit: "50" })}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: stop.signal,
    })
      .then(async (response) => (response.ok ? ((await response.json()) as { orders: Order[] }).orders : []))
      .then((orders) => {
        for (const order of orders) client.keep(order);
        draw((count) => count + 1);
      })
      // The list is then what the socket told; the next opening asks again.
      .catch(() => undefined);
    return () => stop.abort();
  }, [client, token, room]);
}

export function Orders(props: OrdersProps) {
  useHistory(props.client, props.token);
  const orders = [...props.client.orders.values()].sort((a, b) => b.reserved_at - a.reserved_at);
  if (orders.length === 0) return <p class="empty">{t("orders.empty")}</p>;
  return (
    <ol class="orders" data-testid="orders">
      {orders.map((order) => (
        <OrderRow key={order.order} order={order} {...props} />
      ))}
    </ol>
  );
}

function OrderRow({ order, client, products, onFailed }: OrdersProps & { order: Order }) {
  const [busy, setBusy] = useState(false);
  const held = order.status === "reserved";
  const now = useServerTime(client.clock, held ? order.expires_at : null, 1_000);
  const product = products.find((item) => item.sku === order.sku);
  const title = product?.title ?? order.sku;
  const act = async (command: OrderCommand): Promise<void> => {
    setBusy(true);
    try {
      await client.request(command);
    } catch (error) {
      onFailed(explain(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <li data-testid="order" data-status={order.status} data-order={order.order}>
      <ProductPicture title={title} sku={order.sku} image={product?.image ?? null} />
      <div class="shelf-what">
        <h3>{title}</h3>
        <p class="soft">
          {order.sale !== null && <span class="tag">{t("orders.flash")}</span>} ×{order.quantity} · {clockTime(order.reserved_at)}
        </p>
        <p class="price-line">
          <strong>{money(order.amount, order.currency)}</strong>
          <span class={`order-status ${order.status}`}>{t(`order.${order.status}`)}</span>
        </p>
        {held && order.expires_at > now && (
          <p class="soft">{t("orders.payWithin", { time: shortTime(order.expires_at - now) })}</p>
        )}
      </div>
      <div class="order-actions">
        {held && (
          <>
            <button type="button" class="primary" disabled={busy} data-testid="order-pay" onClick={() => void act({ type: "order.pay", order: order.order })}>
              {t("orders.pay")}
            </button>
            <button type="button" class="plain" disabled={busy} data-testid="order-cancel" onClick={() => void act({ type: "order.cancel", order: order.order })}>
              {t("orders.cancel")}
            </button>
          </>
        )}
        {order.status === "paid" && (
          <SureButton
            label={t("orders.refund")}
            sure={t("orders.refundSure")}
            disabled={busy}
            testId="order-refund"
            onSure={() => void act({ type: "order.refund", order: order.order, reason: "" })}
          />
        )}
      </div>
    </li>
  );
}
