/** After the end: what the room brought, and the way to the next one. */

import type { Dashboard, RoomSnapshot } from "@miaodan/client";
import { count, money } from "../shared/format.js";
import { type TextKey, t } from "../shared/i18n.js";
import { ProductBars } from "./ProductBars.js";

/** The id for the room after this one: demo, demo-2, demo-3… within the 64 characters an id may have. */
export function nextRoomId(id: string): string {
  const match = /^(.*?)-(\d{1,6})$/.exec(id);
  const stem = match?.[1] || id;
  const number = match?.[1] ? Number(match[2]) + 1 : 2;
  const tail = `-${number}`;
  return stem.slice(0, 64 - tail.length) + tail;
}

export function Summary({ room, dashboard, now }: { room: RoomSnapshot; dashboard: Dashboard | null; now: number }) {
  const cells: [TextKey, string, string][] = [
    ["console.revenue", dashboard === null ? "…" : money(dashboard.revenue, room.currency), "revenue"],
    ["console.paid", dashboard === null ? "…" : count(dashboard.orders.paid), "paid"],
    ["console.refunded", dashboard === null ? "…" : count(dashboard.orders.refunded), "refunded"],
    ["console.peak", dashboard === null ? "…" : count(dashboard.peak_online), "peak"],
    ["console.likes", count(room.likes), "likes"],
  ];
  const next = nextRoomId(room.id);
  return (
    <section class="card summary" data-testid="summary">
      <h2>{t("summary.title")}</h2>
      <dl class="summary-cells">
        {cells.map(([label, value, name]) => (
          <div key={name} class={name}>
            <dt>{t(label)}</dt>
            <dd data-testid={`summary-${name}`}>{value}</dd>
          </div>
        ))}
      </dl>
      <ProductBars dashboard={dashboard} products={room.products} sales={[]} now={now} />
      <p class="soft">{t("end.books")}</p>
      <a class="button primary big" data-testid="next-room" href={`/console/${encodeURIComponent(next)}`}>
        {t("summary.next", { room: next })}
      </a>
    </section>
  );
}
