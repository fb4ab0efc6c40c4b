/** Where the console's room does not exist yet: make it. */

import { useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { Field } from "./form.js";

export function CreateRoom({ roomId, token, onCreated }: { roomId: string; token: string; onCreated: () => void }) {
  const [title, setTitle] = useState("");
  const [currency, setCurrency] = useState("CNY");
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const create = async (): Promise<void> => {
    setBusy(true);
    try {
      const response = await fetch("/api/v1/rooms", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ id: roomId, title: title.trim(), currency: currency.trim().toUpperCase() }),
      });
      if (response.ok) onCreated();
      else {
        const body = (await response.json()) as { error?: { message?: string } };
        setProblem(body.error?.message ?? t("error.other"));
      }
    } catch {
      setProblem(t("error.lost"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="door">
      <form
        class="token-form"
        data-testid="create-room"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (title.trim() !== "") void create();
        }}
      >
        <h2>{t("console.create")}</h2>
        <p class="soft">{t("console.createHelp", { room: roomId })}</p>
        <Field label={t("console.roomTitle")} name="title" value={title} problem={problem} onInput={setTitle} />
        <Field label={t("console.currency")} name="currency" value={currency} problem={undefined} onInput={setCurrency} />
        <button type="submit" class="primary" disabled={busy || title.trim() === ""} data-testid="create-submit">
          {t("console.create")}
        </button>
      </form>
    </main>
  );
}
