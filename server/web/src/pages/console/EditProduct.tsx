/** Changes a product on the shelf, in its row. */

import type { Product } from "@miaodan/client";
import { useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";
import { Field } from "./form.js";
import { asTyped, EDITED, type Edited, readChanges } from "./product-changes.js";
import { useForm } from "./use-form.js";

interface Props {
  act: Act;
  product: Product;
  currency: string;
  onDone: () => void;
}

export function EditProduct({ act, product: shown, currency, onDone }: Props) {
  // What somebody else changes meanwhile is no change of this form's.
  const [product] = useState(shown);
  const form = useForm<Edited>({
    names: EDITED,
    empty: asTyped(product, currency),
    draft: null,
    check: (values) => readChanges(product, values, currency).problems,
  });
  const { command } = readChanges(product, form.values, currency);
  const field = (name: Edited, label: string, numeric: boolean) => (
    <Field label={label} testId={`edit-${name}`} numeric={numeric} {...form.field(name)} />
  );
  return (
    <form
      class="row-panel grid-form"
      data-testid="edit-form"
      noValidate
      ref={form.ref}
      onKeyDown={(event) => event.key === "Escape" && onDone()}
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit(async () => {
          const error = command === null ? null : await act(command);
          if (error === null) onDone();
          return error;
        });
      }}
    >
      <div class="wide">{field("title", t("console.productTitle"), false)}</div>
      {field("price", t("console.price"), true)}
      {field("list_price", t("console.listPrice"), true)}
      {field("per_user_limit", t("console.limit"), true)}
      <div class="wide picture-field">
        <ProductPicture
          key={form.values.image}
          title={form.values.title}
          sku={product.sku}
          image={form.values.image.trim() === "" ? null : form.values.image.trim()}
        />
        {field("image", t("console.image"), false)}
      </div>
      <div class="row wide">
        <button type="submit" class="primary" data-testid="edit-submit" disabled={form.busy || command === null}>
          {t("goods.save")}
        </button>
        <button type="button" class="plain" data-testid="edit-cancel" onClick={onDone}>
          {t("cancel")}
        </button>
      </div>
    </form>
  );
}
