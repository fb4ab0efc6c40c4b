/** What viewers see now: the viewer page's own components in a frame the size of a phone, not to be touched. */

import type { RoomClient, RoomSnapshot } from "@miaodan/client";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { useBuying } from "../live/buying.js";
import { Chat } from "../live/Chat.js";
import { whyClosed } from "../live/on-stage.js";
import { StageCards } from "../live/StageCards.js";
import { Announcement } from "../live/stage/Announcement.js";
import { DanmakuLayer } from "../live/stage/DanmakuLayer.js";
import { Avatar } from "../live/stage/TopBar.js";
import { Video } from "../live/stage/Video.js";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { ProductPicture } from "../shared/pictures.js";
import { Poster } from "../shared/poster.js";

const PHONE_WIDTH = 390;
const PHONE_HEIGHT = 844;

/** Keeps the phone as large as its box allows. */
function useFit(): (box: HTMLDivElement | null) => void {
  const watcher = useRef<ResizeObserver>(null);
  useEffect(() => () => watcher.current?.disconnect(), []);
  return useCallback((box: HTMLDivElement | null) => {
    watcher.current?.disconnect();
    if (box === null) return;
    watcher.current = new ResizeObserver(() => {
      const scale = Math.min(box.clientWidth / PHONE_WIDTH, box.clientHeight / PHONE_HEIGHT);
      box.style.setProperty("--preview-scale", String(scale));
    });
    watcher.current.observe(box);
  }, []);
}

export function Preview({ client, room }: { client: RoomClient; room: RoomSnapshot }) {
  const fit = useFit();
  return (
    <figure class="preview" data-testid="preview" aria-label={t("desk.preview")}>
      <div class="preview-fit" ref={fit}>
        <div class="phone" inert>
          <Stage client={client} room={room} />
        </div>
      </div>
      <figcaption class="unseen">{t("desk.preview")}</figcaption>
    </figure>
  );
}

function Stage({ client, room }: { client: RoomClient; room: RoomSnapshot }) {
  const buying = useBuying(client);
  const pinned = room.products.find((product) => product.pinned);
  const closed = whyClosed(room.status);
  const context = { client, currency: room.currency, buying, closed, onBuy: () => undefined };
  return (
    <section class="stage">
      <Video
        url={room.status === "live" || room.status === "paused" ? room.stream_url : null}
        muted
        poster={
          <Poster name={room.id} title="">
            {pinned !== undefined && <ProductPicture title={pinned.title} sku={pinned.sku} image={pinned.image} />}
          </Poster>
        }
      />
      <DanmakuLayer client={client} />
      <header class="topbar">
        <div class="title">
          <Avatar room={room} />
          <div class="title-text">
            <h3 class="preview-title">{room.title}</h3>
            <p>
              <span class={`status ${room.status}`}>{t(`room.${room.status}`)}</span>
              <span class="online">
                <Icon name="eye" /> {count(room.online)}
              </span>
            </p>
          </div>
        </div>
      </header>
      {room.announcement !== null && (
        <div class="preview-announcement" data-testid="preview-announcement">
          <Announcement key={room.announcement} text={room.announcement} />
        </div>
      )}
      {room.status !== "live" && (
        <p class="curtain">
          {t(room.status === "scheduled" ? "room.waiting" : room.status === "paused" ? "room.pausedLong" : "room.endedLong")}
        </p>
      )}
      <div class="foot">
        <div class="foot-chat">
          <Chat client={client} />
        </div>
        <StageCards room={room} context={context} open={false} />
        <div class="bar">
          <span class="preview-input">
            <b class="danmaku-mark">{t("danmaku.mark")}</b>
            {t("chat.placeholder")}
          </span>
          <span class="button round orders-button">
            <Icon name="receipt" />
            <span class="bar-label">{t("orders.short")}</span>
          </span>
          <span class="button round bag-button">
            <Icon name="bag" filled />
            <span class="badge-count">{room.products.length}</span>
          </span>
          <span class="button round like">
            <Icon name="heart" filled />
          </span>
        </div>
      </div>
    </section>
  );
}
