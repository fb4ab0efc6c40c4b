/** What was typed into a form, read as what is sent, with what is wrong by field. */

import { CommandError } from "@miaodan/client";
import { minorDigits, parseMoney, parseWhole, plainAmount } from "../shared/format.js";
import { t } from "../shared/i18n.js";

/** What was typed, by field name. */
export type Values<K extends string> = Record<K, string>;
/** What is wrong, by field name. */
export type Problems<K extends string> = Partial<Record<K, string>>;

export const SKU = /^(?!__proto__$)[A-Za-z0-9._:-]{1,64}$/;
/** Sales have such ids; the server takes them for no product. */
const SALE_ID = /^s[0-9a-f]{32}$/;
const MOST_MONEY = 10 ** 10;

/** An amount as it is typed in this currency: 9.90, 990, 9.900. */
export function exampleAmount(currency: string): string {
  const digits = minorDigits(currency);
  return plainAmount(digits === 0 ? 990 : 99 * 10 ** (digits - 1), currency);
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

  sku(name: K, taken: readonly string[] = []): string {
    const value = this.text(name, 64);
    if (!SKU.test(value) || SALE_ID.test(value)) this.wrong(name, t("form.sku"));
    if (taken.includes(value)) this.wrong(name, t("form.taken"));
    return value;
  }

  money(name: K, currency: string): number {
    const value = parseMoney(this.values[name], currency);
    if (value === null) {
      const empty = this.values[name].trim() === "";
      this.wrong(name, empty ? t("form.required") : t("form.money", { example: exampleAmount(currency) }));
    } else if (value > MOST_MONEY) this.wrong(name, t("form.moneyMax", { max: plainAmount(MOST_MONEY, currency) }));
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

  /** A picture's address as the wire takes it and the pages may show it. */
  image(name: K): string {
    const value = this.text(name, 2048);
    if (/\s/.test(value) || !/^(https:\/\/[^/]|data:image\/|\/(?!\/))/i.test(value)) this.wrong(name, t("form.image"));
    return value;
  }

  /** Reads a field only where something was typed. */
  optional<T>(name: K, read: () => T): T | null {
    return this.values[name].trim() === "" ? null : read();
  }
}

/**
 * The server's complaint beside the field it is about; null where it names none of ours. `other` says
 * which of our fields another name belongs to.
 */
export function problemFrom<K extends string>(
  error: unknown,
  names: readonly K[],
  other: Readonly<Record<string, K>> = {},
): Problems<K> | null {
  if (!(error instanceof CommandError) || error.field === null) return null;
  const last = error.field.split(".").at(-1) ?? "";
  const name = names.find((candidate) => candidate === last) ?? other[last];
  return name === undefined ? null : ({ [name]: error.message } as Problems<K>);
}
