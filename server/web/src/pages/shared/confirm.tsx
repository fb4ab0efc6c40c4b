/** A question before something grave, in a native dialog: it keeps the focus, and gives it back. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "./i18n.js";

export interface Question {
  /** What is asked, e.g. "End this live room?". */
  title: string;
  /** What will happen, in a sentence. */
  text?: ComponentChildren;
  /** The word on the button that does it, e.g. "End". */
  yes: string;
  /** It cannot be taken back: the button warns, and the focus starts on the other one. */
  grave?: boolean;
  testId?: string;
}

/** The open question. `onYes` or `onNo` is called once; the owner takes the component away then. */
export function Confirm(props: Question & { onYes: () => void; onNo: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    box.current?.showModal();
    first.current?.focus();
    // Closed before it is taken away, a dialog gives the focus back to where it was.
    return () => box.current?.close();
  }, []);
  const grave = props.grave ?? false;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the backdrop, for pointers; Escape does the same
    <dialog
      class="confirm"
      ref={box}
      aria-label={props.title}
      data-testid={props.testId ?? "confirm"}
      onClick={(event) => event.target === event.currentTarget && props.onNo()}
      onCancel={(event) => {
        event.preventDefault();
        props.onNo();
      }}
    >
      <div class="confirm-body">
        <h2>{props.title}</h2>
        {props.text !== undefined && <p class="soft">{props.text}</p>}
        <div class="confirm-buttons">
          <button type="button" class="plain" ref={grave ? first : null} data-testid="confirm-no" onClick={props.onNo}>
            {t("cancel")}
          </button>
          <button
            type="button"
            class={grave ? "primary grave" : "primary"}
            ref={grave ? null : first}
            data-testid="confirm-yes"
            onClick={props.onYes}
          >
            {props.yes}
          </button>
        </div>
      </div>
    </dialog>
  );
}

/** A button that asks first. */
export function ConfirmButton(props: {
  label: ComponentChildren;
  question: Question;
  onSure: () => void;
  class?: string;
  disabled?: boolean;
  testId?: string;
}) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button
        type="button"
        class={props.class ?? "plain"}
        disabled={props.disabled ?? false}
        aria-haspopup="dialog"
        data-testid={props.testId}
        onClick={() => setAsking(true)}
      >
        {props.label}
      </button>
      {asking && (
        <Confirm
          {...props.question}
          onNo={() => setAsking(false)}
          onYes={() => {
            setAsking(false);
            props.onSure();
          }}
        />
      )}
    </>
  );
}
