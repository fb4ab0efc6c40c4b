/** Closing a card by dragging it down by its head. */

import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const CLOSES_PX = 90;
const CLOSES_PX_PER_MS = 0.6;

/** Whether letting go after `moved` px in `ms` closes the card: far enough, or flung. */
export function letGo(moved: number, ms: number): boolean {
  return moved > CLOSES_PX || (moved > 24 && moved / Math.max(1, ms) > CLOSES_PX_PER_MS);
}

/** `handle` moves `card`; both must be there from the first drawing on. */
export function useDragDown(
  card: RefObject<HTMLElement | null>,
  handle: RefObject<HTMLElement | null>,
  onClose: () => void,
): void {
  useEffect(() => {
    const box = card.current;
    const grip = handle.current;
    if (box === null || grip === null) return;
    let from: { y: number; at: number } | null = null;
    const move = (event: PointerEvent): void => {
      if (from === null) return;
      box.style.setProperty("--drag", `${Math.max(0, event.clientY - from.y)}px`);
    };
    const start = (event: PointerEvent): void => {
      if (event.target instanceof Element && event.target.closest("button") !== null) return;
      from = { y: event.clientY, at: event.timeStamp };
      box.classList.add("dragged");
      grip.setPointerCapture(event.pointerId);
    };
    const end = (event: PointerEvent): void => {
      if (from === null) return;
      const closes = event.type === "pointerup" && letGo(event.clientY - from.y, event.timeStamp - from.at);
      from = null;
      box.classList.remove("dragged");
      box.style.removeProperty("--drag");
      if (closes) onClose();
    };
    grip.addEventListener("pointerdown", start);
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", end);
    grip.addEventListener("pointercancel", end);
    return () => {
      grip.removeEventListener("pointerdown", start);
      grip.removeEventListener("pointermove", move);
      grip.removeEventListener("pointerup", end);
      grip.removeEventListener("pointercancel", end);
    };
  }, []);
}
