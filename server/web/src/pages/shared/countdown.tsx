/** Countdowns on the server's clock. */

import type { ServerClock } from "@miaodan/client";
import { useEffect } from "preact/hooks";
import { tenths } from "./format.js";
import { useRedraw } from "./redraw.js";

/** The server's time, drawn anew just after each full step before `until`; still once it has passed. */
export function useServerTime(clock: ServerClock, until: number | null, stepMs: number): number {
  const redraw = useRedraw();
  useEffect(() => {
    if (until === null) return;
    let timer: ReturnType<typeof setTimeout>;
    const plan = (): void => {
      const remaining = clock.remaining(until);
      if (remaining <= 0) return;
      // Wake when the shown step changes, so that every viewer turns the digit at the same instant.
      const wait = remaining % stepMs || stepMs;
      timer = setTimeout(
        () => {
          redraw();
          plan();
        },
        Math.max(1, Math.ceil(wait)),
      );
    };
    plan();
    return () => clearTimeout(timer);
  }, [clock, until, stepMs]);
  return clock.now();
}

/** Tenths of seconds until a server time. */
export function Countdown({ clock, until, testId }: { clock: ServerClock; until: number; testId?: string }) {
  const now = useServerTime(clock, until, 100);
  return (
    <span class="countdown" role="timer" data-testid={testId}>
      {tenths(until - now)}
    </span>
  );
}
