/** A field with its label, and what is wrong with it beside it. */

import { useId } from "preact/hooks";
import "../style/goods/forms.css";
import { t } from "../shared/i18n.js";

export interface FieldState {
  name: string;
  value: string;
  problem: string | undefined;
  onInput: (value: string) => void;
  /** The field is left: what was typed is looked at. */
  onLeave?: () => void;
}

export function Field(
  props: FieldState & {
    label: string;
    numeric?: boolean;
    optional?: boolean;
    placeholder?: string;
    /** What helps to fill it in, while nothing is wrong. */
    hint?: string;
    type?: "text" | "datetime-local";
    list?: string;
    testId?: string;
  },
) {
  const id = useId();
  return (
    <div class={`field${props.problem === undefined ? "" : " wrong"}`}>
      <label for={id}>
        {props.label} {props.optional === true && <span class="soft">{t("form.optional")}</span>}
      </label>
      <input
        id={id}
        type={props.type ?? "text"}
        name={props.name}
        data-testid={props.testId ?? `field-${props.name}`}
        inputMode={props.numeric === true ? "decimal" : "text"}
        autocomplete="off"
        spellcheck={false}
        placeholder={props.placeholder ?? ""}
        value={props.value}
        {...(props.list === undefined ? {} : { list: props.list })}
        {...(props.type === "datetime-local" ? { step: 1 } : {})}
        aria-invalid={props.problem !== undefined}
        aria-describedby={`${id}-problem`}
        onInput={(event) => props.onInput(event.currentTarget.value)}
        onBlur={() => props.onLeave?.()}
      />
      <p
        class={props.problem === undefined ? "soft hint-line" : "problem"}
        id={`${id}-problem`}
        data-testid={`problem-${props.name}`}
      >
        {props.problem ?? props.hint}
      </p>
    </div>
  );
}
