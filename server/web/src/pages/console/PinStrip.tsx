/** The shelf beneath a phone's preview: a tap shows a product to the viewers, another takes it back. */

import type { Product } from "@miaodan/client";
import { t } from "../shared/i18n.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";

export interface PinStripProps {
  act: Act;
  /** In the shelf's order. */
  products: readonly Product[];
  able: boolean;
}

export function PinStrip({ act, products, able }: PinStripProps) {
  if (products.length === 0) return null;
  return (
    <ul class="pin-strip" aria-label={t("console.pin")} data-testid="pin-strip">
      {products.map(({ sku, title, image, pinned }) => (
        <li key={sku}>
          <button
            type="button"
            disabled={!able}
            aria-pressed={pinned}
            aria-label={`${t("console.pin")}: ${title}`}
            title={title}
            data-testid="strip-pin"
            data-sku={sku}
            onClick={() => void act({ type: pinned ? "product.unpin" : "product.pin", sku })}
          >
            <ProductPicture key={image} title={title} sku={sku} image={image} />
            {pinned && (
              <span class="pin-now" aria-hidden="true">
                {t("desk.pinNow")}
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}
