/** Likes: counted here at once, sent together a few times a second. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";

const SEND_MS = 300;
const HEARTS = 12;

export function LikeButton({ client, disabled }: { client: RoomClient; disabled: boolean }) {
  const unsent = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const box = useRef<HTMLSpanElement>(null);
  const [own, setOwn] = useState(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  // The room's count has caught up with what was tapped here.
  const likes = client.room?.likes ?? 0;
  useEffect(() => setOwn(unsent.current), [likes]);

  const flush = (): void => {
    timer.current = undefined;
    if (unsent.current > 0) client.like(unsent.current);
    unsent.current = 0;
  };
  const onClick = (): void => {
    unsent.current = Math.min(100, unsent.current + 1);
    setOwn((value) => value + 1);
    timer.current ??= setTimeout(flush, SEND_MS);
    if (box.current !== null) float(box.current);
  };
  return (
    <button type="button" class="round like" aria-label={t("like")} data-testid="like" disabled={disabled} onClick={onClick}>
      <span class="hearts" ref={box} aria-hidden="true" />
      <Icon name="heart" filled />
      <span class="badge-count" data-testid="likes" title={t("likes", { count: likes + own })}>
        {count(likes + own)}
      </span>
    </button>
  );
}

function float(box: HTMLElement): void {
  if (box.childElementCount >= HEARTS || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const heart = document.createElement("i");
  heart.textContent = "♥";
  box.append(heart);
  const drift = Math.round((Math.random() - 0.5) * 60);
  heart.animate(
    [
      { transform: "translate(0, 0) scale(0.7)", opacity: 1 },
      { transform: `translate(${drift}px, -150px) scale(1.3)`, opacity: 0 },
    ],
    { duration: 1_100, easing: "ease-out" },
  ).onfinish = () => heart.remove();
}
