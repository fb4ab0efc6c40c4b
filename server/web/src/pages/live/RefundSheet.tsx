/** Asks the host for a refund of what was shipped. */

import type { Order } from "@miaodan/client";
import { useId, useState } from "preact/hooks";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Sheet } from "../shared/parts.js";

export function RefundSheet({ order, onAsk, onClose }: { order: Order; onAsk: (reason: string) => void; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const id = useId();
  const left = money(order.amount - (order.refunded ?? 0), order.currency);
  return (
    <Sheet title={t("orders.refundAsk")} onClose={onClose} testId="refund-sheet">
      <form
        class="refund-form"
        onSubmit={(event) => {
          event.preventDefault();
          onAsk(reason.trim());
        }}
      >
        <p class="soft">{t("orders.refundHelp")}</p>
        <p class="total">
          <span>{t("orders.refundLeft")}</span> <strong class="price">{left}</strong>
        </p>
        <label for={id}>{t("orders.refundWhy")}</label>
        <textarea
          id={id}
          rows={2}
          maxLength={200}
          data-testid="refund-reason"
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <button type="submit" class="primary" data-testid="refund-submit">
          {t("orders.refundSend", { amount: left })}
        </button>
      </form>
    </Sheet>
  );
}
