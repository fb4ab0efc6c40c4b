/** The room's chat with what a host can do about a message or its sender. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import "../style/goods/chat.css";
import { type ChatLine, useChat } from "../shared/chat.js";
import { clockTime } from "../shared/format.js";
import { currentLang, t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import type { Act } from "./act.js";
import { ChatLineRow } from "./ChatLineRow.js";
import { Follow } from "./follow.js";
import { ModerateDialog } from "./ModerateDialog.js";
import { type Lasting, type Muted, stillMuted, withMuted, withoutMuted } from "./moderation.js";

export function ChatDesk({ client, act }: { client: RoomClient; act: Act }) {
  const list = useRef<HTMLUListElement>(null);
  const follow = useMemo(() => new Follow(), [client]);
  const [follows, setFollows] = useState(true);
  const [unread, setUnread] = useState(0);
  const log = useChat(client, () => {
    if (!follow.on) setUnread((count) => count + 1);
  });
  const [all, setMuted] = useState<readonly Muted[]>([]);
  const [asking, setAsking] = useState<{ kind: "mute" | "kick"; line: ChatLine } | null>(null);
  const muted = stillMuted(all, client.clock.now());
  const silent = new Set(muted.map((one) => one.user));

  const told = (): void => {
    if (follow.on === follows) return;
    setFollows(follow.on);
    if (follow.on) setUnread(0);
  };
  const reaches = (held = false): void => follow.reaches(performance.now(), held);
  const toEnd = (): void => {
    if (list.current !== null && follow.on) list.current.scrollTop = list.current.scrollHeight;
  };
  useLayoutEffect(toEnd, [log.lines, log.skipped, follows]);
  // Also where the list got shorter, or was not to be seen until now.
  useEffect(() => {
    if (list.current === null) return;
    const watcher = new ResizeObserver(toEnd);
    watcher.observe(list.current);
    return () => watcher.disconnect();
  }, [follow]);

  const unmute = async (user: string): Promise<void> => {
    if ((await act({ type: "viewer.unmute", user })) === null) setMuted((was) => withoutMuted(was, user));
  };
  // The rows keep these: a new message draws its own row and no other.
  const latest = useRef({ silent, unmute, act });
  latest.current = { silent, unmute, act };
  const deeds = useMemo(
    () => ({
      onRecall: (message: string) => void latest.current.act({ type: "danmaku.recall", message }),
      onMute: (line: ChatLine) => {
        if (latest.current.silent.has(line.user.id)) void latest.current.unmute(line.user.id);
        else setAsking({ kind: "mute", line });
      },
      onKick: (line: ChatLine) => setAsking({ kind: "kick", line }),
    }),
    [],
  );
  const moderate = async (duration: Lasting, reason: string): Promise<void> => {
    if (asking === null) return;
    const user = asking.line.user;
    const error = await act({
      type: asking.kind === "mute" ? "viewer.mute" : "viewer.kick",
      user: user.id,
      ...(duration === null ? {} : { duration_ms: duration }),
      ...(reason === "" ? {} : { reason }),
    });
    if (error !== null) return;
    setAsking(null);
    if (asking.kind === "mute") {
      const until = duration === null ? null : client.clock.now() + duration;
      setMuted((was) => withMuted(was, { user: user.id, name: user.name, until }));
    }
  };
  return (
    <section class="card chat-desk">
      <header class="part-head">
        <h2>{t("console.chat")}</h2>
        {muted.length > 0 && <MutedList muted={muted} onUnmute={(user) => void unmute(user)} />}
      </header>
      {log.lines.length === 0 && <p class="empty">{t("console.chatEmpty")}</p>}
      <ul
        ref={list}
        data-testid="desk-chat"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard as well
        tabIndex={0}
        aria-label={t("console.chat")}
        class={follows ? "" : "reading"}
        onWheel={() => reaches()}
        onTouchMove={() => reaches()}
        onKeyDown={() => reaches()}
        onPointerDown={(event) => {
          if (event.target === event.currentTarget) reaches(true);
        }}
        onScroll={(event) => {
          follow.scrolled(event.currentTarget, performance.now());
          told();
        }}
      >
        {log.lines.map((line) => (
          <ChatLineRow
            key={line.message}
            line={line}
            mine={line.user.id === client.user?.id}
            muted={silent.has(line.user.id)}
            lang={currentLang()}
            {...deeds}
          />
        ))}
        {log.skipped > 0 && (
          <li class="soft" data-testid="desk-skipped">
            {t("chat.skipped", { count: log.skipped })}
          </li>
        )}
      </ul>
      {!follows && (
        <button
          type="button"
          class="chip follow"
          data-testid="chat-follow"
          onClick={() => {
            follow.resume();
            told();
          }}
        >
          <Icon name="down" /> {unread > 0 ? t("mod.unread", { count: unread }) : t("mod.latest")}
        </button>
      )}
      {client.room?.status !== "ended" && <Speak act={act} />}
      {asking !== null && (
        <ModerateDialog
          kind={asking.kind}
          line={asking.line}
          onClose={() => setAsking(null)}
          onSure={(duration, reason) => void moderate(duration, reason)}
        />
      )}
    </section>
  );
}

function MutedList({ muted, onUnmute }: { muted: readonly Muted[]; onUnmute: (user: string) => void }) {
  return (
    <details class="muted-list" data-testid="muted-list">
      <summary>{t("mod.list", { count: muted.length })}</summary>
      <div>
        {muted.map((one) => (
          <p key={one.user}>
            <b>{one.name}</b>{" "}
            <span class="soft">{one.until === null ? t("mod.forGood") : t("mod.until", { time: clockTime(one.until) })}</span>
            <button type="button" class="tiny" data-testid="unmute" onClick={() => onUnmute(one.user)}>
              {t("console.unmute")}
            </button>
          </p>
        ))}
      </div>
    </details>
  );
}

const QUICK = ["mod.quick1", "mod.quick2", "mod.quick3", "mod.quick4"] as const;

function Speak({ act }: { act: Act }) {
  const [text, setText] = useState("");
  const [quick, setQuick] = useState(false);
  const say = async (message: string): Promise<void> => {
    if (message === "") return;
    setText("");
    // What was not said is not lost, unless something else is being typed.
    if ((await act({ type: "danmaku.send", text: message })) !== null) setText((now) => (now === "" ? message : now));
  };
  return (
    <div class="speak">
      {quick && (
        <div class="quick" role="group" aria-label={t("mod.quick")}>
          {QUICK.map((key) => (
            <button type="button" class="chip" key={key} data-testid="quick-reply" onClick={() => void say(t(key))}>
              {t(key)}
            </button>
          ))}
        </div>
      )}
      <form
        class="restock"
        onSubmit={(event) => {
          event.preventDefault();
          void say(text.trim());
        }}
      >
        <button
          type="button"
          class="round small"
          aria-label={t("mod.quick")}
          aria-expanded={quick}
          data-testid="quick-replies"
          onClick={() => setQuick(!quick)}
        >
          <Icon name="bolt" />
        </button>
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
    </div>
  );
}
