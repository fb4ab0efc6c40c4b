/** Mounts a product on the shelf. */

import type { ProductInput, RoomClient } from "@miaodan/client";
import { useRef, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { ProductPicture } from "../shared/pictures.js";
import type { Act } from "./act.js";
import { draftOf } from "./draft.js";
import { Field } from "./form.js";
import { exampleAmount, type Problems, Reading, type Values } from "./reading.js";
import { smallPicture } from "./small-picture.js";
import { suggestSku } from "./suggest-sku.js";
import { useForm } from "./use-form.js";

const NAMES = ["title", "sku", "price", "list_price", "stock", "per_user_limit", "image"] as const;
type Name = (typeof NAMES)[number];
const EMPTY: Values<Name> = { sku: "", title: "", price: "", list_price: "", stock: "", per_user_limit: "", image: "" };

/** The product as it is sent, or what is wrong with what was typed. `taken`: the skus on the shelf. */
export function readProduct(
  values: Values<Name>,
  currency: string,
  taken: readonly string[] = [],
): { product: ProductInput; problems: null } | { product: null; problems: Problems<Name> } {
  const reading = new Reading<Name>(values);
  const product: ProductInput = {
    sku: reading.sku("sku", taken),
    title: reading.text("title", 200),
    price: reading.money("price", currency),
    stock: reading.whole("stock", 0, 10 ** 9),
    list_price: reading.optional("list_price", () => reading.money("list_price", currency)),
    per_user_limit: reading.optional("per_user_limit", () => reading.whole("per_user_limit", 1, 10_000)),
    image: reading.optional("image", () => reading.image("image")),
  };
  if (product.list_price != null && product.list_price < product.price) reading.wrong("list_price", t("form.list"));
  return reading.ok ? { product, problems: null } : { product: null, problems: reading.problems };
}

interface Props {
  act: Act;
  client: RoomClient;
  currency: string;
  /** The product is on the shelf, and no other is to follow. */
  onDone: () => void;
}

export function MountForm({ act, client, currency, onDone }: Props) {
  const room = client.room;
  const taken = (room?.products ?? []).map((product) => product.sku);
  // An id that was not typed follows the title.
  const withId = (values: Values<Name>): Values<Name> =>
    values.sku === "" && values.title.trim() !== "" ? { ...values, sku: suggestSku(values.title, taken) } : values;
  const draft = draftOf<Name>("mount", room?.id ?? "", EMPTY);
  const form = useForm<Name>({
    names: NAMES,
    empty: EMPTY,
    draft,
    check: (values) => readProduct(withId(values), currency, taken).problems ?? {},
    wire: { product: "sku" },
  });
  const [mounted, setMounted] = useState<string | null>(null);
  const values = form.values;
  const image = values.image.trim();
  const field = (
    name: Name,
    label: string,
    more: Omit<Parameters<typeof Field>[0], "label" | keyof ReturnType<typeof form.field>> = {},
  ) => <Field label={label} testId={`mount-${name}`} {...form.field(name)} {...more} />;
  const suggested = values.sku === "" && values.title.trim() !== "" ? suggestSku(values.title, taken) : "";
  /** `another`: the form stays, for the next product. */
  const submit = (another: boolean): Promise<void> =>
    form.submit(async () => {
      const { product } = readProduct(withId(draft.values), currency, taken);
      if (product === null) return null;
      const error = await act({ type: "product.mount", product });
      if (error === null) {
        draft.clear();
        if (!another) {
          onDone();
          return null;
        }
        setMounted(product.title);
        form.ref.current?.querySelector<HTMLElement>('[name="title"]')?.focus({ preventScroll: true });
      }
      return error;
    });
  return (
    <form
      class="card long-form"
      data-testid="mount-form"
      noValidate
      ref={form.ref}
      onInput={() => setMounted(null)}
      onSubmit={(event) => {
        event.preventDefault();
        void submit(false);
      }}
    >
      <h2>{t("console.mount")}</h2>
      <div class="grid-form">
        <div class="wide">{field("title", t("console.productTitle"))}</div>
        <div class="wide">
          {field("sku", t("console.sku"), {
            placeholder: suggested === "" ? "tea-01" : suggested,
            hint: suggested === "" ? "" : t("form.suggested", { sku: suggested }),
          })}
        </div>
        {field("price", t("console.priceIn", { currency }), { numeric: true, placeholder: exampleAmount(currency) })}
        {field("list_price", t("console.listPrice"), { numeric: true, optional: true })}
        {field("stock", t("console.units"), { numeric: true, placeholder: "100" })}
        {field("per_user_limit", t("console.limit"), { numeric: true, optional: true })}
        <div class="wide picture-field">
          <ProductPicture key={image} title={values.title} sku={suggested || values.sku} image={image === "" ? null : image} />
          {field("image", t("console.image"), { optional: true, placeholder: "https://", hint: t("form.imageHint") })}
          <PictureFile onPicture={(address) => form.field("image").onInput(address)} />
        </div>
      </div>
      <div class="form-foot">
        <button type="button" class="plain" disabled={form.busy} data-testid="mount-another" onClick={() => void submit(true)}>
          {t("goods.another")}
        </button>
        <button type="submit" class="primary" disabled={form.busy} data-testid="mount-submit">
          {t(form.busy ? "form.sending" : "console.mountDo")}
        </button>
        <p class="wide done-line" role="status" data-testid="mounted">
          {mounted !== null && t("goods.mounted", { title: mounted })}
        </p>
      </div>
    </form>
  );
}

function PictureFile({ onPicture }: { onPicture: (address: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [bad, setBad] = useState(false);
  return (
    <div class="picture-file">
      <button type="button" class="plain" onClick={() => input.current?.click()}>
        {t("form.file")}
      </button>
      <input
        type="file"
        accept="image/*"
        class="unseen"
        tabIndex={-1}
        aria-label={t("form.file")}
        ref={input}
        data-testid="mount-file"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file === undefined) return;
          void smallPicture(file).then((address) => {
            setBad(address === null);
            if (address !== null) onPicture(address);
          });
        }}
      />
      {bad && (
        <p class="problem" role="alert">
          {t("form.fileBad")}
        </p>
      )}
    </div>
  );
}
