/** What went wrong with a payment after the reply: it stays until the buyer has closed it. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { type Trouble, troubleOf, troubleText } from "./standing.js";

/** More are not shown at a time: the oldest makes room. */
const SHOWN = 3;

export function Troubles({ client, onOrders }: { client: RoomClient; onOrders: () => void }) {
  const [troubles, setTroubles] = useState<readonly Trouble[]>([]);
  const drop = (order: string): void => setTroubles((all) => all.filter((other) => other.order !== order));
  useEffect(
    () =>
      client.on("error", (event) => {
        const trouble = troubleOf(event);
        if (trouble === null) return;
        setTroubles((all) => [...all.filter((other) => other.order !== trouble.order), trouble].slice(-SHOWN));
      }),
    [client],
  );
  return (
    <div class="troubles" role="alert">
      {troubles.map((trouble) => {
        const order = client.orders.get(trouble.order);
        const title =
          order === undefined ? undefined : (client.room?.products.find((item) => item.sku === order.sku)?.title ?? order.sku);
        const text = troubleText(trouble, order, title);
        return text === null ? null : (
          <div key={trouble.order} class="trouble" data-testid="trouble" data-order={trouble.order} data-code={trouble.code}>
            <p>{text}</p>
            <button
              type="button"
              class="small"
              onClick={() => {
                drop(trouble.order);
                onOrders();
              }}
            >
              {t("orders")}
            </button>
            <button type="button" class="quiet" aria-label={t("close")} onClick={() => drop(trouble.order)}>
              <Icon name="close" />
            </button>
          </div>
        );
      })}
    </div>
  );
}
