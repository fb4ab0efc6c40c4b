/** The chat list over the stage, and the line to write in. */

import { CommandError, type RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ChatLog } from "../shared/chat.js";
import { clockTime } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { explain } from "../shared/session.js";

/** How far from its end the list may be and still follow new lines. */
const FOLLOW_PX = 60;

export function ChatList({ log, me }: { log: ChatLog; me: string | null }) {
  const list = useRef<HTMLUListElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (list.current !== null && follow.current) list.current.scrollTop = list.current.scrollHeight;
  }, [log.lines]);
  return (
    <ul
      class="chat-list"
      ref={list}
      aria-label={t("chat.list")}
      data-testid="chat"
      onScroll={(event) => {
        const box = event.currentTarget;
        follow.current = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_PX;
      }}
    >
      {log.lines
        .filter((line) => !line.recalled)
        .map((line) => (
          <li key={line.message} class={line.user.id === me ? "own" : ""} data-testid="chat-line">
            {line.user.role !== "viewer" && line.user.role !== "guest" && (
              <span class="role">{t(line.user.role === "moderator" ? "chat.moderator" : "chat.host")}</span>
            )}
            <b>{line.user.name}</b> <span>{line.text}</span>
          </li>
        ))}
      {log.skipped > 0 && (
        <li class="skipped" key="skipped">
          {t("chat.skipped", { count: log.skipped })}
        </li>
      )}
    </ul>
  );
}

/** null: may speak. Otherwise until when not (Infinity: until unmuted). */
export function useMuted(client: RoomClient): number | null {
  const [until, setUntil] = useState<number | null>(null);
  useEffect(
    () =>
      client.on("muted", (event) => {
        setUntil(event.until === 0 ? null : (event.until ?? Infinity));
      }),
    [client],
  );
  useEffect(() => {
    if (until === null || until === Infinity) return;
    const wait = Math.min(client.clock.remaining(until), 2 ** 31 - 1);
    const timer = setTimeout(() => setUntil(null), Math.max(0, wait));
    return () => clearTimeout(timer);
  }, [client, until]);
  return until;
}

export function ChatInput(props: {
  client: RoomClient;
  mutedUntil: number | null;
  disabled: boolean;
  onFailed: (text: string) => void;
}) {
  const [text, setText] = useState("");
  const muted = props.mutedUntil !== null;
  const placeholder = !muted
    ? t("chat.placeholder")
    : props.mutedUntil === Infinity
      ? t("chat.muted")
      : t("chat.mutedUntil", { time: clockTime(props.mutedUntil ?? 0) });
  const send = async (): Promise<void> => {
    const message = text.trim();
    if (message === "") return;
    setText("");
    try {
      await props.client.request({ type: "danmaku.send", text: message });
    } catch (error) {
      // What was refused for a reason that passes is given back to be sent again.
      if (!(error instanceof CommandError) || error.code !== "blocked_words") setText((now) => now || message);
      props.onFailed(explain(error));
    }
  };
  return (
    <form
      class={`chat-input${muted ? " muted" : ""}`}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <input
        type="text"
        maxLength={200}
        autocomplete="off"
        enterkeyhint="send"
        data-testid="chat-input"
        aria-label={placeholder}
        placeholder={placeholder}
        value={text}
        disabled={muted || props.disabled}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {text.trim() !== "" && (
        <button type="submit" class="send" aria-label={t("chat.send")} data-testid="chat-send">
          <Icon name="send" filled />
        </button>
      )}
    </form>
  );
}
