/** Small parts that every page uses. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDialog } from "./dialog.js";
import type { EntryControl } from "./entry.js";
import { currentLang, setLang, t } from "./i18n.js";
import { Icon } from "./icons.js";
import { visitStorage } from "./storage.js";
import { setTheme, useTheme } from "./theme.js";

const DEMO_SEEN = "miaodan.demo-notice";

function demoSeen(): boolean {
  return visitStorage()?.getItem(DEMO_SEEN) != null;
}

/** Says that this server hands out tokens, until the visitor waves it away for this visit. */
export function DemoNotice() {
  const [shown, setShown] = useState(() => !demoSeen());
  if (!shown) return null;
  return (
    <aside class="demo-notice" aria-label={t("demo.label")} data-testid="demo-notice">
      <span title={t("demo.help")}>{t("demo.notice")}</span>
      <button
        type="button"
        aria-label={t("demo.close")}
        data-testid="demo-notice-close"
        onClick={() => {
          setShown(false);
          try {
            visitStorage()?.setItem(DEMO_SEEN, "seen");
          } catch {
            // A full storage: it is shown again on the next page.
          }
        }}
      >
        <Icon name="close" />
      </button>
    </aside>
  );
}

/** The head of pages that are no room. */
export function SiteHead() {
  return (
    <header class="site-head">
      <a class="brand" href="/">
        <Icon name="bolt" filled /> {t("app.name")}
      </a>
      <Switches />
    </header>
  );
}

/** A price that is struck out, and said to be one. */
export function Was({ price }: { price: string }) {
  return (
    <s data-testid="list-price">
      <span class="unseen">{t("price.was")}</span> {price}
    </s>
  );
}

function LanguageSwitch() {
  return (
    <button
      type="button"
      class="quiet language"
      data-testid="language"
      aria-label={t("lang.label")}
      onClick={() => setLang(currentLang() === "zh" ? "en" : "zh")}
    >
      <Icon name="globe" />
      <span>{t("lang.switch")}</span>
    </button>
  );
}

function ThemeSwitch() {
  const next = useTheme() === "dark" ? "light" : "dark";
  return (
    <button type="button" class="quiet theme" data-testid="theme" aria-label={t(`theme.${next}`)} onClick={() => setTheme(next)}>
      <Icon name={next === "dark" ? "moon" : "sun"} />
    </button>
  );
}

/** Language and theme. */
export function Switches() {
  return (
    <div class="switches">
      <LanguageSwitch />
      <ThemeSwitch />
    </div>
  );
}

export function TokenForm({ control, guest }: { control: EntryControl; guest: boolean }) {
  const [text, setText] = useState("");
  return (
    <form
      class="token-form"
      data-testid="token-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== "") control.sign(text);
      }}
    >
      {guest && (
        <button type="button" class="primary" data-testid="as-guest" onClick={control.asGuest}>
          {t("token.guest")}
        </button>
      )}
      <h2>{t(guest ? "token.needed" : "token.title")}</h2>
      <p class="soft">{t("token.help")}</p>
      <label>
        <span>{t("token.label")}</span>
        <textarea
          name="token"
          rows={3}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class={guest ? "plain" : "primary"} disabled={text.trim() === ""}>
        {t("token.use")}
      </button>
    </form>
  );
}

/** A panel over the page, closed by its button, the backdrop or Escape. */
export function Sheet(props: { title: string; onClose: () => void; children: ComponentChildren; testId?: string }) {
  const box = useRef<HTMLDivElement>(null);
  useDialog(box, props.onClose);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for pointers; Escape does the same
    // biome-ignore lint/a11y/useKeyWithClickEvents: for pointers; Escape does the same
    <div class="sheet-back" onClick={(event) => event.target === event.currentTarget && props.onClose()}>
      <div
        class="sheet"
        role="dialog"
        aria-modal="true"
        aria-label={props.title}
        tabIndex={-1}
        ref={box}
        data-testid={props.testId}
      >
        <header class="sheet-head">
          <h2>{props.title}</h2>
          <button type="button" class="quiet" aria-label={t("close")} onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="sheet-body">{props.children}</div>
      </div>
    </div>
  );
}

/** A button that does something grave: the first tap asks, the second within 3 s does it. */
export function SureButton(props: {
  label: string;
  sure: string;
  onSure: () => void;
  class?: string;
  disabled?: boolean;
  testId?: string;
}) {
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!asking) return;
    const timer = setTimeout(() => setAsking(false), 3_000);
    return () => clearTimeout(timer);
  }, [asking]);
  return (
    <button
      type="button"
      class={`${props.class ?? "plain"}${asking ? " asking" : ""}`}
      disabled={props.disabled ?? false}
      data-testid={props.testId}
      onClick={() => {
        if (asking) props.onSure();
        setAsking(!asking);
      }}
    >
      {asking ? props.sure : props.label}
    </button>
  );
}

export interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const TOASTS = 3;
const TOAST_MS = 3_500;
let nextToast = 1;

/** Short notes that go by themselves; at most three are shown, the oldest makes room. */
export function useToasts(): { toasts: Toast[]; toast: (text: string, tone?: Toast["tone"]) => void } {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const toast = (text: string, tone: Toast["tone"] = "bad"): void => {
    const id = nextToast++;
    setToasts((all) => [...all.filter((other) => other.text !== text).slice(-(TOASTS - 1)), { id, text, tone }]);
    setTimeout(() => setToasts((all) => all.filter((other) => other.id !== id)), TOAST_MS);
  };
  return { toasts, toast };
}

export function Toasts({ toasts }: { toasts: readonly Toast[] }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <p key={toast.id} class={`toast ${toast.tone}`} data-testid="toast">
          {toast.text}
        </p>
      ))}
    </div>
  );
}
