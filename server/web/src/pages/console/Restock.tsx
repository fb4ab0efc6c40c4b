/** Adds units to a product, or takes some away. */

import type { Product } from "@miaodan/client";
import { useState } from "preact/hooks";
import { parseWhole } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import type { Act } from "./act.js";

const QUICK = [10, 50, 100] as const;
const MOST = 10 ** 9;

export function Restock({ act, product, onDone }: { act: Act; product: Product; onDone: () => void }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const delta = parseWhole(text, -MOST, MOST);
  const after = product.available + (delta ?? 0);
  const wrong =
    text.trim() === "" || text.trim() === "-" || text.trim() === "+"
      ? null
      : delta === null
        ? t("form.nonzero")
        : after < 0
          ? t("goods.tooFew", { count: product.available })
          : null;
  const able = delta !== null && delta !== 0 && after >= 0 && !busy;
  const add = (by: number): void => {
    setProblem(null);
    setText(String((delta ?? 0) + by));
  };
  return (
    <form
      class="row-panel restock-panel"
      onSubmit={(event) => {
        event.preventDefault();
        if (!able) return;
        setBusy(true);
        void act({ type: "product.restock", sku: product.sku, delta }).then((error) => {
          setBusy(false);
          if (error === null) onDone();
          else setProblem(error.message);
        });
      }}
    >
      <div class="stepper">
        <button type="button" class="round small" aria-label={t("goods.less")} data-testid="restock-less" onClick={() => add(-1)}>
          <Icon name="minus" />
        </button>
        <input
          type="text"
          inputMode="numeric"
          autocomplete="off"
          aria-label={t("console.restockBy")}
          aria-invalid={wrong !== null || problem !== null}
          aria-describedby={`after-${product.sku}`}
          placeholder="±0"
          data-testid="restock-delta"
          value={text}
          onInput={(event) => {
            setProblem(null);
            setText(event.currentTarget.value);
          }}
        />
        <button type="button" class="round small" aria-label={t("goods.more")} data-testid="restock-more" onClick={() => add(1)}>
          <Icon name="plus" />
        </button>
      </div>
      <div class="quick">
        {QUICK.map((units) => (
          <button type="button" class="chip" key={units} data-testid={`restock-${units}`} onClick={() => add(units)}>
            +{units}
          </button>
        ))}
      </div>
      <button type="submit" class="primary" data-testid="restock-submit" disabled={!able}>
        {t("console.apply")}
      </button>
      <p
        id={`after-${product.sku}`}
        class={wrong !== null || problem !== null ? "problem" : "soft"}
        role="status"
        data-testid="restock-after"
      >
        {problem ?? wrong ?? t("goods.after", { before: product.available, after })}
      </p>
    </form>
  );
}
