/** Mounts a product on the shelf. */

import type { ProductInput } from "@miaodan/client";
import { useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import type { Act } from "./act.js";
import { Field, type Problems, problemFrom, Reading, type Values } from "./form.js";

const NAMES = ["sku", "title", "price", "list_price", "stock", "per_user_limit", "image"] as const;
type Name = (typeof NAMES)[number];
const EMPTY: Values<Name> = { sku: "", title: "", price: "", list_price: "", stock: "", per_user_limit: "", image: "" };

/** The product as it is sent, or what is wrong with what was typed. */
export function readProduct(
  values: Values<Name>,
  currency: string,
): { product: ProductInput; problems: null } | { product: null; problems: Problems<Name> } {
  const reading = new Reading<Name>(values);
  const product: ProductInput = {
    sku: reading.sku("sku"),
    title: reading.text("title", 200),
    price: reading.money("price", currency),
    stock: reading.whole("stock", 0, 10 ** 9),
    list_price: reading.optional("list_price", () => reading.money("list_price", currency)),
    per_user_limit: reading.optional("per_user_limit", () => reading.whole("per_user_limit", 1, 10_000)),
    image: reading.optional("image", () => reading.text("image", 2048)),
  };
  if (product.list_price != null && product.list_price < product.price) reading.wrong("list_price", t("form.list"));
  return reading.ok ? { product, problems: null } : { product: null, problems: reading.problems };
}

export function MountForm({ act, currency }: { act: Act; currency: string }) {
  const [values, setValues] = useState(EMPTY);
  const [problems, setProblems] = useState<Problems<Name>>({});
  const [busy, setBusy] = useState(false);
  const field = (name: Name, label: string, options: { numeric?: boolean; placeholder?: string } = {}) => (
    <Field
      label={label}
      name={name}
      testId={`mount-${name}`}
      value={values[name]}
      problem={problems[name]}
      onInput={(value) => {
        setValues((all) => ({ ...all, [name]: value }));
        setProblems((all) => {
          const { [name]: _gone, ...rest } = all;
          return rest as Problems<Name>;
        });
      }}
      {...options}
    />
  );
  const submit = async (): Promise<void> => {
    const { product, problems: found } = readProduct(values, currency);
    if (product === null) {
      setProblems(found);
      return;
    }
    setBusy(true);
    const error = await act({ type: "product.mount", product });
    setBusy(false);
    if (error === null) setValues(EMPTY);
    else setProblems(problemFrom(error, NAMES) ?? {});
  };
  return (
    <form
      class="card grid-form"
      data-testid="mount-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>{t("console.mount")}</h2>
      {field("sku", t("console.sku"), { placeholder: "tea-01" })}
      {field("title", t("console.productTitle"))}
      {field("price", t("console.price"), { numeric: true, placeholder: "9.90" })}
      {field("list_price", t("console.listPrice"), { numeric: true, placeholder: t("form.optional") })}
      {field("stock", t("console.units"), { numeric: true, placeholder: "100" })}
      {field("per_user_limit", t("console.limit"), { numeric: true, placeholder: t("form.optional") })}
      <div class="wide">{field("image", t("console.image"), { placeholder: t("form.optional") })}</div>
      <button type="submit" class="primary wide" disabled={busy} data-testid="mount-submit">
        {t("console.mountDo")}
      </button>
    </form>
  );
}
