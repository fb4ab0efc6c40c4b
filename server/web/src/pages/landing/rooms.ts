/** The list of live rooms, asked for again now and then while somebody looks. */

import type { RoomSnapshot } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";

export const REFRESH_MS = 5_000;

export type Rooms = { state: "loading" } | { state: "failed" } | { state: "known"; rooms: RoomSnapshot[] };

export function useRooms(): { rooms: Rooms; again: () => void } {
  const [rooms, setRooms] = useState<Rooms>({ state: "loading" });
  const [round, setRound] = useState(0);
  const again = (): void => setRound((before) => before + 1);
  useEffect(() => {
    const look = (): void => {
      if (!document.hidden) again();
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  useEffect(() => {
    if (document.hidden) return;
    const stop = new AbortController();
    const timer = setTimeout(again, REFRESH_MS);
    fetch("/api/v1/rooms", { signal: stop.signal })
      .then(async (response) => {
        if (!response.ok) throw new Error(String(response.status));
        return (await response.json()) as { rooms: RoomSnapshot[] };
      })
      .then(
        (list) => setRooms({ state: "known", rooms: busiestFirst(list.rooms) }),
        () => {
          // What was shown stays on a passing failure.
          if (!stop.signal.aborted) setRooms((before) => (before.state === "known" ? before : { state: "failed" }));
        },
      );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [round]);
  return { rooms, again };
}

export function busiestFirst(rooms: readonly RoomSnapshot[]): RoomSnapshot[] {
  return rooms.toSorted((one, other) => other.online - one.online || one.id.localeCompare(other.id));
}

/** What a room's card says of its flash sales: one is open, one is to come, or none. */
export function saleOf(room: RoomSnapshot): "open" | "soon" | null {
  if (room.sales.some((sale) => sale.phase === "open")) return "open";
  return room.sales.some((sale) => sale.phase === "scheduled") ? "soon" : null;
}
