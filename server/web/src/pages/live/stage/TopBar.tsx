/** Over the stage: whose room it is, whether it is live, how many watch, and the visitor's switches. */

import type { RoomSnapshot } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { count, hue } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { Icon } from "../../shared/icons.js";
import { Switches } from "../../shared/parts.js";
import { FAINTEST, type Viewing } from "./viewing.js";

export function Avatar({ room }: { room: RoomSnapshot }) {
  const base = hue(room.id);
  return (
    <svg class="avatar" viewBox="0 0 40 40" aria-hidden="true">
      <circle cx="20" cy="20" r="20" fill={`hsl(${base} 62% 44%)`} />
      <text x="20" y="27" text-anchor="middle" font-size="19" font-weight="700" fill="#fff">
        {[...room.title][0] ?? "?"}
      </text>
    </svg>
  );
}

/** The count of those who watch; it beats when it changes. */
export function Online({ online }: { online: number }) {
  return (
    <span class="online" data-testid="online" data-online={online} title={t("room.online", { count: online })}>
      <Icon name="eye" />{" "}
      <span class="beat" key={online}>
        {count(online)}
      </span>
    </span>
  );
}

export interface MoreProps {
  viewing: Viewing;
  onViewing: (change: Partial<Viewing>) => void;
  /** Language and theme are in the menu; where there is room they stand elsewhere. */
  switches: boolean;
}

export function MoreMenu({ viewing, onViewing, switches }: MoreProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    const onDown = (event: PointerEvent): void => {
      if (event.target instanceof Node && box.current?.contains(event.target) === false) setOpen(false);
    };
    window.addEventListener("keydown", onKey);
    window.addEventListener("pointerdown", onDown);
    return () => {
      window.removeEventListener("keydown", onKey);
      window.removeEventListener("pointerdown", onDown);
    };
  }, [open]);
  return (
    <div class="more" ref={box}>
      <button
        type="button"
        class="round glass"
        ref={button}
        aria-label={t("more")}
        aria-expanded={open}
        data-testid="more"
        onClick={() => setOpen(!open)}
      >
        <Icon name="more" filled />
      </button>
      {open && (
        <div class="more-menu" role="group" aria-label={t("more")} data-testid="more-menu">
          <label class="more-row">
            <span>{t("danmaku.opacity")}</span>
            <input
              type="range"
              min={FAINTEST}
              max={1}
              step={0.1}
              value={viewing.opacity}
              disabled={!viewing.danmaku}
              data-testid="danmaku-opacity"
              onInput={(event) => onViewing({ opacity: Number(event.currentTarget.value) })}
            />
          </label>
          {switches && <Switches />}
        </div>
      )}
    </div>
  );
}

export function TopBar(props: { room: RoomSnapshot; sound: { muted: boolean; toggle: () => void } | null; more: MoreProps }) {
  const { room, sound } = props;
  return (
    <header class="topbar">
      <div class="title">
        <Avatar room={room} />
        <div class="title-text">
          <h1>{room.title}</h1>
          <p>
            <span class={`status ${room.status}`} data-testid="room-status">
              {t(`room.${room.status}`)}
            </span>
            <Online online={room.online} />
          </p>
        </div>
      </div>
      <div class="topbar-buttons">
        {sound !== null && (
          <button
            type="button"
            class="round glass"
            aria-label={t(sound.muted ? "video.unmute" : "video.mute")}
            aria-pressed={!sound.muted}
            data-testid="sound"
            onClick={sound.toggle}
          >
            <Icon name={sound.muted ? "mute" : "sound"} />
          </button>
        )}
        <MoreMenu {...props.more} />
      </div>
    </header>
  );
}

/** The top bar and chat before the first welcome, in the shape of what is to come. */
export function Skeleton() {
  return (
    <>
      <div class="topbar" aria-hidden="true">
        <div class="title">
          <span class="avatar bone" />
          <div class="title-text">
            <span class="bone bone-title" />
            <span class="bone bone-line" />
          </div>
        </div>
      </div>
      <div class="foot" aria-hidden="true" data-testid="skeleton">
        <div class="foot-chat">
          <div class="bones">
            <span class="bone bone-chat" />
            <span class="bone bone-chat short" />
            <span class="bone bone-chat" />
          </div>
        </div>
        <div class="foot-cards">
          <span class="bone bone-card" />
        </div>
        <span class="bone bone-bar" />
      </div>
    </>
  );
}
