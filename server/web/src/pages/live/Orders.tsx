/** The visitor's orders in this room: where each stands, and what can be done about it. */

import { listOrders, type Order, type OrderCommand, type Product, type RoomClient, refusedWith } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { dayTime, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { explain } from "../shared/session.js";
import { RefundSheet } from "./RefundSheet.js";
import { type Deed, deeds, notes, stillThere } from "./standing.js";

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
    listOrders(token, { room, limit: 50 }, stop.signal)
      .then(({ orders }) => {
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
  const [asking, setAsking] = useState(false);
  const now = useServerTime(client.clock, order.status === "reserved" ? order.expires_at : null, 1_000);
  const product = products.find((item) => item.sku === order.sku);
  const title = product?.title ?? order.sku;
  const paying = client.paying(order);
  const there = client.room !== null && stillThere(order, client.room, now);
  const act = async (command: OrderCommand): Promise<void> => {
    setBusy(true);
    try {
      await client.request(command);
    } catch (error) {
      const gone = command.type === "order.pay" && refusedWith(error, "sold_out");
      onFailed(gone ? t("orders.payLateGone") : explain(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <li data-testid="order" data-status={order.status} data-order={order.order} data-paying={paying}>
      <ProductPicture title={title} sku={order.sku} image={product?.image ?? null} />
      <div class="shelf-what">
        <h3>{title}</h3>
        <p class="soft">
          {order.sale !== null && <span class="tag">{t("orders.flash")}</span>} ×{order.quantity} ·{" "}
          {dayTime(order.reserved_at, now)}
        </p>
        <p class="price-line">
          <strong>{money(order.amount, order.currency)}</strong>
          <span class={`order-status ${order.status}`}>{t(`order.${order.status}`)}</span>
        </p>
        {notes(order, paying, there, now).map((note) => (
          <p key={note} class="soft" data-testid="order-note">
            {note}
          </p>
        ))}
      </div>
      <div class="order-actions">
        {deeds(order, paying, there, now).map((deed) => (
          <DeedButton
            key={deed}
            deed={deed}
            busy={busy}
            onDo={() => {
              if (deed === "ask") setAsking(true);
              else void act({ type: `order.${deed}`, order: order.order });
            }}
          />
        ))}
      </div>
      {asking && (
        <RefundSheet
          order={order}
          onClose={() => setAsking(false)}
          onAsk={(reason) => {
            setAsking(false);
            void act({ type: "order.refund", order: order.order, reason });
          }}
        />
      )}
    </li>
  );
}

function DeedButton({ deed, busy, onDo }: { deed: Deed; busy: boolean; onDo: () => void }) {
  if (deed === "refund") {
    return (
      <SureButton label={t("orders.refund")} sure={t("orders.refundSure")} disabled={busy} testId="order-refund" onSure={onDo} />
    );
  }
  return (
    <button
      type="button"
      class={deed === "pay" ? "primary" : "plain"}
      disabled={busy}
      data-testid={`order-${deed}`}
      onClick={onDo}
    >
      {t(deed === "ask" ? "orders.refund" : `orders.${deed}`)}
    </button>
  );
}
