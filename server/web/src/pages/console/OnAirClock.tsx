/** How long the room has been on air. */

import type { RoomClient, RoomSnapshot } from "@miaodan/client";
import { useEffect } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { useRedraw } from "../shared/redraw.js";
import { airTime, useOnAir } from "./on-air.js";

export function OnAirClock({ client, room }: { client: RoomClient; room: RoomSnapshot }) {
  const onAir = useOnAir(room.id, room.status, () => client.clock.now());
  const redraw = useRedraw();
  const at = onAir?.at ?? null;
  useEffect(() => {
    if (at === null) return;
    let timer: ReturnType<typeof setTimeout>;
    const turn = (): void => {
      redraw();
      const into = (client.clock.now() - at) % 1_000;
      timer = setTimeout(turn, 1_000 - Math.max(0, into) + 5);
    };
    turn();
    return () => clearTimeout(timer);
  }, [client, at]);
  if (onAir === null) return null;
  return (
    <p class={`on-air ${onAir.seen ? room.status : "unknown"}`} title={t(onAir.seen ? "desk.onAir" : "desk.onAirHere")}>
      {onAir.seen && <i aria-hidden="true" />}
      <span>{t(onAir.seen ? "desk.onAir" : "desk.here")}</span>
      <b role="timer" data-testid="on-air">
        {airTime(client.clock.now() - onAir.at)}
      </b>
    </p>
  );
}
