/** One live room as a viewer sees it. */

import { CloseCode, socketUrl } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import type { EntryControl } from "../shared/entry.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Gone, LinkBanner, useAway } from "../shared/link.js";
import { Sheet, Switches, Toasts, TokenForm, useToasts } from "../shared/parts.js";
import { ProductPicture } from "../shared/pictures.js";
import { Poster } from "../shared/poster.js";
import { useClient } from "../shared/session.js";
import { BagButton, OrdersButton } from "./BarButtons.js";
import { useBuying } from "./buying.js";
import { Chat } from "./Chat.js";
import { ChatInput, useMuted } from "./ChatInput.js";
import { HeartsLayer, LikeButton } from "./LikeButton.js";
import { Orders } from "./Orders.js";
import { whyClosed } from "./on-stage.js";
import { Panel, type Tab } from "./Panel.js";
import { ProductCard } from "./ProductCard.js";
import { type BuyContext, Shelf } from "./Shelf.js";
import { StageCards } from "./StageCards.js";
import { Announcement } from "./stage/Announcement.js";
import { DanmakuLayer } from "./stage/DanmakuLayer.js";
import type { Hearts } from "./stage/hearts.js";
import { Interlude } from "./stage/Interlude.js";
import type { VideoState } from "./stage/stream-player.js";
import { Skeleton, TopBar } from "./stage/TopBar.js";
import { Video } from "./stage/Video.js";
import { useViewing } from "./stage/viewing.js";
import { useWide } from "./stage/wide.js";
import { Troubles } from "./Troubles.js";

