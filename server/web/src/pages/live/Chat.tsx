/** The chat list: it follows what is new until the visitor scrolls back to read. */

import type { RoomClient } from "@miaodan/client";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type ChatLine, useChat } from "../shared/chat.js";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";

/** How far from its end the list may be and still follow new lines. */
const FOLLOW_PX = 60;
/** More lines are not in the document. */
const SHOWN = 60;

function Line({ line, own }: { line: ChatLine; own: boolean }) {
  const role = line.user.role;
  const plain = role === "viewer" || role === "guest";
  return (
    <li class={`${own ? "own" : ""}${plain ? "" : " official"}`} data-testid="chat-line" data-role={role}>
      {!plain && <span class="role">{t(role === "moderator" ? "chat.moderator" : "chat.host")}</span>}
      <b>{line.user.name}</b> <span>{line.text}</span>
    </li>
  );
}

/** Where somebody reads back, what they read stays as it was. */
interface Reading {
  lines: readonly ChatLine[];
  total: number;
}

export function Chat({ client }: { client: RoomClient }) {
  const log = useChat(client);
  const list = useRef<HTMLUListElement>(null);
  const [reading, setReading] = useState<Reading | null>(null);
  const me = client.user?.id ?? null;
  const gone = new Set(log.lines.filter((line) => line.recalled || line.withdrawn).map((line) => line.message));
  const shown = (reading?.lines ?? log.lines.slice(-SHOWN)).filter((line) => !gone.has(line.message));
  const unread = reading === null ? 0 : log.total - reading.total;
  useLayoutEffect(() => {
    if (reading === null && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  });
  return (
    <div class="chat">
      <ul
        class="chat-list"
        ref={list}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keys too
        tabIndex={0}
        aria-label={t("chat.list")}
        data-testid="chat"
        onScroll={(event) => {
          const box = event.currentTarget;
          const follows = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_PX;
          if (follows && reading !== null) setReading(null);
          if (!follows && reading === null) setReading({ lines: log.lines.slice(-SHOWN), total: log.total });
        }}
      >
        <li class="note" key="note">
          {t("chat.welcome")}
        </li>
        {shown.map((line) => (
          <Line key={line.message} line={line} own={line.user.id === me} />
        ))}
        {log.skipped > 0 && (
          <li class="note" key="skipped" data-testid="chat-skipped">
            {t("chat.skipped", { count: count(log.skipped) })}
          </li>
        )}
      </ul>
      {unread > 0 && (
        <button type="button" class="chat-new" data-testid="chat-new" onClick={() => setReading(null)}>
          {t("chat.new", { count: count(unread) })} <Icon name="down" />
        </button>
      )}
    </div>
  );
}
