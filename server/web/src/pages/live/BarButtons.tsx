/** The bag and the orders in the bar under the stage. */

import type { Product, RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { useOrdersToPay } from "./Orders.js";
import { seenIn } from "./seen.js";

const BOUNCE_MS = 700;

/** The yellow bag with the number of products; it hops when one is put in. */
export function BagButton({ room, products, onOpen }: { room: string; products: readonly Product[]; onOpen: () => void }) {
  useEffect(() => void seenIn(room, products), [room, products]);
  const before = useRef(products.length);
  const [hopping, setHopping] = useState(false);
  useEffect(() => {
    const more = products.length > before.current;
    before.current = products.length;
    if (!more) return;
    setHopping(true);
    const timer = setTimeout(() => setHopping(false), BOUNCE_MS);
    return () => clearTimeout(timer);
  }, [products.length]);
  return (
    <button
      type="button"
      class={`round panel-toggle bag-button${hopping ? " hopping" : ""}`}
      aria-label={`${t("shelf.open")}: ${t("bag.count", { count: products.length })}`}
      data-testid="open-shelf"
      onClick={onOpen}
    >
      <Icon name="bag" filled />
      <span class="badge-count" aria-hidden="true">
        {products.length}
      </span>
    </button>
  );
}

export function OrdersButton({ client, onOpen }: { client: RoomClient; onOpen: () => void }) {
  const toPay = useOrdersToPay(client);
  const label = toPay > 0 ? `${t("orders")}: ${t("orders.needYou", { count: toPay })}` : t("orders");
  return (
    <button
      type="button"
      class="round panel-toggle orders-button"
      aria-label={label}
      data-testid="open-orders"
      data-to-pay={toPay}
      onClick={onOpen}
    >
      <Icon name="receipt" />
      <span class="bar-label" aria-hidden="true">
        {t("orders.short")}
      </span>
      {toPay > 0 && (
        <span class="badge-count" aria-hidden="true">
          {toPay}
        </span>
      )}
    </button>
  );
}

/** Beside the tab's name, where there is no bar button (wide screens). */
export function OrdersBadge({ client }: { client: RoomClient }) {
  const toPay = useOrdersToPay(client);
  return toPay === 0 ? null : (
    <span class="tab-badge" data-testid="orders-badge">
      <span class="unseen">{t("orders.needYou", { count: toPay })}</span>
      <span aria-hidden="true">{toPay}</span>
    </span>
  );
}
