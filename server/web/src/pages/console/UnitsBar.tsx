/** Where units are: sold, on hold, available. */

import { t } from "../shared/i18n.js";

export function UnitsBar({ available, held, sold }: { available: number; held: number; sold: number }) {
  const all = available + held + sold;
  const share = (units: number): string => `${all === 0 ? 0 : (100 * units) / all}%`;
  return (
    <div class="units-bar" role="img" aria-label={t("goods.bar", { available, held, sold })}>
      <span class="part-sold" style={{ width: share(sold) }} />
      <span class="part-held" style={{ width: share(held) }} />
    </div>
  );
}
