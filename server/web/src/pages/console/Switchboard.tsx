/** Start, pause, resume and end the room, with what stands in the way of it said. */

import type { RoomSnapshot } from "@miaodan/client";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Key } from "./Key.js";

/** Why nothing can be switched now; null where it can. */
export function whyNot(open: boolean, status: RoomSnapshot["status"]): string | null {
  if (!open) return t("desk.offline");
  return status === "ended" ? t("desk.endedLong") : null;
}

export function Switchboard(props: {
  room: RoomSnapshot;
  open: boolean;
  onStart: () => void;
  onPause: () => void;
  onEnd: () => void;
}) {
  const { status } = props.room;
  const why = whyNot(props.open, status);
  const off = why !== null;
  return (
    <div class="switchboard">
      {status !== "ended" && (
        <div class="switches-big">
          {status === "live" ? (
            <button
              type="button"
              class="plain big"
              data-testid="pause"
              aria-keyshortcuts="p"
              disabled={off}
              onClick={props.onPause}
            >
              <Icon name="pause" filled /> {t("console.pause")} <Key name="P" />
            </button>
          ) : (
            <button
              type="button"
              class="primary big"
              data-testid="start"
              aria-keyshortcuts="l"
              disabled={off}
              onClick={props.onStart}
            >
              <Icon name="play" filled /> {t(status === "paused" ? "console.resume" : "console.start")} <Key name="L" />
            </button>
          )}
          <button type="button" class="plain danger big" data-testid="end" disabled={off} onClick={props.onEnd}>
            <Icon name="stop" filled /> {t("console.end")}
          </button>
        </div>
      )}
      <p class="switch-why" role="status" data-testid="switch-why">
        {why ?? t(`desk.now.${status}`)}
      </p>
    </div>
  );
}
