/** One live room as a viewer sees it. */

import { CloseCode, socketUrl } from "@miaodan/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useChat } from "../shared/chat.js";
import { useServerTime } from "../shared/countdown.js";
import type { EntryControl } from "../shared/entry.js";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Gone, LinkBanner } from "../shared/link.js";
import { Sheet, Switches, Toasts, TokenForm, useToasts } from "../shared/parts.js";
import { Poster } from "../shared/pictures.js";
import { useClient } from "../shared/session.js";
import { BagButton, OrdersBadge, OrdersButton } from "./BarButtons.js";
import { useBuying } from "./buying.js";
import { ChatInput, ChatList, useMuted } from "./Chat.js";
import { DanmakuLayer } from "./danmaku-layer.js";
import { FlashCard } from "./FlashCard.js";
import { LikeButton } from "./LikeButton.js";
import { Orders } from "./Orders.js";
import { nextTurn, saleToShow } from "./on-stage.js";
import { ProductCard } from "./ProductCard.js";
import { type BuyContext, PinnedCard, Shelf } from "./Shelf.js";
import { Troubles } from "./Troubles.js";

type Tab = "shelf" | "orders";

export function Room({ roomId, control }: { roomId: string; control: EntryControl }) {
  const entry = control.entry;
  const token = entry !== null && "token" in entry ? entry.token : null;
  const client = useClient({ url: socketUrl(roomId, "live"), token });
  const { toasts, toast } = useToasts();
  const layer = useRef<DanmakuLayer>(null);
  const mountLayer = useCallback((box: HTMLDivElement | null) => {
    layer.current?.clear();
    layer.current = box === null ? null : new DanmakuLayer(box);
  }, []);
  const chat = useChat(client, (danmaku) => layer.current?.add(danmaku.text, danmaku.user.id === client.user?.id));
  const buying = useBuying(client);
  const mutedUntil = useMuted(client);
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
  const sales = room?.sales ?? [];
  const now = useServerTime(client.clock, nextTurn(sales, client.clock.now()), 1_000);

  if (room === null) {
    return (
      <main class="room">
        <section class="stage">
          <Poster name={roomId} />
          <header class="topbar">
            <span />
            <Switches />
          </header>
          <LinkBanner client={client} />
        </section>
        <Gone client={client} control={control} kickedReason={kickedReason} guest />
      </main>
    );
  }

  const guest = token === null;
  const closed =
    room.status === "live"
      ? null
      : t(room.status === "scheduled" ? "buy.notOpen" : room.status === "paused" ? "buy.paused" : "buy.closed");
  const context: BuyContext = {
    client,
    currency: room.currency,
    buying,
    closed,
    onBuy: (sku) => (guest ? setSigning(true) : setOrdering(sku)),
    onOrders: () => open("orders"),
  };
  const sale = saleToShow(sales, now);
  const pinned = room.products.find((product) => product.pinned);
  const open = (next: Tab): void => {
    setOrdering(null);
    setTab(next);
    setPanel(true);
  };
  const tabs = (
    <div class="tabs" role="tablist">
      {(["shelf", "orders"] as const).map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={tab === name}
          data-testid={`tab-${name}`}
          class={tab === name ? "on" : ""}
          onClick={() => setTab(name)}
        >
          {t(name)}
          {name === "shelf" ? ` (${room.products.length})` : <OrdersBadge client={client} />}
        </button>
      ))}
    </div>
  );

  return (
    <main class="room" data-testid="room" data-status={room.status}>
      <section class="stage">
        <Poster name={room.id} />
        <div class="danmaku" ref={mountLayer} aria-hidden="true" data-testid="danmaku-layer" />
        <header class="topbar">
          <div class="title">
            <h1>{room.title}</h1>
            <p>
              <span class={`status ${room.status}`} data-testid="room-status">
                {t(`room.${room.status}`)}
              </span>
              <span class="online" data-testid="online" data-online={room.online}>
                <Icon name="eye" /> {count(room.online)}
              </span>
            </p>
          </div>
          <Switches />
        </header>
        {room.announcement !== null && (
          <p class="announcement" data-testid="announcement">
            <Icon name="horn" /> <span>{room.announcement}</span>
          </p>
        )}
        <LinkBanner client={client} />
        {room.status !== "live" && (
          <p class="curtain">
            {t(room.status === "scheduled" ? "room.waiting" : room.status === "paused" ? "room.pausedLong" : "room.endedLong")}
          </p>
        )}
        <div class="foot">
          <div class="foot-chat">
            <ChatList log={chat} me={client.user?.id ?? null} />
          </div>
          <div class="foot-cards">
            {sale !== undefined && (
              <FlashCard
                key={sale.sale}
                client={client}
                sale={sale}
                product={room.products.find((product) => product.sku === sale.sku)}
                currency={room.currency}
                buying={buying}
                closed={closed}
                onSignIn={guest ? () => setSigning(true) : null}
                onOpen={context.onBuy}
                onOrders={() => open("orders")}
              />
            )}
            {pinned !== undefined && pinned.sku !== sale?.sku && <PinnedCard product={pinned} context={context} />}
          </div>
          <div class="bar">
            {guest ? (
              <button type="button" class="sign-in" data-testid="sign-in" onClick={() => setSigning(true)}>
                {t("token.needed")}
              </button>
            ) : (
              <ChatInput client={client} mutedUntil={mutedUntil} disabled={room.status === "ended"} onFailed={toast} />
            )}
            <OrdersButton client={client} onOpen={() => open("orders")} />
            <BagButton products={room.products} onOpen={() => open("shelf")} />
            <LikeButton client={client} disabled={guest || status.phase !== "open"} />
          </div>
        </div>
      </section>

      {/* biome-ignore lint/a11y/noStaticElementInteractions: for pointers; the panel has a button */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: for pointers; the panel has a button */}
      {panel && <div class="panel-back" onClick={() => setPanel(false)} />}
      <aside class={`panel${panel ? " open" : ""}`} data-testid="panel">
        <header class="panel-head">
          {tabs}
          <button
            type="button"
            class="quiet panel-close"
            aria-label={t("close")}
            data-testid="panel-close"
            onClick={() => setPanel(false)}
          >
            <Icon name="close" />
          </button>
        </header>
        <div class="panel-body" role="tabpanel">
          {tab === "shelf" ? (
            <Shelf products={room.products} context={context} />
          ) : (
            <Orders client={client} token={token} products={room.products} onFailed={toast} onShelf={() => setTab("shelf")} />
          )}
        </div>
      </aside>

      {ordering !== null && <ProductCard key={ordering} sku={ordering} context={context} onClose={() => setOrdering(null)} />}
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
