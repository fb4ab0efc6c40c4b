/** Schedules a flash sale out of a product's stock, and shows what viewers will see of it. */

import { type Product, type RoomClient, saleWindow } from "@miaodan/client";
import { useId, useState } from "preact/hooks";
import "../style/live/cards.css";
import "../style/goods/sales.css";
import { useBuying } from "../live/buying.js";
import { FlashCard } from "../live/FlashCard.js";
import { dayTime, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import type { Act } from "./act.js";
import { draftOf } from "./draft.js";
import { Field } from "./form.js";
import {
  describe,
  EMPTY_SALE,
  lasting,
  preview,
  readSale,
  SALE_NAMES,
  type SaleName,
  type SaleValues,
  saved,
} from "./sale-plan.js";
import { useForm } from "./use-form.js";

export { Sales } from "./Sales.js";

const STARTS_S = [30, 60, 300] as const;
const LASTS_S = [60, 180, 300, 600] as const;

export function SaleForm({ act, client, currency }: { act: Act; client: RoomClient; currency: string }) {
  const products = client.room?.products ?? [];
  const draft = draftOf<keyof SaleValues>("sale", client.room?.id ?? "", EMPTY_SALE);
  const chosen = (values: SaleValues): Product | undefined => products.find((item) => item.sku === values.sku) ?? products[0];
  const form = useForm<keyof SaleValues>({
    names: SALE_NAMES,
    empty: EMPTY_SALE,
    draft,
    check: (values) => readSale(values, chosen(values), currency, client.clock.now()).problems ?? {},
    wire: { starts_in_ms: "starts_in", duration_ms: "duration", hold_ms: "hold" },
  });
  const values = form.values;
  const product = chosen(values);
  const now = client.clock.now();
  const { command } = readSale(values, product, currency, now);
  const field = (name: SaleName, label: string, more: { hint?: string; optional?: boolean; type?: "datetime-local" } = {}) => (
    <Field label={label} testId={`sale-${name}`} numeric {...form.field(name)} {...more} />
  );
  const off = command !== null && product !== undefined ? saved(command.price, product.price) : null;
  const overlapping = (client.room?.sales ?? []).find((sale) => sale.sku === product?.sku && saleWindow(sale, now) !== "over");
  const submit = (): Promise<void> =>
    form.submit(async () => {
      const sent = readSale(draft.values, chosen(draft.values), currency, client.clock.now()).command;
      if (sent === null) return null;
      const error = await act(sent);
      if (error === null) {
        const { sku, when, starts_in, duration, per_user_limit, hold } = draft.values;
        draft.clear({ sku, when, starts_in, duration, per_user_limit, hold });
      }
      return error;
    });
  return (
    <form
      class="card long-form"
      data-testid="sale-form"
      noValidate
      ref={form.ref}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>{t("console.sale")}</h2>
      <div class="grid-form">
        <ProductChoice
          products={products}
          sku={product?.sku ?? ""}
          currency={currency}
          problem={form.problems.sku}
          onChoose={form.field("sku").onInput}
        />
        {field("price", t("console.salePrice"), { hint: off !== null ? t("plan.off", { off }) : "" })}
        {field("stock", t("console.saleStock"), {
          hint: product === undefined ? "" : t("plan.available", { count: product.available }),
        })}
        <fieldset class="wide choice">
          <legend>{t("plan.start")}</legend>
          <div class="quick">
            {STARTS_S.map((seconds) => (
              <Chip
                key={seconds}
                testId={`sale-in-${seconds}`}
                on={values.when === "in" && values.starts_in === String(seconds)}
                label={t("plan.chipIn", { time: lasting(seconds * 1_000) })}
                onChoose={() => form.set({ when: "in", starts_in: String(seconds) })}
              />
            ))}
            <Chip
              testId="sale-at"
              on={values.when === "at"}
              label={t("plan.chipAt")}
              onChoose={() => form.set({ when: "at", starts_at: values.starts_at || localText(now + 600_000) })}
            />
          </div>
          {values.when === "at"
            ? field("starts_at", t("plan.atLabel"), { type: "datetime-local" })
            : field("starts_in", t("console.startsIn"))}
        </fieldset>
        <fieldset class="wide choice">
          <legend>{t("plan.lasts")}</legend>
          <div class="quick">
            {LASTS_S.map((seconds) => (
              <Chip
                key={seconds}
                testId={`sale-for-${seconds}`}
                on={values.duration === String(seconds)}
                label={lasting(seconds * 1_000)}
                onChoose={() => form.set({ duration: String(seconds) })}
              />
            ))}
          </div>
          {field("duration", t("console.duration"))}
        </fieldset>
        {field("per_user_limit", t("console.limit"), { optional: true })}
        {field("hold", t("plan.holdLabel"), { optional: true })}
        {overlapping !== undefined && (
          <p class="hint wide" data-testid="sale-overlap">
            {t(saleWindow(overlapping, now) === "before" ? "plan.coming" : "plan.on", {
              start: dayTime(overlapping.starts_at, now),
              end: dayTime(overlapping.ends_at, now),
            })}
          </p>
        )}
        {product !== undefined && <Preview client={client} values={values} product={product} currency={currency} />}
        <p class="wide plan" data-testid="sale-plan" role="status">
          {command === null || product === undefined ? t("plan.fillIn") : describe(command, product, currency, now)}
        </p>
      </div>
      <button type="submit" class="primary" disabled={form.busy || products.length === 0} data-testid="sale-submit">
        {t(form.busy ? "form.sending" : "console.saleDo")}
      </button>
    </form>
  );
}

/** A moment as a `datetime-local` input has it, on this machine's clock. */
export function localText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function Chip(props: { label: string; on: boolean; onChoose: () => void; testId: string }) {
  return (
    <button type="button" class="chip" aria-pressed={props.on} data-testid={props.testId} onClick={props.onChoose}>
      {props.label}
    </button>
  );
}

function ProductChoice(props: {
  products: readonly Product[];
  sku: string;
  currency: string;
  problem: string | undefined;
  onChoose: (sku: string) => void;
}) {
  const id = useId();
  return (
    <div class={`field wide${props.problem === undefined ? "" : " wrong"}`}>
      <label for={id}>{t("console.product")}</label>
      <select
        id={id}
        name="sku"
        data-testid="sale-sku"
        value={props.sku}
        disabled={props.products.length === 0}
        aria-describedby={`${id}-problem`}
        onChange={(event) => props.onChoose(event.currentTarget.value)}
      >
        {props.products.map((product) => (
          <option key={product.sku} value={product.sku}>
            {product.title} · {money(product.price, props.currency)} · {t("stock.left", { count: product.available })}
          </option>
        ))}
      </select>
      <p class="problem" id={`${id}-problem`} data-testid="problem-sku">
        {props.problem}
      </p>
    </div>
  );
}

/** A clock that stands still: the card shows one moment. */
function stillAt(client: RoomClient, now: number): RoomClient {
  return Object.create(client, { clock: { value: { now: () => now, remaining: () => 0 } } }) as RoomClient;
}

function Preview(props: { client: RoomClient; values: SaleValues; product: Product; currency: string }) {
  const [open, setOpen] = useState(false);
  const buying = useBuying(props.client);
  const now = props.client.clock.now();
  const { command } = readSale(props.values, props.product, props.currency, now);
  return (
    <div class="wide card-preview" data-testid="sale-preview">
      <div class="part-head">
        <h3>{t("plan.preview")}</h3>
        <div class="quick">
          <Chip testId="preview-before" label={t("plan.before")} on={!open} onChoose={() => setOpen(false)} />
          <Chip testId="preview-open" label={t("plan.open")} on={open} onChoose={() => setOpen(true)} />
        </div>
      </div>
      <div class="preview-ground" inert>
        <FlashCard
          client={stillAt(props.client, now)}
          sale={preview(props.values, props.product, command, open, now)}
          product={props.product}
          currency={props.currency}
          buying={buying}
          closed={null}
          onSignIn={null}
        />
      </div>
    </div>
  );
}
