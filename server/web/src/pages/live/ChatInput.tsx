/** The line to write in: it keeps what was written until it was sent. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { clockTime, shortTime } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { explain } from "../shared/session.js";

const LONGEST = 200;
/** From so many on the characters left are counted. */
const NEAR = 170;
const HINT_MS = 4_000;

/** null: may speak. Otherwise until when not (Infinity: until unmuted). */
export function useMuted(client: RoomClient): number | null {
  const [until, setUntil] = useState<number | null>(null);
  useEffect(() => {
    const offs = [
      client.on("muted", (event) => setUntil(event.until === 0 ? null : (event.until ?? Infinity))),
      client.on("error", (event) => {
        if (event.code !== "muted") return;
        setUntil(event.retry_after_ms === undefined ? Infinity : client.clock.now() + event.retry_after_ms);
      }),
      // Where one is still muted, `muted` stands right behind it.
      client.on("welcome", () => setUntil(null)),
    ];
    return () => {
      for (const off of offs) off();
    };
  }, [client]);
  useEffect(() => {
    if (until === null || until === Infinity) return;
    const wait = Math.min(client.clock.remaining(until), 2 ** 31 - 1);
    const timer = setTimeout(() => setUntil(null), Math.max(0, wait));
    return () => clearTimeout(timer);
  }, [client, until]);
  return until;
}

export interface Draft {
  text: string;
  set: (next: string | ((now: string) => string)) => void;
}

export interface ChatInputProps {
  client: RoomClient;
  mutedUntil: number | null;
  /** The room is over. */
  over: boolean;
  /** The connection is away: what is written stays, and waits. */
  away: boolean;
  draft: Draft;
  danmaku: { on: boolean; toggle: () => void };
}

function MutedFor({ client, until }: { client: RoomClient; until: number }) {
  const now = useServerTime(client.clock, until, 1_000);
  return <span class="muted-left">{shortTime(until - now)}</span>;
}

export function ChatInput(props: ChatInputProps) {
  const { draft, mutedUntil, danmaku } = props;
  const [hint, setHint] = useState<string | null>(null);
  useEffect(() => {
    if (hint === null) return;
    const timer = setTimeout(() => setHint(null), HINT_MS);
    return () => clearTimeout(timer);
  }, [hint]);
  const muted = mutedUntil !== null;
  const state = props.over
    ? t("chat.over")
    : !muted
      ? t(props.away ? "chat.away" : "chat.placeholder")
      : mutedUntil === Infinity
        ? t("chat.muted")
        : t("chat.mutedUntil", { time: clockTime(mutedUntil) });
  const left = LONGEST - draft.text.length;
  const send = async (): Promise<void> => {
    const message = draft.text.trim();
    if (message === "") return;
    if (props.away) {
      setHint(t("chat.awayHint"));
      return;
    }
    draft.set("");
    setHint(null);
    try {
      await props.client.request({ type: "danmaku.send", text: message });
    } catch (error) {
      // Given back, to be sent again or mended.
      draft.set((now) => now || message);
      setHint(explain(error));
    }
  };
  return (
    <form
      class={`chat-input${muted ? " muted" : ""}${props.away ? " away" : ""}`}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <button
        type="button"
        class="danmaku-toggle"
        aria-pressed={danmaku.on}
        aria-label={`${t("danmaku.mark")} ${t("danmaku.toggle")}`}
        title={t(danmaku.on ? "danmaku.on" : "danmaku.off")}
        data-testid="danmaku-toggle"
        onClick={danmaku.toggle}
      >
        {t("danmaku.mark")}
      </button>
      <input
        type="text"
        maxLength={LONGEST}
        autocomplete="off"
        enterkeyhint="send"
        data-testid="chat-input"
        aria-label={state}
        placeholder={muted && !props.over && mutedUntil !== Infinity ? t("chat.mutedNow") : state}
        value={draft.text}
        disabled={muted || props.over}
        onInput={(event) => draft.set(event.currentTarget.value)}
      />
      {muted && !props.over && mutedUntil !== Infinity && <MutedFor client={props.client} until={mutedUntil} />}
      {draft.text.length >= NEAR && (
        <span class={`chat-left${left === 0 ? " none" : ""}`} data-testid="chat-left">
          {left}
        </span>
      )}
      {draft.text.trim() !== "" && !muted && (
        <button type="submit" class="send" aria-label={t("chat.send")} aria-disabled={props.away} data-testid="chat-send">
          <Icon name="send" filled />
        </button>
      )}
      <p class="chat-hint" role="status" data-testid="chat-hint">
        {hint}
      </p>
    </form>
  );
}
