/** How much of a product or sale is taken, as a bar and in words. */

import { t } from "../shared/i18n.js";
import { taken } from "./offer.js";

/** Below this there is no bar: a sliver under its word looks like a stain. */
const DRAWN_PERCENT = 5;

export function StockBar(props: { available: number; total: number; limit: number | null; mine?: number; testId?: string }) {
  const { available, total, limit, mine = 0 } = props;
  const { percent, urgent } = taken(available, total);
  const left = available <= 0 ? t("stock.none") : t(urgent ? "stock.only" : "stock.left", { count: available });
  const rules = [
    limit === null ? null : t("limit.per", { count: limit }),
    mine > 0 ? t("card.mine", { count: mine }) : null,
  ].filter((part) => part !== null);
  return (
    <div class={`stock-told${urgent ? " urgent" : ""}`}>
      {percent !== null && (
        <span
          class={`stock-bar${percent < DRAWN_PERCENT ? " none" : ""}`}
          aria-hidden="true"
          data-testid="stock-bar"
          data-percent={percent}
        >
          <i style={{ width: `${percent}%` }} />
          {percent >= DRAWN_PERCENT && <b>{t("stock.taken", { percent })}</b>}
        </span>
      )}
      <p class="soft stock" data-testid={props.testId ?? "stock"} data-available={available}>
        <span class={urgent ? "few" : ""}>{left}</span>
        {rules.length > 0 && ` · ${rules.join(" · ")}`}
      </p>
    </div>
  );
}
