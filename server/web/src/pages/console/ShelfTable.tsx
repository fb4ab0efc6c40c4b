/** The shelf as the host arranges it, with what each product has sold. */

import { type Dashboard, type Product, shelfOrder } from "@miaodan/client";
import { useState } from "preact/hooks";
import { money, parseWhole } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { SureButton } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";

interface Props {
  act: Act;
  products: readonly Product[];
  dashboard: Dashboard | null;
  currency: string;
}

export function ShelfTable(props: Props) {
  const products = shelfOrder(props.products);
  const skus = products.map((product) => product.sku);
  /** Exchanges a product with its neighbour. */
  const move = (index: number, by: 1 | -1): void => {
    const next = [...skus];
    const [moved] = next.splice(index, 1);
    if (moved === undefined) return;
    next.splice(index + by, 0, moved);
    void props.act({ type: "product.sort", skus: next });
  };
  return (
    <section class="card">
      <h2>{t("console.shelf")}</h2>
      {products.length === 0 && <p class="empty">{t("shelf.empty")}</p>}
      <ol class="desk-shelf" data-testid="desk-shelf">
        {products.map((product, index) => (
          <Row
            key={product.sku}
            {...props}
            product={product}
            onUp={index === 0 ? null : () => move(index, -1)}
            onDown={index === products.length - 1 ? null : () => move(index, 1)}
          />
        ))}
      </ol>
    </section>
  );
}

function Row({
  act,
  product,
  dashboard,
  currency,
  onUp,
  onDown,
}: Props & { product: Product; onUp: (() => void) | null; onDown: (() => void) | null }) {
  const [restocking, setRestocking] = useState(false);
  const counts = dashboard?.products[product.sku];
  const sku = product.sku;
  return (
    <li data-testid="desk-item" data-sku={sku} class={product.pinned ? "is-pinned" : ""}>
      <div class="move">
        <button
          type="button"
          class="quiet"
          aria-label={t("console.up")}
          data-testid="up"
          disabled={onUp === null}
          onClick={() => onUp?.()}
        >
          <Icon name="up" />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={t("console.down")}
          data-testid="down"
          disabled={onDown === null}
          onClick={() => onDown?.()}
        >
          <Icon name="down" />
        </button>
      </div>
      <ProductPicture title={product.title} sku={sku} image={product.image} />
      <div class="desk-what">
        <h3>
          {product.title} {product.pinned && <span class="tag">{t("shelf.now")}</span>}
        </h3>
        <p class="soft">
          {sku} · {money(product.price, currency)}
        </p>
      </div>
      <dl class="desk-counts">
        <div>
          <dt>{t("console.stock")}</dt>
          <dd data-testid="desk-available">{product.available}</dd>
        </div>
        <div>
          <dt>{t("console.held")}</dt>
          <dd>{counts?.held ?? 0}</dd>
        </div>
        <div>
          <dt>{t("console.sold")}</dt>
          <dd data-testid="desk-sold">{counts?.sold ?? 0}</dd>
        </div>
      </dl>
      <div class="desk-actions">
        <button
          type="button"
          class="plain"
          data-testid="pin"
          onClick={() => void act(product.pinned ? { type: "product.unpin", sku } : { type: "product.pin", sku })}
        >
          {t(product.pinned ? "console.unpin" : "console.pin")}
        </button>
        <button
          type="button"
          class="plain"
          data-testid="restock"
          aria-expanded={restocking}
          onClick={() => setRestocking(!restocking)}
        >
          {t("console.restock")}
        </button>
        <SureButton
          label={t("console.unmount")}
          sure={t("console.unmountSure")}
          class="plain danger"
          testId="unmount"
          onSure={() => void act({ type: "product.unmount", sku })}
        />
      </div>
      {restocking && <Restock act={act} sku={sku} onDone={() => setRestocking(false)} />}
    </li>
  );
}

function Restock({ act, sku, onDone }: { act: Act; sku: string; onDone: () => void }) {
  const [text, setText] = useState("");
  const delta = parseWhole(text, -(10 ** 9), 10 ** 9);
  const able = delta !== null && delta !== 0;
  return (
    <form
      class="restock"
      onSubmit={(event) => {
        event.preventDefault();
        if (!able) return;
        void act({ type: "product.restock", sku, delta }).then((error) => error === null && onDone());
      }}
    >
      <input
        type="text"
        inputMode="numeric"
        autocomplete="off"
        aria-label={t("console.restockBy")}
        placeholder={t("console.restockBy")}
        data-testid="restock-delta"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="primary" data-testid="restock-submit" disabled={!able}>
        {t("console.apply")}
      </button>
    </form>
  );
}
