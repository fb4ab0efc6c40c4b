/** What became of the latest attempt to buy, said where the button was pressed. */

import type { Order, RoomClient } from "@miaodan/client";
import { useServerTime } from "../shared/countdown.js";
import { money, shortTime } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import type { Attempt } from "./buying.js";

export function Outcome(props: { client: RoomClient; attempt: Attempt | undefined; onClear: () => void }) {
  const { client, attempt } = props;
  if (attempt === undefined || attempt.state === "placing") return null;
  const order = attempt.state === "accepted" ? client.orders.get(attempt.order) : undefined;
  const good = order?.status === "paid";
  const paying = order !== undefined && client.paying(order);
  return (
    <div
      class={`outcome ${attempt.state === "refused" ? "bad" : good ? "good" : "plain"}`}
      role="status"
      data-testid="outcome"
      data-status={attempt.state === "refused" ? attempt.code : paying ? "paying" : (order?.status ?? "")}
    >
      <span>
        {attempt.state === "refused" ? attempt.text : order !== undefined ? <Standing client={client} order={order} /> : null}
      </span>
      <button type="button" class="quiet" aria-label={t("close")} onClick={props.onClear}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function Standing({ client, order }: { client: RoomClient; order: Order }) {
  const held = order.status === "reserved";
  const now = useServerTime(client.clock, held ? order.expires_at : null, 1_000);
  if (order.status === "paid") return <>{t("buy.paidLong", { amount: money(order.amount, order.currency) })}</>;
  if (client.paying(order)) return <>{t("buy.payingLong")}</>;
  if (held) return <>{t("buy.heldLong", { time: shortTime(order.expires_at - now) })}</>;
  return <>{t(`order.${order.status}`)}</>;
}
