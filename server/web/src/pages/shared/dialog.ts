/** What makes a box a dialog: focus goes in and comes back, Tab stays inside, Escape closes the topmost one. */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/** The open dialogs, the topmost last. */
const opened: symbol[] = [];

const REACHABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled)";

/** Where Tab goes from `active`; null: the browser's own way is inside. */
export function nextInside<T>(inside: readonly T[], active: T | null, back: boolean): T | null {
  const first = inside[0];
  const last = inside[inside.length - 1];
  if (first === undefined || last === undefined) return null;
  const at = active === null ? -1 : inside.indexOf(active);
  if (back) return at <= 0 ? last : null;
  return at === inside.length - 1 ? first : null;
}

/** While the component is shown and `open`, `box` (focusable, e.g. `tabIndex={-1}`) is a dialog. */
export function useDialog(box: RefObject<HTMLElement | null>, onClose: () => void, open = true): void {
  const close = useRef(onClose);
  close.current = onClose;
  // Before the next key: a Tab in between would be where the focus goes back to.
  useLayoutEffect(() => {
    if (!open) return;
    const node = box.current;
    const before = document.activeElement;
    const me = Symbol("dialog");
    opened.push(me);
    node?.focus({ preventScroll: true });
    const onKey = (event: KeyboardEvent): void => {
      if (opened.at(-1) !== me || node === null) return;
      if (event.key === "Escape") close.current();
      if (event.key !== "Tab") return;
      const inside = [...node.querySelectorAll<HTMLElement>(REACHABLE)].filter((element) => element.offsetParent !== null);
      const next = nextInside(inside, document.activeElement as HTMLElement | null, event.shiftKey);
      if (next === null && node.contains(document.activeElement)) return;
      event.preventDefault();
      (next ?? inside[0] ?? node).focus();
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
      opened.splice(opened.indexOf(me), 1);
      const active = document.activeElement;
      // Who went elsewhere (a tap into the chat) stays there.
      const left = active === null || active === document.body || node?.contains(active) === true;
      if (left && before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, [open]);
}
