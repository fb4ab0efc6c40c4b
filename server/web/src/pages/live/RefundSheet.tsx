/** Asks the host for a refund of what was shipped: all that is left, or a part. */

import { newRequestId, type Order, type OrderRefund } from "@miaodan/client";
import { useId, useState } from "preact/hooks";
import { money, plainAmount } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Sheet } from "../shared/parts.js";
import { askedFor, refundable } from "./refunding.js";

const REASONS = ["refund.damaged", "refund.wrong", "refund.late", "refund.unwanted"] as const;

export function RefundSheet({
  order,
  onAsk,
  onClose,
}: {
  order: Order;
  onAsk: (command: OrderRefund) => void;
  onClose: () => void;
}) {
  const left = refundable(order);
  const [reason, setReason] = useState("");
  const [text, setText] = useState(plainAmount(left, order.currency));
  const [requestId] = useState(newRequestId);
  const id = useId();
  const amount = askedFor(text, left, order.currency);
  const sum = (minor: number): string => money(minor, order.currency);
  return (
    <Sheet title={t("orders.refundAsk")} onClose={onClose} testId="refund-sheet">
      <form
        class="refund-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (amount === null) return;
          const part = amount === left ? {} : { amount, request_id: requestId };
          onAsk({ type: "order.refund", order: order.order, reason: reason.trim(), ...part });
        }}
      >
        <p class="soft">{t("orders.refundHelp")}</p>
        <label for={`${id}-amount`}>{t("orders.refundAmount", { currency: order.currency })}</label>
        <div class="refund-amount">
          <input
            id={`${id}-amount`}
            type="text"
            inputMode="decimal"
            autocomplete="off"
            data-testid="refund-amount"
            value={text}
            aria-invalid={amount === null}
            aria-describedby={`${id}-most`}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button type="button" class="plain" data-testid="refund-all" onClick={() => setText(plainAmount(left, order.currency))}>
            {t("orders.refundAll")}
          </button>
        </div>
        <p id={`${id}-most`} class={amount === null ? "field-bad" : "soft"} data-testid="refund-most">
          {amount === null
            ? t("orders.refundAmountBad", { least: sum(1), most: sum(left) })
            : t("orders.refundAmountHelp", { amount: sum(left) })}
        </p>
        <label for={`${id}-why`}>{t("orders.refundWhy")}</label>
        <div class="refund-reasons">
          {REASONS.map((key) => (
            <button key={key} type="button" class="chip" onClick={() => setReason(t(key))}>
              {t(key)}
            </button>
          ))}
        </div>
        <textarea
          id={`${id}-why`}
          rows={2}
          maxLength={200}
          data-testid="refund-reason"
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <button type="submit" class="primary" data-testid="refund-submit" disabled={amount === null}>
          {t("orders.refundSend", { amount: sum(amount ?? left) })}
        </button>
        <p class="soft">{t("orders.refundUntil")}</p>
      </form>
    </Sheet>
  );
}
