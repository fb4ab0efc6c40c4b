/** Fields whose text is checked before it is sent, and that show what the server found wrong. */

import { CommandError } from "@miaodan/client";
import { useId } from "preact/hooks";
import { parseMoney, parseWhole } from "../shared/format.js";
import { t } from "../shared/i18n.js";

/** What was typed, by field name. */
export type Values<K extends string> = Record<K, string>;
/** What is wrong, by field name. */
export type Problems<K extends string> = Partial<Record<K, string>>;

export function Field(props: {
  label: string;
  name: string;
  value: string;
  problem: string | undefined;
  onInput: (value: string) => void;
  numeric?: boolean;
  placeholder?: string;
  testId?: string;
}) {
  const id = useId();
  return (
    <div class={`field${props.problem === undefined ? "" : " wrong"}`}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="text"
        name={props.name}
        data-testid={props.testId ?? `field-${props.name}`}
        inputMode={props.numeric === true ? "decimal" : "text"}
        autocomplete="off"
        spellcheck={false}
        placeholder={props.placeholder ?? ""}
        value={props.value}
        aria-invalid={props.problem !== undefined}
        aria-describedby={`${id}-problem`}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      <p class="problem" id={`${id}-problem`} data-testid={`problem-${props.name}`}>
        {props.problem}
      </p>
    </div>
  );
}

/** Collects what is wrong while a form's text is read. */
export class Reading<K extends string> {
  readonly problems: Problems<K> = {};

  constructor(private readonly values: Values<K>) {}

  get ok(): boolean {
    return Object.keys(this.problems).length === 0;
  }

  wrong(name: K, problem: string): void {
    this.problems[name] ??= problem;
  }

  text(name: K, max: number): string {
    const value = this.values[name].trim();
    if (value === "") this.wrong(name, t("form.required"));
    else if ([...value].length > max) this.wrong(name, t("form.long", { max }));
    return value;
  }

  sku(name: K): string {
    const value = this.text(name, 64);
    if (!/^[A-Za-z0-9._:-]{1,64}$/.test(value)) this.wrong(name, t("form.sku"));
    return value;
  }

  money(name: K, currency: string): number {
    const value = parseMoney(this.values[name], currency);
    if (value === null || value > 10 ** 12)
      this.wrong(name, this.values[name].trim() === "" ? t("form.required") : t("form.money"));
    return value ?? 0;
  }

  whole(name: K, min: number, max: number): number {
    const value = parseWhole(this.values[name], min, max);
    if (value === null) {
      const empty = this.values[name].trim() === "";
      this.wrong(name, empty ? t("form.required") : max < 10 ** 9 ? t("form.wholeMax", { min, max }) : t("form.whole", { min }));
    }
    return value ?? 0;
  }

  /** Reads a field only where something was typed. */
  optional<T>(name: K, read: () => T): T | null {
    return this.values[name].trim() === "" ? null : read();
  }
}

/** The server's complaint beside the field it is about; null where it names none of ours. */
export function problemFrom<K extends string>(error: unknown, names: readonly K[]): Problems<K> | null {
  if (!(error instanceof CommandError) || error.field === null) return null;
  const last = error.field.split(".").at(-1);
  const name = names.find((candidate) => candidate === last);
  return name === undefined ? null : ({ [name]: error.message } as Problems<K>);
}
