/** A form's life: what is typed, what is wrong with it, and that it is sent once. */

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useRedraw } from "../shared/redraw.js";
import { Draft } from "./draft.js";
import type { FieldState } from "./form.js";
import { type Problems, problemFrom, type Values } from "./reading.js";

export interface Form<K extends string> {
  ref: RefObject<HTMLFormElement | null>;
  values: Values<K>;
  problems: Problems<K>;
  busy: boolean;
  field: (name: K) => FieldState;
  set: (part: Partial<Values<K>>) => void;
  /** Looks at everything; where it is right, runs `send`, which says what the server refused it with. Never twice at a time. */
  submit: (send: () => Promise<Error | null>) => Promise<void>;
}

export function useForm<K extends string>(options: {
  /** In the order in which they are looked through for the first that is wrong. */
  names: readonly K[];
  empty: Values<K>;
  draft: Draft<K> | null;
  check: (values: Values<K>) => Problems<K>;
  /** Fields of the wire that ours stand for. */
  wire?: Readonly<Record<string, K>>;
}): Form<K> {
  const [own] = useState(() => new Draft<K>("", options.empty, null));
  const draft = options.draft ?? own;
  const redraw = useRedraw();
  const [problems, setProblems] = useState<Problems<K>>({});
  const [busy, setBusy] = useState(false);
  const sending = useRef(false);
  const typed = useRef(new Set<K>());
  const ref = useRef<HTMLFormElement>(null);
  useEffect(() => draft.listen(redraw), [draft]);

  const put = (name: K, problem: string | undefined): void =>
    setProblems((all) => {
      const { [name]: _gone, ...rest } = all;
      return (problem === undefined ? rest : { ...rest, [name]: problem }) as Problems<K>;
    });
  const show = (found: Problems<K>): void => {
    setProblems(found);
    const first = options.names.find((name) => found[name] !== undefined);
    if (first !== undefined) ref.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  };
  return {
    ref,
    values: draft.values,
    problems,
    busy,
    set: (part) => draft.set(part),
    field: (name) => ({
      name,
      value: draft.values[name],
      problem: problems[name],
      onInput: (value) => {
        typed.current.add(name);
        draft.set({ [name]: value } as Partial<Values<K>>);
        put(name, undefined);
      },
      onLeave: () => {
        if (sending.current) return;
        const found = options.check(draft.values);
        // What somebody else is yet to fill in is not wrong yet; what depends on this field may be.
        for (const other of options.names) {
          if (other === name ? typed.current.has(name) : typed.current.has(other) && draft.values[other] !== "") {
            put(other, found[other]);
          }
        }
      },
    }),
    async submit(send) {
      if (sending.current) return;
      const found = options.check(draft.values);
      if (Object.keys(found).length > 0) {
        show(found);
        return;
      }
      sending.current = true;
      setBusy(true);
      setProblems({});
      try {
        const error = await send();
        if (error === null) typed.current.clear();
        else show(problemFrom(error, options.names, options.wire) ?? {});
      } finally {
        sending.current = false;
        setBusy(false);
      }
    },
  };
}
