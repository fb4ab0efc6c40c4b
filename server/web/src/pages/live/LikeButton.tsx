/** Likes: counted here at once, sent together a few times a second; held down, it goes on liking. */

import type { RoomClient } from "@miaodan/client";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Hearts } from "./stage/hearts.js";

const SEND_MS = 300;
const HOLD_MS = 380;
const REPEAT_MS = 130;
/** Taps closer together than this are one combo. */
const COMBO_MS = 1_600;
const COMBO_FROM = 3;

/** The canvas on which likes rise, the visitor's and some of everybody's. */
export function HeartsLayer({ client, hearts }: { client: RoomClient; hearts: RefObject<Hearts | null> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current === null) return;
    const made = new Hearts(canvas.current);
    hearts.current = made;
    return () => {
      hearts.current = null;
      made.dispose();
    };
  }, []);
  const likes = client.room?.likes ?? 0;
  const known = useRef(likes);
  useEffect(() => {
    if (likes > known.current && known.current > 0) hearts.current?.others(likes - known.current);
    known.current = likes;
  }, [likes]);
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
  return <canvas class="hearts" ref={canvas} aria-hidden="true" data-testid="hearts" />;
}

export function LikeButton(props: { client: RoomClient; disabled: boolean; hearts: RefObject<Hearts | null> }) {
  const { client, disabled } = props;
  const unsent = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const holding = useRef<ReturnType<typeof setTimeout>>(undefined);
  const repeated = useRef(false);
  const comboOver = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [own, setOwn] = useState(0);
  const [combo, setCombo] = useState(0);
  const release = (): void => clearTimeout(holding.current);
  useEffect(
    () => () => {
      for (const pending of [timer, holding, comboOver]) clearTimeout(pending.current);
    },
    [],
  );
  useEffect(() => {
    if (disabled) release();
  }, [disabled]);
  // The room's count has caught up with what was tapped here.
  const likes = client.room?.likes ?? 0;
  useEffect(() => setOwn(unsent.current), [likes]);

  const flush = (): void => {
    timer.current = undefined;
    if (unsent.current > 0) client.like(unsent.current);
    unsent.current = 0;
  };
  const like = (): void => {
    unsent.current = Math.min(100, unsent.current + 1);
    setOwn((value) => value + 1);
    setCombo((value) => value + 1);
    timer.current ??= setTimeout(flush, SEND_MS);
    clearTimeout(comboOver.current);
    comboOver.current = setTimeout(() => setCombo(0), COMBO_MS);
    props.hearts.current?.own();
  };
  const repeat = (): void => {
    repeated.current = true;
    like();
    holding.current = setTimeout(repeat, REPEAT_MS);
  };
  return (
    <button
      type="button"
      class="round like"
      aria-label={`${t("like")} (${t("likes", { count: count(likes + own) })})`}
      data-testid="like"
      disabled={disabled}
      onClick={() => {
        // What a held finger already did is not done once more on its release.
        if (!repeated.current) like();
        repeated.current = false;
      }}
      onPointerDown={() => {
        repeated.current = false;
        release();
        holding.current = setTimeout(repeat, HOLD_MS);
      }}
      onPointerUp={release}
      onPointerLeave={release}
      onPointerCancel={release}
      onContextMenu={(event) => event.preventDefault()}
    >
      <Icon name="heart" filled />
      <span class="badge-count" data-testid="likes" title={t("likes", { count: likes + own })}>
        {count(likes + own)}
      </span>
      {combo >= COMBO_FROM && (
        <span class="combo" key={combo} aria-hidden="true" data-testid="combo">
          ×{combo}
        </span>
      )}
    </button>
  );
}
