/** Since when the room is on air, as far as this browser knows: the wire does not say. */

import type { RoomStatus } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { remember, remembered } from "../shared/storage.js";

export interface OnAir {
  /** Server ms. */
  at: number;
  /** This browser saw the room start; otherwise it came later, and `at` is when it came. */
  seen: boolean;
}

/** What is known once the room is seen in `status` at `now`; `before` is what it was seen in last. */
export function onAirAfter(known: OnAir | null, status: RoomStatus, before: RoomStatus | null, now: number): OnAir | null {
  if (status === "scheduled" || status === "ended") return null;
  return known ?? { at: now, seen: before === "scheduled" };
}

function key(room: string): string {
  return `miaodan.onair.${room}`;
}

function stored(room: string): OnAir | null {
  try {
    const value = JSON.parse(remembered(key(room)) ?? "null") as Partial<OnAir> | null;
    return value !== null && typeof value.at === "number" ? { at: value.at, seen: value.seen === true } : null;
  } catch {
    return null;
  }
}

function store(room: string, known: OnAir | null): void {
  remember(key(room), known?.seen === true ? JSON.stringify(known) : null);
}

/** Follows a room's status; `now` tells server ms. */
export function useOnAir(room: string, status: RoomStatus, now: () => number): OnAir | null {
  const [seen, setSeen] = useState<{ status: RoomStatus | null; known: OnAir | null }>(() => ({
    status: null,
    known: stored(room),
  }));
  useEffect(() => {
    setSeen((last) => {
      const known = onAirAfter(last.known, status, last.status, now());
      store(room, known);
      return { status, known };
    });
  }, [room, status]);
  return seen.known;
}

/** How long, e.g. 1:02:03; 02:03 below an hour. */
export function airTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
