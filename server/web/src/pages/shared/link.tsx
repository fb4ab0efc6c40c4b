/** What a visitor is told about the connection: on its way, lost, or over for good. */

import { CloseCode, type RoomClient } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import type { EntryControl } from "./entry.js";
import { type TextKey, t } from "./i18n.js";
import { TokenForm } from "./parts.js";

/** How many failed tries in a row make "reconnecting" a lost network. */
const LOST_AFTER = 4;

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = (): void => setOnline(navigator.onLine);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return online;
}

export function LinkBanner({ client }: { client: RoomClient }) {
  const online = useOnline();
  const status = client.status;
  if (status.phase === "closed" || (status.phase === "open" && online)) return null;
  const attempt = status.phase === "waiting" || status.phase === "connecting" ? status.attempt : 0;
  const lost = !online || attempt >= LOST_AFTER;
  const key: TextKey = lost ? "link.lost" : client.room === null && attempt <= 1 ? "link.connecting" : "link.reconnecting";
  return (
    <div
      class={`link-banner${lost ? " lost" : ""}`}
      role="status"
      data-testid="link-banner"
      data-state={lost ? "lost" : status.phase}
    >
      <span class="spinner" aria-hidden="true" />
      <span>{t(key)}</span>
      {lost && status.phase === "waiting" && (
        <button type="button" class="small" onClick={() => client.retryNow()}>
          {t("link.retry")}
        </button>
      )}
    </div>
  );
}

const TITLES: Record<number, TextKey> = {
  [CloseCode.NO_SUCH_ROOM]: "gone.noRoom",
  [CloseCode.KICKED]: "gone.kicked",
  [CloseCode.BAD_TOKEN]: "gone.badToken",
  [CloseCode.FORBIDDEN]: "gone.forbidden",
  [CloseCode.REPLACED]: "gone.replaced",
};

/** The session is over: why, and what to do about it. */
export function Gone(props: { client: RoomClient; control: EntryControl; kickedReason: string; guest: boolean }) {
  const status = props.client.status;
  if (status.phase !== "closed" || status.code === null) return null;
  const code = status.code;
  const again = code !== CloseCode.NO_SUCH_ROOM && code !== CloseCode.KICKED;
  const signIn = code === CloseCode.BAD_TOKEN || code === CloseCode.FORBIDDEN;
  return (
    <div class="gone" role="alert" data-testid="gone" data-code={code}>
      <div class="gone-card">
        <h2>{t(TITLES[code] ?? "gone.other")}</h2>
        {code === CloseCode.NO_SUCH_ROOM && <p class="soft">{t("gone.noRoomHelp")}</p>}
        {code === CloseCode.KICKED && props.kickedReason !== "" && (
          <p class="soft">{t("gone.kickedReason", { reason: props.kickedReason })}</p>
        )}
        {TITLES[code] === undefined && <p class="soft">{t("gone.code", { code })}</p>}
        {signIn && <TokenForm control={props.control} guest={props.guest} />}
        {again && !signIn && (
          <button type="button" class="primary" onClick={() => props.client.connect()}>
            {t("gone.again")}
          </button>
        )}
        <a class="button plain" href="/">
          {t("gone.home")}
        </a>
      </div>
    </div>
  );
}
