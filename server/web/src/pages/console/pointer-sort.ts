/** Drags a list's row with mouse, pen or finger. The rows are moved by transforms; the list itself is left alone until the drop. */

import { type Box, giveWay, slotOf } from "./reorder.js";

/** Less than this, in pixels, is a tap. */
const TAP_PX = 4;
/** How near the edge of what is seen the list scrolls, and how far per frame, in pixels. */
const EDGE_PX = 70;
const SCROLL_PX = 9;

export interface PointerSort {
  /** Puts everything back. */
  cancel: () => void;
}

interface Hooks {
  /** The row was really dragged, not tapped. */
  onStart: () => void;
  /** Once at the end; `to` equals `from` where nothing moved, null: it was called off. */
  onEnd: (to: number | null, dragged: boolean) => void;
}

function scrollerOf(element: HTMLElement): HTMLElement {
  for (let at = element.parentElement; at !== null; at = at.parentElement) {
    const flow = getComputedStyle(at).overflowY;
    if ((flow === "auto" || flow === "scroll") && at.scrollHeight > at.clientHeight) return at;
  }
  return (document.scrollingElement ?? document.documentElement) as HTMLElement;
}

/** Begins with the `pointerdown` on the row's handle. `list`'s children are the rows, `from` the one that is dragged. */
export function startPointerSort(list: HTMLElement, from: number, down: PointerEvent, hooks: Hooks): PointerSort {
  const rows = [...list.children].filter((row): row is HTMLElement => row instanceof HTMLElement);
  const scroller = scrollerOf(list);
  const scrolledAtFirst = scroller.scrollTop;
  const boxes: Box[] = rows.map((row) => {
    const { top, height } = row.getBoundingClientRect();
    return { top, height };
  });
  let pointerY = down.clientY;
  let slot = from;
  let dragged = false;
  let frame = 0;

  const draw = (): void => {
    const dy = pointerY - down.clientY + scroller.scrollTop - scrolledAtFirst;
    slot = slotOf(boxes, from, dy);
    rows.forEach((row, index) => {
      const shift = index === from ? dy : giveWay(index, from, slot, boxes[from]?.height ?? 0);
      row.style.transform = shift === 0 ? "" : `translateY(${shift}px)`;
    });
  };
  const scroll = (): void => {
    const by = pointerY < EDGE_PX ? -SCROLL_PX : pointerY > window.innerHeight - EDGE_PX ? SCROLL_PX : 0;
    const before = scroller.scrollTop;
    if (by !== 0) scroller.scrollTop += by;
    if (scroller.scrollTop !== before) draw();
    frame = requestAnimationFrame(scroll);
  };
  const onMove = (event: PointerEvent): void => {
    if (event.pointerId !== down.pointerId) return;
    pointerY = event.clientY;
    if (!dragged && Math.abs(pointerY - down.clientY) < TAP_PX) return;
    if (!dragged) {
      dragged = true;
      list.classList.add("sorting");
      rows[from]?.classList.add("dragged");
      frame = requestAnimationFrame(scroll);
      hooks.onStart();
    }
    draw();
  };
  const finish = (to: number | null): void => {
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    window.removeEventListener("pointercancel", onCancel);
    window.removeEventListener("keydown", onKey, true);
    cancelAnimationFrame(frame);
    list.classList.remove("sorting");
    for (const row of rows) {
      row.style.transform = "";
      row.classList.remove("dragged");
    }
    hooks.onEnd(to, dragged);
  };
  const onUp = (event: PointerEvent): void => {
    if (event.pointerId === down.pointerId) finish(slot);
  };
  const onCancel = (event: PointerEvent): void => {
    if (event.pointerId === down.pointerId) finish(null);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    finish(null);
  };
  window.addEventListener("pointermove", onMove);
  window.addEventListener("pointerup", onUp);
  window.addEventListener("pointercancel", onCancel);
  window.addEventListener("keydown", onKey, true);
  return { cancel: () => finish(null) };
}
