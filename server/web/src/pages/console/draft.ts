/** What was typed and not yet sent: it outlives a closed drawer, a lost connection and a reload of the tab. */

import { Listeners } from "../shared/redraw.js";
import { visitStorage } from "../shared/storage.js";
import type { Values } from "./reading.js";

const drafts = new Map<string, Draft<string>>();

export class Draft<K extends string> {
  values: Values<K>;
  private readonly listeners = new Listeners();

  constructor(
    private readonly key: string,
    private readonly empty: Values<K>,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null,
  ) {
    this.values = { ...empty, ...this.stored() };
  }

  set(part: Partial<Values<K>>): void {
    this.values = { ...this.values, ...part };
    try {
      this.storage?.setItem(this.key, JSON.stringify(this.values));
    } catch {
      // Without storage a draft lives as long as the page.
    }
    this.listeners.tell();
  }

  /** Filled in from elsewhere, e.g. from a sale that was. */
  fill(part: Partial<Values<K>>): void {
    this.set({ ...this.empty, ...part });
  }

  clear(keep: Partial<Values<K>> = {}): void {
    this.values = { ...this.empty, ...keep };
    try {
      this.storage?.removeItem(this.key);
    } catch {
      // As above.
    }
    this.listeners.tell();
  }

  /** Hears of each change; returns the function that takes the listener off again. */
  listen(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  private stored(): Partial<Values<K>> {
    try {
      const found = JSON.parse(this.storage?.getItem(this.key) ?? "null") as Record<string, unknown> | null;
      const names = Object.keys(this.empty) as K[];
      return Object.fromEntries(
        names.flatMap((name) => (typeof found?.[name] === "string" ? [[name, found[name]]] : [])),
      ) as Partial<Values<K>>;
    } catch {
      return {};
    }
  }
}

/** The draft of one form in one room: the same to everybody who asks. */
export function draftOf<K extends string>(form: string, room: string, empty: Values<K>): Draft<K> {
  const key = `miaodan.draft.${form}.${room}`;
  const known = drafts.get(key);
  if (known !== undefined) return known as unknown as Draft<K>;
  const draft = new Draft<K>(key, empty, visitStorage());
  drafts.set(key, draft as unknown as Draft<string>);
  return draft;
}