export function Room({ roomId, control }: { roomId: string; control: EntryControl }) {
  const entry = control.entry;
  const token = entry !== null && "token" in entry ? entry.token : null;
  const client = useClient({ url: socketUrl(roomId, "live"), token });
  const { toasts, toast } = useToasts();
  const hearts = useRef<Hearts>(null);
  const buying = useBuying(client);
  const mutedUntil = useMuted(client);
  const wide = useWide();
  const away = useAway(client);
  const [viewing, setViewing] = useViewing();
  const [draft, setDraft] = useState("");
  const [silent, setSilent] = useState(true);
  const [video, setVideo] = useState<VideoState>("none");
  const [dismissed, setDismissed] = useState<string | null>(null);
  const [tab, setTab] = useState<Tab>("shelf");
  const [panel, setPanel] = useState(false);
  const [ordering, setOrdering] = useState<string | null>(null);
  const [signing, setSigning] = useState(false);
  const [kickedReason, setKickedReason] = useState("");
  useEffect(() => client.on("kicked", (event) => setKickedReason(event.reason)), [client]);

  const status = client.status;
  useEffect(() => {
    // A demo's token from before a restart with other keys: ask for a new one, once per token.
    if (status.phase === "closed" && status.code === CloseCode.BAD_TOKEN && entry?.kind === "demo") control.refused();
  }, [status]);

  const room = client.room;
  useEffect(() => {
    if (room !== null) document.title = `${room.title} · ${t("app.name")}`;
  }, [room?.title]);
  const site = wide && (
    <header class="site">
      <a class="brand" href="/">
        <Icon name="bolt" filled /> {t("app.name")}
      </a>
      <Switches />
    </header>
  );

  if (room === null) {
    return (
      <main class="room" data-wide={wide}>
        {site}
        <section class="stage">
          <div class="video" data-state="none">
            <Poster name={roomId} />
          </div>
          <Skeleton />
          <LinkBanner client={client} />
        </section>
        {wide && <aside class="panel" />}
        {wide && <section class="talk" />}
        <Gone client={client} control={control} kickedReason={kickedReason} guest />
      </main>
    );
  }

  const guest = token === null;
  const closed = away ? t("buy.away") : whyClosed(room.status);
  const context: BuyContext = {
    client,
    currency: room.currency,
    buying,
    closed,
    onBuy: setOrdering,
    onSignIn: guest ? () => setSigning(true) : null,
    onOrders: () => open("orders"),
  };
  const pinned = room.products.find((product) => product.pinned);
  const onAir = room.status === "live" || room.status === "paused";
  const open = (next: Tab): void => {
    setOrdering(null);
    setTab(next);
    setPanel(true);
  };
  const bar = (
    <div class="bar">
      {guest ? (
        <button type="button" class="sign-in" data-testid="sign-in" onClick={() => setSigning(true)}>
          {t("token.needed")}
        </button>
      ) : (
        <ChatInput
          client={client}
          mutedUntil={mutedUntil}
          over={room.status === "ended"}
          away={away}
          draft={{ text: draft, set: setDraft }}
          danmaku={{ on: viewing.danmaku, toggle: () => setViewing({ danmaku: !viewing.danmaku }) }}
        />
      )}
      {!wide && (
        <>
          <OrdersButton client={client} onOpen={() => open("orders")} />
          <BagButton room={room.id} products={room.products} onOpen={() => open("shelf")} />
        </>
      )}
      <LikeButton client={client} disabled={guest || status.phase !== "open"} hearts={hearts} />
    </div>
  );

  return (
    <main class="room" data-testid="room" data-status={room.status} data-wide={wide}>
      {site}
      <section class="stage">
        <Video
          url={onAir ? room.stream_url : null}
          muted={silent}
          onState={setVideo}
          poster={
            // No sign on the wall where danmaku fly before it.
            <Poster name={room.id} title={viewing.danmaku ? "" : room.title}>
              {pinned !== undefined && <ProductPicture title={pinned.title} sku={pinned.sku} image={pinned.image} />}
            </Poster>
          }
        />
        <DanmakuLayer client={client} shown={viewing.danmaku} opacity={viewing.opacity} />
        <HeartsLayer client={client} hearts={hearts} />
        <TopBar
          room={room}
          sound={video === "none" ? null : { muted: silent, toggle: () => setSilent(!silent) }}
          more={{ viewing, onViewing: setViewing, switches: !wide }}
        />
        {room.announcement !== null && room.announcement !== dismissed && (
          <Announcement key={room.announcement} text={room.announcement} onDismiss={() => setDismissed(room.announcement)} />
        )}
        <LinkBanner client={client} />
        <Interlude client={client} room={room} onOrders={guest ? null : () => open("orders")} />
        {/* The key: what was the loading picture's place does not become the foot, and does not jump. */}
        <div class="foot" key="foot">
          {!wide && (
            <div class="foot-chat">
              <Chat client={client} />
            </div>
          )}
          <StageCards room={room} context={context} open />
          {!wide && bar}
        </div>
      </section>

      <Panel
        client={client}
        wide={wide}
        open={panel}
        behind={ordering !== null}
        tab={tab}
        onTab={setTab}
        onClose={() => setPanel(false)}
        products={room.products.length}
      >
        {tab === "shelf" ? (
          <Shelf products={room.products} context={context} />
        ) : (
          <Orders client={client} token={token} products={room.products} onFailed={toast} onShelf={() => setTab("shelf")} />
        )}
      </Panel>
      {wide && (
        <section class="talk" aria-label={t("chat.list")}>
          <Chat client={client} />
          {bar}
        </section>
      )}

      {ordering !== null && (
        <ProductCard
          key={ordering}
          sku={ordering}
          context={context}
          onClose={() => setOrdering(null)}
          onBeside={() => {
            setOrdering(null);
            setPanel(false);
          }}
        />
      )}
      {signing && guest && (
        <Sheet title={t("token.needed")} onClose={() => setSigning(false)}>
          <TokenForm control={control} guest={false} />
        </Sheet>
      )}
      <Troubles client={client} onOrders={() => open("orders")} />
      <Toasts toasts={toasts} />
      <Gone client={client} control={control} kickedReason={kickedReason} guest />
    </main>
  );
}
