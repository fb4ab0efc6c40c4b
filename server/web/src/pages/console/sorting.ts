/** Sorting the shelf by pointer and by keyboard, told to those who listen. */

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { useRedraw } from "../shared/redraw.js";
import { type PointerSort, startPointerSort } from "./pointer-sort.js";
import { Arrangement, moved, sameOrder } from "./reorder.js";

export interface Sorting {
  /** The skus as they are to be shown now. */
  order: readonly string[];
  /** The sku that is lifted by keyboard or tap; null: none is. */
  lifted: string | null;
  /** What to say in the live region. */
  said: string;
  onPointerDown: (sku: string, list: HTMLElement, event: PointerEvent) => void;
  /** A tap, or a press of Space or Enter: lifts, or drops. */
  toggle: (sku: string) => void;
  onKeyDown: (sku: string, event: KeyboardEvent) => void;
  /** Moves what is lifted by one place. */
  step: (sku: string, by: 1 | -1) => void;
  /** What is lifted is put down once the focus has left its handle for good. */
  onLeave: (sku: string, handle: HTMLElement) => void;
}

interface Lift {
  sku: string;
  before: readonly string[];
  now: readonly string[];
}

/**
 * `server`: the order as the server has it; `send` asks it for another, and says whether it was taken.
 * `titleOf` names a product.
 */
export function useSorting(
  server: readonly string[],
  titleOf: (sku: string) => string,
  send: (skus: readonly string[]) => Promise<boolean>,
): Sorting {
  const again = useRedraw();
  const [arrangement] = useState(() => new Arrangement());
  const [lift, setLift] = useState<Lift | null>(null);
  const [said, setSaid] = useState("");
  const drag = useRef<PointerSort | null>(null);
  const dragged = useRef(false);
  const shown = arrangement.shown(server);
  const key = shown.join(" ");
  const seen = useRef(key);

  const say = (what: "lifted" | "moved" | "dropped" | "back" | "others", sku: string, order: readonly string[]): void =>
    setSaid(t(`sort.${what}`, { title: titleOf(sku), place: order.indexOf(sku) + 1, count: order.length }));

  const commit = (next: readonly string[]): void => {
    if (sameOrder(next, shown)) return;
    arrangement.send(server, next);
    void send(next).then((taken) => {
      if (!taken) arrangement.refused(next);
      again();
    });
    again();
  };

  // The shelf changed under what is being moved: what the server says stands.
  useEffect(() => {
    if (seen.current !== key && (lift !== null || drag.current !== null)) {
      drag.current?.cancel();
      if (lift !== null && !sameOrder(lift.before, shown)) {
        setLift(null);
        say("others", lift.sku, shown);
      }
    }
    seen.current = key;
    if (arrangement.takeYielded()) setSaid(t("sort.others", { title: "" }));
  }, [key]);
  useEffect(() => () => drag.current?.cancel(), []);

  const drop = (): void => {
    if (lift === null) return;
    setLift(null);
    say("dropped", lift.sku, lift.now);
    commit(lift.now);
  };
  const latest = useRef<(sku: string) => void>(() => undefined);
  latest.current = (sku) => {
    if (lift?.sku === sku) drop();
  };
  const putBack = (): void => {
    if (lift === null) return;
    setLift(null);
    say("back", lift.sku, lift.before);
  };
  const place = (to: number): void => {
    if (lift === null) return;
    const from = lift.now.indexOf(lift.sku);
    const now = moved(lift.now, from, to);
    setLift({ ...lift, now });
    say("moved", lift.sku, now);
  };
  const step = (sku: string, by: 1 | -1): void => {
    if (lift?.sku === sku) place(Math.max(0, lift.now.indexOf(sku) + by));
  };

  return {
    order: lift?.now ?? shown,
    lifted: lift?.sku ?? null,
    said,
    step,
    toggle(sku) {
      if (dragged.current) return;
      if (lift?.sku === sku) drop();
      else {
        if (lift !== null) drop();
        setLift({ sku, before: shown, now: shown });
        say("lifted", sku, shown);
      }
    },
    onKeyDown(sku, event) {
      if (lift?.sku !== sku) return;
      const steps: Record<string, () => void> = {
        ArrowUp: () => step(sku, -1),
        ArrowDown: () => step(sku, 1),
        Home: () => place(0),
        End: () => place(lift.now.length - 1),
        Escape: putBack,
      };
      const move = steps[event.key];
      if (move === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      move();
    },
    onLeave(sku, handle) {
      // A row that changes its place loses the focus for a moment.
      setTimeout(() => {
        if (!handle.contains(document.activeElement)) latest.current(sku);
      }, 0);
    },
    onPointerDown(sku, list, event) {
      if (event.button !== 0 || lift !== null || drag.current !== null) return;
      const from = shown.indexOf(sku);
      drag.current = startPointerSort(list, from, event, {
        onStart: () => {
          say("lifted", sku, shown);
        },
        onEnd: (to, really) => {
          drag.current = null;
          if (!really) return;
          // The click that follows the drop is no tap.
          dragged.current = true;
          setTimeout(() => {
            dragged.current = false;
          }, 100);
          const next = to === null ? shown : moved(shown, from, to);
          say(to === null ? "back" : "dropped", sku, next);
          if (to !== null) commit(next);
        },
      });
    },
  };
}
