/** What a visitor is told about the connection: on its way, lost, or over for good. */

import { CloseCode, type RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDialog } from "./dialog.js";
import type { EntryControl } from "./entry.js";
import { type TextKey, t } from "./i18n.js";
import { Icon, type IconName } from "./icons.js";
import { TokenForm } from "./parts.js";

/** How many failed tries in a row make "reconnecting" a lost network. */
const LOST_AFTER = 4;
/** A gap shorter than this is not worth greying a page for. */
const GRACE_MS = 900;

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

/** Whether the session has been without a connection for longer than a blink. */
export function useAway(client: RoomClient): boolean {
  const online = useOnline();
  const gone = client.status.phase !== "open" || !online;
  const [away, setAway] = useState(false);
  useEffect(() => {
    if (!gone) {
      setAway(false);
      return;
    }
    const timer = setTimeout(() => setAway(true), GRACE_MS);
    return () => clearTimeout(timer);
  }, [gone]);
  return gone && away;
}

/** Whole seconds until the next try; 0 while it is under way. */
function useNextTry(client: RoomClient): number {
  const status = client.status;
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (status.phase !== "waiting") {
      setLeft(0);
      return;
    }
    const at = performance.now() + status.delayMs;
    const look = (): void => setLeft(Math.max(0, Math.ceil((at - performance.now()) / 1_000)));
    look();
    const timer = setInterval(look, 250);
    return () => clearInterval(timer);
  }, [status]);
  return left;
}

export function LinkBanner({ client }: { client: RoomClient }) {
  const online = useOnline();
  const nextTry = useNextTry(client);
  const status = client.status;
  // What the server said when it went: a restart, and not the visitor's network.
  const [restarting, setRestarting] = useState(false);
  useEffect(() => {
    if (status.phase === "open") setRestarting(false);
    if (status.phase === "waiting" && status.code === CloseCode.DRAINING) setRestarting(true);
  }, [status]);
  if (status.phase === "closed" || (status.phase === "open" && online)) return null;
  const attempt = status.phase === "waiting" || status.phase === "connecting" ? status.attempt : 0;
  const lost = !online || attempt >= LOST_AFTER;
  const key: TextKey = lost
    ? "link.lost"
    : restarting
      ? "link.restarting"
      : client.room === null && attempt <= 1
        ? "link.connecting"
        : "link.reconnecting";
  const waiting = status.phase === "waiting";
  return (
    <div
      class={`link-banner${lost ? " lost" : ""}`}
      role="status"
      data-testid="link-banner"
      data-state={lost ? "lost" : status.phase}
      data-cause={!online ? "offline" : restarting ? "restart" : "unknown"}
    >
      {online ? <span class="spinner" aria-hidden="true" /> : <Icon name="offline" />}
      <span>{t(key)}</span>
      {waiting && online && (
        // Read out once a second it would drown everything else.
        <span class="link-next" aria-hidden="true" data-testid="link-next">
          {nextTry > 0 ? t("link.next", { seconds: nextTry }) : ""}
        </span>
      )}
      {waiting && attempt > 1 && (
        <button type="button" class="small" data-testid="link-retry" onClick={() => client.retryNow()}>
          {t("link.retry")}
        </button>
      )}
    </div>
  );
}

interface Farewell {
  title: TextKey;
  help: TextKey;
  icon: IconName;
}

const FAREWELLS: Record<number, Farewell> = {
  [CloseCode.NO_SUCH_ROOM]: { title: "gone.noRoom", help: "gone.noRoomHelp", icon: "door" },
  [CloseCode.KICKED]: { title: "gone.kicked", help: "gone.kickedHelp", icon: "shield" },
  [CloseCode.BAD_TOKEN]: { title: "gone.badToken", help: "gone.badTokenHelp", icon: "clock" },
  [CloseCode.FORBIDDEN]: { title: "gone.forbidden", help: "gone.forbiddenHelp", icon: "shield" },
  [CloseCode.REPLACED]: { title: "gone.replaced", help: "gone.replacedHelp", icon: "windows" },
};

/** The session is over: why, and what to do about it. */
export function Gone(props: GoneProps) {
  const status = props.client.status;
  return status.phase !== "closed" || status.code === null ? null : <GoneCard {...props} code={status.code} />;
}

/** `guest`: one may be here without a name, which nobody may at the console. */
type GoneProps = { client: RoomClient; control: EntryControl; kickedReason: string; guest: boolean };

function GoneCard({ code, ...props }: GoneProps & { code: number }) {
  // The keyboard does not stay on what lies behind.
  const box = useRef<HTMLDivElement>(null);
  useDialog(box, () => undefined);
  const again = code !== CloseCode.NO_SUCH_ROOM && code !== CloseCode.KICKED;
  const farewell = FAREWELLS[code];
  const help = code === CloseCode.FORBIDDEN && !props.guest ? "gone.forbiddenDeskHelp" : farewell?.help;
  const signIn = code === CloseCode.BAD_TOKEN || code === CloseCode.FORBIDDEN;
  return (
    <div class="gone" role="alert" data-testid="gone" data-code={code}>
      <div class="gone-card" tabIndex={-1} ref={box}>
        <span class={`gone-icon${code === CloseCode.KICKED ? " bad" : ""}`}>
          <Icon name={farewell?.icon ?? "offline"} />
        </span>
        <h2>{t(farewell?.title ?? "gone.other")}</h2>
        <p class="soft">{t(help ?? "gone.code", { code })}</p>
        {code === CloseCode.KICKED && props.kickedReason !== "" && (
          <p class="gone-reason">{t("gone.kickedReason", { reason: props.kickedReason })}</p>
        )}
        {signIn && <TokenForm control={props.control} guest={props.guest} />}
        {again && !signIn && (
          <button type="button" class="primary" data-testid="gone-again" onClick={() => props.client.connect()}>
            {t(code === CloseCode.REPLACED ? "gone.here" : "gone.again")}
          </button>
        )}
        <a class="button plain" href="/">
          {t("gone.home")}
        </a>
      </div>
    </div>
  );
}
