/** The host's desk for one room. */

import { CloseCode, type Dashboard, type RoomClient, socketUrl } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import type { EntryControl } from "../shared/entry.js";
import { count, money } from "../shared/format.js";
import { type TextKey, t } from "../shared/i18n.js";
import { Gone, LinkBanner } from "../shared/link.js";
import { SureButton, Switches, Toasts, useToasts } from "../shared/parts.js";
import { explain, useClient } from "../shared/session.js";
import type { Act } from "./act.js";
import { ChatDesk } from "./ChatDesk.js";
import { CreateRoom } from "./CreateRoom.js";
import { MountForm } from "./MountForm.js";
import { OrderBook } from "./OrderBook.js";
import { SaleForm, Sales } from "./SaleForm.js";
import { ShelfTable } from "./ShelfTable.js";

export function Desk({ roomId, token, control }: { roomId: string; token: string; control: EntryControl }) {
  const client = useClient({ url: socketUrl(roomId, "control"), token });
  const { toasts, toast } = useToasts();
  const [dashboard, setDashboard] = useState<Dashboard | null>(null);
  useEffect(() => client.on("dashboard", setDashboard), [client]);
  const status = client.status;
  useEffect(() => {
    if (status.phase === "closed" && status.code === CloseCode.BAD_TOKEN && control.entry?.kind === "demo") control.refused();
  }, [status]);

  const act: Act = async (command) => {
    try {
      await client.request(command);
      if (command.type !== "danmaku.send") toast(t("console.done"), "good");
      return null;
    } catch (error) {
      toast(explain(error));
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const room = client.room;
  useEffect(() => {
    document.title = `${room?.title ?? roomId} · ${t("console.title")}`;
  });

  // A moderator keeps the chat in order; the books are not theirs.
  const sells = client.user?.role === "host" || client.user?.role === "operator";
  const missing = status.phase === "closed" && status.code === CloseCode.NO_SUCH_ROOM;
  return (
    <>
      <header class="desk-head">
        <div class="title">
          <h1>{room?.title ?? t("console.title")}</h1>
          {room !== null && (
            <span class={`status ${room.status}`} data-testid="desk-status" data-status={room.status}>
              {t(`room.${room.status}`)}
            </span>
          )}
        </div>
        {room !== null && <RoomSwitch client={client} act={act} />}
        <a class="button plain" href={`/live/${encodeURIComponent(roomId)}`} target="_blank" rel="noopener">
          {t("console.viewerPage")}
        </a>
        <Switches />
      </header>
      <LinkBanner client={client} />
      {missing && <CreateRoom roomId={roomId} token={token} onCreated={() => client.connect()} />}
      {room !== null && (
        <main class="desk" data-testid="desk">
          <Counters dashboard={dashboard} likes={room.likes} online={room.online} currency={room.currency} />
          <div class="desk-main">
            {room.status === "scheduled" && <p class="hint">{t("console.notRunning")}</p>}
            <ShelfTable act={act} products={room.products} dashboard={dashboard} currency={room.currency} />
            <Sales act={act} client={client} sales={room.sales} products={room.products} currency={room.currency} />
            {sells && <OrderBook act={act} room={roomId} token={token} products={room.products} />}
            <ChatDesk client={client} act={act} />
          </div>
          <div class="desk-side">
            <MountForm act={act} currency={room.currency} />
            <SaleForm act={act} products={room.products} currency={room.currency} />
            <Announce act={act} current={room.announcement} />
          </div>
        </main>
      )}
      <Toasts toasts={toasts} />
      {!missing && <Gone client={client} control={control} kickedReason="" guest={false} />}
    </>
  );
}

function RoomSwitch({ client, act }: { client: RoomClient; act: Act }) {
  const status = client.room?.status;
  return (
    <div class="room-switch">
      {(status === "scheduled" || status === "paused") && (
        <button type="button" class="primary" data-testid="start" onClick={() => void act({ type: "room.start" })}>
          {t(status === "paused" ? "console.resume" : "console.start")}
        </button>
      )}
      {status === "live" && (
        <button type="button" class="plain" data-testid="pause" onClick={() => void act({ type: "room.pause" })}>
          {t("console.pause")}
        </button>
      )}
      {status !== "ended" && (
        <SureButton
          label={t("console.end")}
          sure={t("console.endSure")}
          class="plain danger"
          testId="end"
          onSure={() => void act({ type: "room.end" })}
        />
      )}
    </div>
  );
}

function Counters(props: { dashboard: Dashboard | null; likes: number; online: number; currency: string }) {
  const board = props.dashboard;
  const cells: [TextKey, string, string][] = [
    ["console.online", count(board?.online ?? props.online), "online"],
    ["console.peak", count(board?.peak_online ?? 0), "peak"],
    ["console.likes", count(props.likes), "likes"],
    ["console.rate", (board?.danmaku_rate ?? 0).toFixed(1), "rate"],
    ["console.reserved", count(board?.orders.reserved ?? 0), "reserved"],
    ["console.paid", count(board?.orders.paid ?? 0), "paid"],
    ["console.refunded", count(board?.orders.refunded ?? 0), "refunded"],
    ["console.revenue", money(board?.revenue ?? 0, props.currency), "revenue"],
  ];
  return (
    <dl class="counters" data-testid="counters">
      {cells.map(([label, value, name]) => (
        <div key={name}>
          <dt>{t(label)}</dt>
          <dd data-testid={`counter-${name}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Announce({ act, current }: { act: Act; current: string | null }) {
  const [text, setText] = useState("");
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        void act({ type: "room.announce", text: text.trim() }).then((error) => error === null && setText(""));
      }}
    >
      <h2>{t("console.announce")}</h2>
      {current !== null && <p class="current">{current}</p>}
      <textarea
        rows={2}
        maxLength={500}
        aria-label={t("console.announce")}
        data-testid="announce-text"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="row">
        <button type="submit" class="primary" data-testid="announce-submit" disabled={text.trim() === ""}>
          {t("console.announceDo")}
        </button>
        {current !== null && (
          <button
            type="button"
            class="plain"
            data-testid="announce-clear"
            onClick={() => void act({ type: "room.announce", text: "" })}
          >
            {t("console.announceClear")}
          </button>
        )}
      </div>
    </form>
  );
}
