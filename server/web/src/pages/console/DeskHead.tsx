/** The desk's head: which room, how it stands, whether the connection does, and who sits here. */

import type { RoomClient, Status } from "@miaodan/client";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Switches } from "../shared/parts.js";

const PHASES = {
  idle: "desk.connecting",
  connecting: "desk.connecting",
  open: "desk.connected",
  waiting: "desk.reconnecting",
  closed: "desk.closed",
} as const;

function Link({ status }: { status: Status }) {
  // A second and later try is a reconnect, also while it is on its way.
  const phase = status.phase === "connecting" && status.attempt > 0 ? "waiting" : status.phase;
  return (
    <span class={`desk-link ${phase}`} data-testid="desk-link" data-phase={phase}>
      <i aria-hidden="true" /> <span>{t(PHASES[phase])}</span>
    </span>
  );
}

/** `missing`: there is no such room yet, so nothing to be connected to nor to look at. */
export function DeskHead(props: { client: RoomClient; roomId: string; missing: boolean; onHelp: () => void }) {
  const { client, roomId, missing, onHelp } = props;
  const { room, user } = client;
  return (
    <header class="desk-head">
      <div class="desk-title">
        <h1>{room?.title ?? t("console.title")}</h1>
        {room !== null && (
          <span class={`status ${room.status}`} data-testid="desk-status" data-status={room.status}>
            {t(`room.${room.status}`)}
          </span>
        )}
        {!missing && <Link status={client.status} />}
      </div>
      {user !== null && (
        <span class="desk-user" data-testid="desk-user" data-role={user.role} title={user.name}>
          <b>{user.name}</b>
          <span class="tag">{t(`desk.role.${user.role}`)}</span>
        </span>
      )}
      <button
        type="button"
        class="quiet desk-keys"
        aria-label={t("keys.title")}
        aria-keyshortcuts="?"
        data-testid="open-keys"
        onClick={onHelp}
      >
        <Icon name="keyboard" />
      </button>
      {!missing && (
        <a
          class="button plain desk-viewer"
          href={`/live/${encodeURIComponent(roomId)}`}
          target="_blank"
          rel="noopener"
          aria-label={t("console.viewerPage")}
        >
          <Icon name="eye" /> <span>{t("console.viewerPage")}</span>
        </a>
      )}
      <Switches />
    </header>
  );
}
