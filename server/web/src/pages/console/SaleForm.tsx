/** Schedules a flash sale out of a product's stock, and lists the sales there are. */

import { type Product, type RoomClient, type Sale, type SaleSchedule, saleWindow } from "@miaodan/client";
import { useId, useState } from "preact/hooks";
import { Countdown, useServerTime } from "../shared/countdown.js";
import { money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import type { Act } from "./act.js";
import { Field, type Problems, problemFrom, Reading, type Values } from "./form.js";

const NAMES = ["sku", "price", "stock", "starts_in", "duration", "per_user_limit"] as const;
type Name = (typeof NAMES)[number];
const EMPTY: Values<Name> = { sku: "", price: "", stock: "", starts_in: "30", duration: "60", per_user_limit: "1" };
const YEAR_S = 366 * 86_400;

/** The command as it is sent, or what is wrong with what was typed. */
export function readSale(
  values: Values<Name>,
  currency: string,
): { command: SaleSchedule; problems: null } | { command: null; problems: Problems<Name> } {
  const reading = new Reading<Name>(values);
  const command: SaleSchedule = {
    type: "sale.schedule",
    sku: reading.text("sku", 64),
    price: reading.money("price", currency),
    stock: reading.whole("stock", 1, 10 ** 9),
    starts_in_ms: reading.whole("starts_in", 0, YEAR_S) * 1000,
    duration_ms: reading.whole("duration", 1, YEAR_S) * 1000,
    per_user_limit: reading.optional("per_user_limit", () => reading.whole("per_user_limit", 1, 10_000)),
  };
  return reading.ok ? { command, problems: null } : { command: null, problems: reading.problems };
}

export function SaleForm({ act, products, currency }: { act: Act; products: readonly Product[]; currency: string }) {
  const [values, setValues] = useState(EMPTY);
  const [problems, setProblems] = useState<Problems<Name>>({});
  const [busy, setBusy] = useState(false);
  const selectId = useId();
  const sku = products.some((product) => product.sku === values.sku) ? values.sku : (products[0]?.sku ?? "");
  const change = (name: Name, value: string): void => {
    setValues((all) => ({ ...all, [name]: value }));
    setProblems({});
  };
  const field = (name: Name, label: string) => (
    <Field
      label={label}
      name={name}
      testId={`sale-${name}`}
      numeric
      placeholder={name === "per_user_limit" ? t("form.optional") : ""}
      value={values[name]}
      problem={problems[name]}
      onInput={(value) => change(name, value)}
    />
  );
  const submit = async (): Promise<void> => {
    const { command, problems: found } = readSale({ ...values, sku }, currency);
    if (command === null) {
      setProblems(found);
      return;
    }
    setBusy(true);
    const error = await act(command);
    setBusy(false);
    if (error === null) setValues((all) => ({ ...all, price: "", stock: "" }));
    else setProblems(problemFrom(error, NAMES) ?? {});
  };
  return (
    <form
      class="card grid-form"
      data-testid="sale-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>{t("console.sale")}</h2>
      <div class={`field wide${problems.sku === undefined ? "" : " wrong"}`}>
        <label for={selectId}>{t("console.product")}</label>
        <select id={selectId} data-testid="sale-sku" value={sku} onChange={(event) => change("sku", event.currentTarget.value)}>
          {products.map((product) => (
            <option key={product.sku} value={product.sku}>
              {product.title} · {money(product.price, currency)} · {t("stock.left", { count: product.available })}
            </option>
          ))}
        </select>
        <p class="problem">{problems.sku}</p>
      </div>
      {field("price", t("console.salePrice"))}
      {field("stock", t("console.saleStock"))}
      {field("starts_in", t("console.startsIn"))}
      {field("duration", t("console.duration"))}
      {field("per_user_limit", t("console.limit"))}
      <button type="submit" class="primary wide" disabled={busy || products.length === 0} data-testid="sale-submit">
        {t("console.saleDo")}
      </button>
    </form>
  );
}

export function Sales(props: {
  act: Act;
  client: RoomClient;
  sales: readonly Sale[];
  products: readonly Product[];
  currency: string;
}) {
  const sales = props.sales.toSorted((a, b) => b.starts_at - a.starts_at);
  return (
    <section class="card">
      <h2>{t("console.sales")}</h2>
      {sales.length === 0 && <p class="empty">{t("console.noSales")}</p>}
      <ul class="sales" data-testid="sales">
        {sales.map((sale) => (
          <SaleRow key={sale.sale} sale={sale} {...props} />
        ))}
      </ul>
    </section>
  );
}

function SaleRow(props: { act: Act; client: RoomClient; sale: Sale; products: readonly Product[]; currency: string }) {
  const { client, sale } = props;
  const upcoming = sale.phase === "scheduled" && client.clock.now() < sale.starts_at;
  const now = useServerTime(client.clock, upcoming ? sale.starts_at : sale.ends_at, 1_000);
  const window = saleWindow(sale, now);
  const title = props.products.find((product) => product.sku === sale.sku)?.title ?? sale.sku;
  const label = {
    before: t("sale.scheduled"),
    open: t("sale.open"),
    sold_out: t("sale.soldOut"),
    over: t(sale.phase === "cancelled" ? "sale.cancelled" : "sale.ended"),
  }[window];
  return (
    <li data-testid="sale" data-sale={sale.sale} data-window={window}>
      <div>
        <h3>{title}</h3>
        <p class="soft">
          <span class={`tag window-${window}`}>{label}</span> {money(sale.price, props.currency)} ·{" "}
          {t("stock.left", { count: sale.available })}
          {window !== "over" && (
            <>
              {" · "}
              {t(window === "before" ? "sale.startsIn" : "sale.endsIn")}{" "}
              <Countdown clock={client.clock} until={window === "before" ? sale.starts_at : sale.ends_at} />
            </>
          )}
        </p>
      </div>
      {window !== "over" && (
        <SureButton
          label={t("console.saleCancel")}
          sure={t("console.unmountSure")}
          class="plain danger"
          testId="sale-cancel"
          onSure={() => void props.act({ type: "sale.cancel", sale: sale.sale })}
        />
      )}
    </li>
  );
}
