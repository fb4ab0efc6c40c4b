/** One order of the visitor's. */

import { type Order, type OrderCommand, type RoomClient, refusedWith } from "@miaodan/client";
import { useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { dayTime, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { SureButton } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { explain } from "../shared/session.js";
import { timeline } from "./order-groups.js";
import { RefundSheet } from "./RefundSheet.js";
import type { Seen } from "./seen.js";
import { type Deed, deeds, notes, stillThere } from "./standing.js";
import { orderNumber } from "./told.js";

export interface OrderRowProps {
  order: Order;
  client: RoomClient;
  /** The product as it was last seen. */
  seen: Seen | undefined;
  onFailed: (text: string) => void;
}

export function OrderRow({ order, client, seen, onFailed }: OrderRowProps) {
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const now = useServerTime(client.clock, order.status === "reserved" ? order.expires_at : null, 1_000);
  const title = seen?.title ?? order.sku;
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
      <div class="order-head">
        <span class={`order-status ${order.status}`}>{t(`order.${order.status}`)}</span>
        <span class="soft">{t("orders.number", { number: orderNumber(order.order) })}</span>
      </div>
      <div class="order-what">
        <ProductPicture title={title} sku={order.sku} image={seen?.image ?? null} />
        <div class="shelf-what">
          <h3>{title}</h3>
          <p class="soft">
            {order.sale !== null && <span class="tag">{t("orders.flash")}</span>} ×{order.quantity} ·{" "}
            {dayTime(order.reserved_at, now)}
          </p>
        </div>
        <strong class="order-amount">{money(order.amount, order.currency)}</strong>
      </div>
      <Timeline order={order} />
      {notes(order, paying, there, now).map((note) => (
        <p key={note} class="soft order-note" data-testid="order-note">
          {note}
        </p>
      ))}
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
          onAsk={(command) => {
            setAsking(false);
            void act(command);
          }}
        />
      )}
    </li>
  );
}

function Timeline({ order }: { order: Order }) {
  const steps = timeline(order);
  if (steps === null) return null;
  return (
    <ol class="order-steps" data-testid="order-steps">
      {steps.map((step) => (
        <li key={step.name} class={step.done ? "done" : ""} data-step={step.name}>
          <i aria-hidden="true">{step.done && <Icon name="check" />}</i>
          <span>{t(`orders.step${step.name}`)}</span>
        </li>
      ))}
    </ol>
  );
}

function DeedButton({ deed, busy, onDo }: { deed: Deed; busy: boolean; onDo: () => void }) {
  if (deed === "refund") {
    return (
      <SureButton label={t("orders.refund")} sure={t("orders.refundSure")} disabled={busy} testId="order-refund" onSure={onDo} />
    );
  }
  if (deed === "cancel") {
    return (
      <SureButton label={t("orders.cancel")} sure={t("orders.cancelSure")} disabled={busy} testId="order-cancel" onSure={onDo} />
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
