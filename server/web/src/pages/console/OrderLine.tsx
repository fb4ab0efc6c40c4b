/** One order on the host's desk, with what the host may do about it. */

import type { HostCommand, OrderRecord, Product } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { dayTime, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";
import { lasting } from "./sale-plan.js";

export interface OrderLineProps {
  act: Act;
  order: OrderRecord;
  product: Product | undefined;
  /** Something was done to it, and is not to be seen yet. */
  busy: boolean;
  /** It came in while the host looked. */
  fresh: boolean;
  onDone: () => void;
  onRefused: () => void;
}

export function OrderLine({ act, order, product, busy, fresh, onDone, onRefused }: OrderLineProps) {
  const [sending, setSending] = useState(false);
  const [declining, setDeclining] = useState(false);
  const still = sending || busy;
  const title = product?.title ?? order.sku;
  const sum = (minor: number): string => money(minor, order.currency);
  const back = order.refunded ?? 0;
  const waits = order.status === "refunding" && order.refund_due_at !== undefined;
  const run = async (command: HostCommand): Promise<void> => {
    setSending(true);
    const error = await act(command);
    setSending(false);
    if (error !== null) onRefused();
    else {
      setDeclining(false);
      onDone();
    }
  };
  return (
    <li
      data-testid="book-order"
      data-order={order.order}
      data-status={order.status}
      aria-busy={still}
      class={fresh ? "fresh" : ""}
    >
      <ProductPicture title={title} sku={order.sku} image={product?.image ?? null} />
      <div class="desk-what">
        <h3 title={title}>
          <span class="book-title">{title}</span> <span>×{order.quantity}</span>{" "}
          {order.sale !== null && <span class="tag">{t("orders.flash")}</span>}{" "}
          {fresh && <span class="tag window-open">{t("book.new")}</span>}
        </h3>
        <p class="book-facts">
          <strong>{sum(order.amount)}</strong> <span class={`tag book-status ${order.status}`}>{t(`order.${order.status}`)}</span>{" "}
          <span class="soft">
            {order.user} · {dayTime(order.reserved_at)}
          </span>
        </p>
        {back > 0 && back < order.amount && (
          <p class="soft">{t("orders.refundedPart", { refunded: sum(back), amount: sum(order.amount) })}</p>
        )}
        {order.status === "refunding" && (
          <p data-testid="book-refund">
            {t(waits ? "book.wants" : "book.coming", { amount: sum(order.refunding ?? order.amount - back) })}
          </p>
        )}
        {waits && order.reason && <p class="book-reason">{t("book.why", { reason: order.reason })}</p>}
        {waits && (
          <p class="soft" data-testid="book-due">
            {t("book.due", { time: dayTime(order.refund_due_at ?? 0) })} ·{" "}
            {t("book.dueIn", { time: lasting(Math.max(0, (order.refund_due_at ?? 0) - Date.now())) })}
          </p>
        )}
      </div>
      <div class="book-actions">
        {order.status === "paid" && (
          <button
            type="button"
            class="primary"
            data-testid="ship"
            disabled={still}
            onClick={() => void run({ type: "order.ship", order: order.order })}
          >
            {t("book.ship")}
          </button>
        )}
        {order.status === "shipped" && (
          <button
            type="button"
            class="plain"
            data-testid="deliver"
            disabled={still}
            onClick={() => void run({ type: "order.deliver", order: order.order })}
          >
            {t("book.deliver")}
          </button>
        )}
        {waits && (
          <>
            <SureButton
              label={t("book.approve")}
              sure={t("book.approveSure", { amount: sum(order.refunding ?? 0) })}
              class="primary"
              disabled={still}
              testId="approve"
              onSure={() => void run({ type: "refund.approve", order: order.order })}
            />
            <button
              type="button"
              class="plain"
              data-testid="decline"
              aria-expanded={declining}
              disabled={still}
              onClick={() => setDeclining(!declining)}
            >
              {t("book.decline")}
            </button>
          </>
        )}
      </div>
      {waits && declining && (
        <DeclineForm busy={still} onDecline={(reason) => void run({ type: "refund.decline", order: order.order, reason })} />
      )}
    </li>
  );
}

function DeclineForm({ busy, onDecline }: { busy: boolean; onDecline: (reason: string) => void }) {
  const [reason, setReason] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      class="restock"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim() !== "") onDecline(reason.trim());
      }}
    >
      <input
        type="text"
        maxLength={200}
        autocomplete="off"
        aria-label={t("book.declineWhy")}
        placeholder={t("book.declineWhy")}
        data-testid="decline-reason"
        ref={input}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="primary" data-testid="decline-submit" disabled={busy || reason.trim() === ""}>
        {t("book.decline")}
      </button>
    </form>
  );
}
