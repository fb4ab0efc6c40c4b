/** The room's chat with what a host can do about a message or its sender. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useChat } from "../shared/chat.js";
import { t } from "../shared/i18n.js";
import { SureButton } from "../shared/parts.js";
import type { Act } from "./act.js";

const MUTE_MS = 600_000;
const FOLLOW_PX = 60;

export function ChatDesk({ client, act }: { client: RoomClient; act: Act }) {
  const log = useChat(client);
  const [muted, setMuted] = useState<ReadonlySet<string>>(new Set());
  const [text, setText] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (list.current !== null && follow.current) list.current.scrollTop = list.current.scrollHeight;
  }, [log.lines]);
  const mute = async (user: string): Promise<void> => {
    const was = muted.has(user);
    const error = await act(was ? { type: "viewer.unmute", user } : { type: "viewer.mute", user, duration_ms: MUTE_MS });
    if (error !== null) return;
    setMuted((all) => {
      const next = new Set(all);
      if (was) next.delete(user);
      else next.add(user);
      return next;
    });
  };
  return (
    <section class="card chat-desk">
      <h2>{t("console.chat")}</h2>
      {log.lines.length === 0 && <p class="empty">{t("console.chatEmpty")}</p>}
      <ul
        ref={list}
        data-testid="desk-chat"
        onScroll={(event) => {
          const box = event.currentTarget;
          follow.current = box.scrollHeight - box.scrollTop - box.clientHeight < FOLLOW_PX;
        }}
      >
        {log.lines.map((line) => (
          <li key={line.message} data-testid="desk-line" class={line.recalled ? "recalled" : ""}>
            <p>
              <b>{line.user.name}</b> <span>{line.text}</span>
            </p>
            <div class="line-actions">
              {line.recalled ? (
                <span class="soft">{t("console.recalled")}</span>
              ) : (
                <button
                  type="button"
                  class="tiny"
                  data-testid="recall"
                  onClick={() => void act({ type: "danmaku.recall", message: line.message })}
                >
                  {t("console.recall")}
                </button>
              )}
              {line.user.id !== client.user?.id && (
                <>
                  <button type="button" class="tiny" data-testid="mute" onClick={() => void mute(line.user.id)}>
                    {t(muted.has(line.user.id) ? "console.unmute" : "console.mute")}
                  </button>
                  <SureButton
                    label={t("console.kick")}
                    sure={t("console.unmountSure")}
                    class="tiny danger"
                    testId="kick"
                    onSure={() => void act({ type: "viewer.kick", user: line.user.id })}
                  />
                </>
              )}
            </div>
          </li>
        ))}
        {log.skipped > 0 && <li class="soft">{t("chat.skipped", { count: log.skipped })}</li>}
      </ul>
      <form
        class="restock"
        onSubmit={(event) => {
          event.preventDefault();
          const message = text.trim();
          if (message === "") return;
          setText("");
          void act({ type: "danmaku.send", text: message });
        }}
      >
        <input
          type="text"
          maxLength={200}
          autocomplete="off"
          aria-label={t("chat.placeholder")}
          placeholder={t("chat.placeholder")}
          data-testid="desk-chat-input"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={text.trim() === ""}>
          {t("chat.send")}
        </button>
      </form>
    </section>
  );
}
