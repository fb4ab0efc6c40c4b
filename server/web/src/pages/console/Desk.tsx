/** The host's desk for one room: its session, what lies over it, and where everything is. */

import { CloseCode, type Dashboard, type RoomClient, type RoomSnapshot, shelfOrder, socketUrl } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import type { EntryControl } from "../shared/entry.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Gone, LinkBanner } from "../shared/link.js";
import { Toasts, useToasts } from "../shared/parts.js";
import { explain, useClient } from "../shared/session.js";
import { AnnounceForm, AnnounceLine } from "./Announce.js";
import type { Act } from "./act.js";
import { ChatDesk } from "./ChatDesk.js";
import { EndDialog, StartDialog } from "./Confirm.js";
import { CreateRoom } from "./CreateRoom.js";
import { DeskHead } from "./DeskHead.js";
import { Dialog } from "./Dialog.js";
import { Figures, useHistory } from "./Figures.js";
import { Key } from "./Key.js";
import { KeysDialog } from "./KeysDialog.js";
import type { KeyAction } from "./keys.js";
import { MountForm } from "./MountForm.js";
import { OnAirClock } from "./OnAirClock.js";
import { OrderBook } from "./OrderBook.js";
import { PinStrip } from "./PinStrip.js";
import { Preview } from "./Preview.js";
import { type Part, partsFor, rightsOf } from "./roles.js";
import { SaleForm, Sales } from "./SaleForm.js";
import { ShelfTable } from "./ShelfTable.js";
import { Summary } from "./Summary.js";
import { Switchboard } from "./Switchboard.js";
import { useKeysOff, useShortcuts } from "./shortcuts.js";
import { TabBar } from "./TabBar.js";

/** What lies over the desk. */
type Over = "mount" | "sale" | "announce" | "start" | "end" | "keys";

export function Desk({ roomId, token, control }: { roomId: string; token: string; control: EntryControl }) {
  const client = useClient({ url: socketUrl(roomId, "control"), token });
  const { toasts, toast } = useToasts();
  const { history, dashboard } = useHistory(client);
  const [kickedReason, setKickedReason] = useState("");
  useEffect(() => client.on("kicked", (event) => setKickedReason(event.reason)), [client]);
  const [over, setOver] = useState<Over | null>(null);
  const [part, setPart] = useState<Part>("show");
  const [keysOff, setKeysOff] = useKeysOff();

  const status = client.status;
  useEffect(() => {
    if (status.phase === "closed" && status.code === CloseCode.BAD_TOKEN && control.entry?.kind === "demo") control.refused();
  }, [status]);
  const room = client.room;
  useEffect(() => {
    document.title = `${room?.title ?? roomId} · ${t("console.title")}`;
  });

  const act: Act = async (command) => {
    try {
      await client.request(command);
      // Everything else is seen where it was done.
      if (command.type === "viewer.kick") toast(t("desk.kicked"), "good");
      return null;
    } catch (error) {
      toast(explain(error));
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const close = (): void => setOver(null);
  /** As `act`; what lies over the desk goes once it is done. */
  const actAndClose: Act = async (command) => {
    const error = await act(command);
    if (error === null) close();
    return error;
  };

  const rights = rightsOf(client.user?.role);
  const runs = room !== null && rights.runs;
  const open = status.phase === "open";
  const start = (): void => {
    if (room?.status === "paused") void act({ type: "room.start" });
    else if (room?.status === "scheduled") setOver("start");
  };
  const pause = (): void => {
    if (room?.status === "live") void act({ type: "room.pause" });
  };

  const onKey = (action: KeyAction): boolean => {
    if (action.do === "close") {
      if (over === null) return false;
      close();
    } else if (action.do === "help") setOver("keys");
    else if (action.do === "chat") {
      setPart("chat");
      // The part may only be shown after this.
      setTimeout(() => document.querySelector<HTMLInputElement>('[data-testid="desk-chat-input"]')?.focus(), 0);
    } else if (!runs || !open || room.status === "ended") return false;
    else if (action.do === "start") start();
    else if (action.do === "pause") pause();
    else if (action.do === "pin") {
      const product = shelfOrder(room.products)[action.place - 1];
      if (product !== undefined && !product.pinned) void act({ type: "product.pin", sku: product.sku });
    } else if (action.do === "unpin") {
      const pinned = room.products.find((product) => product.pinned);
      if (pinned !== undefined) void act({ type: "product.unpin", sku: pinned.sku });
    } else if (action.do === "sale") {
      if (room.products.length === 0) toast(t("desk.noGoods"));
      else setOver("sale");
    } else setOver(action.do);
    return true;
  };
  useShortcuts(keysOff, onKey);

  const missing = status.phase === "closed" && status.code === CloseCode.NO_SUCH_ROOM;
  return (
    <>
      <div class="desk-page" inert={over !== null}>
        <DeskHead client={client} roomId={roomId} missing={missing} onHelp={() => setOver("keys")} />
        <LinkBanner client={client} />
        {missing && <CreateRoom roomId={roomId} token={token} onCreated={() => client.connect()} />}
        {room !== null && (
          <>
            <main
              class={`desk${rights.runs ? "" : " watching"}`}
              data-testid="desk"
              data-part={part}
              data-role={client.user?.role}
            >
              <section class="desk-show" data-testid="part-show">
                <Preview client={client} room={room} />
                {rights.runs && room.status !== "ended" && (
                  <PinStrip act={act} products={shelfOrder(room.products)} able={open} />
                )}
                <OnAirClock client={client} room={room} />
                {rights.runs && (
                  <>
                    <AnnounceLine
                      act={act}
                      current={room.announcement}
                      able={open && room.status !== "ended"}
                      onEdit={() => setOver("announce")}
                    />
                    <Switchboard room={room} open={open} onStart={start} onPause={pause} onEnd={() => setOver("end")} />
                  </>
                )}
              </section>
              {rights.runs && room.status === "ended" && (
                <section class="desk-goods desk-slot" data-testid="part-goods">
                  <Summary room={room} dashboard={dashboard} now={client.clock.now()} />
                </section>
              )}
              {rights.runs && room.status !== "ended" && (
                <Goods act={act} client={client} room={room} dashboard={dashboard} open={open} onOver={setOver} />
              )}
              <section class="desk-figures" data-testid="part-figures">
                <Figures client={client} history={history} dashboard={dashboard} room={room} rights={rights} />
              </section>
              {rights.runs && (
                <section class="desk-orders desk-slot" data-testid="part-orders">
                  <OrderBook act={act} room={roomId} token={token} products={room.products} />
                </section>
              )}
              <section class="desk-chat desk-slot" data-testid="part-chat">
                <ChatDesk client={client} act={act} />
              </section>
            </main>
            <TabBar parts={partsFor(rights)} part={part} onPart={setPart} />
          </>
        )}
      </div>

      {room !== null && over === "mount" && (
        <Dialog title={t("console.mount")} kind="drawer" testId="mount-drawer" onClose={close}>
          <MountForm act={act} client={client} currency={room.currency} onDone={close} />
        </Dialog>
      )}
      {room !== null && over === "sale" && (
        <Dialog title={t("console.sale")} kind="drawer" testId="sale-drawer" onClose={close}>
          <SaleForm act={actAndClose} client={client} currency={room.currency} />
        </Dialog>
      )}
      {room !== null && over === "announce" && (
        <Dialog title={t("console.announce")} kind="drawer" testId="announce-drawer" onClose={close}>
          <AnnounceForm act={act} current={room.announcement} onDone={close} />
        </Dialog>
      )}
      {room !== null && over === "start" && (
        <StartDialog room={room} onClose={close} onSure={() => void actAndClose({ type: "room.start" })} />
      )}
      {room !== null && over === "end" && (
        <EndDialog
          room={room}
          unpaid={dashboard?.orders.reserved ?? null}
          now={client.clock.now()}
          onClose={close}
          onSure={() => void actAndClose({ type: "room.end" })}
        />
      )}
      {over === "keys" && <KeysDialog runs={runs} off={keysOff} onOff={setKeysOff} onClose={close} />}
      <Toasts toasts={toasts} />
      {!missing && <Gone client={client} control={control} kickedReason={kickedReason} guest={false} />}
    </>
  );
}

/** The shelf and the flash sales, and the ways to add to them. */
function Goods(props: {
  act: Act;
  client: RoomClient;
  room: RoomSnapshot;
  dashboard: Dashboard | null;
  open: boolean;
  onOver: (over: Over) => void;
}) {
  const { act, client, room } = props;
  const able = props.open && room.status !== "ended";
  return (
    <section class="desk-goods" data-testid="part-goods">
      <div class="desk-add">
        <button
          type="button"
          class="plain"
          data-testid="open-mount"
          aria-keyshortcuts="n"
          disabled={!able}
          onClick={() => props.onOver("mount")}
        >
          <Icon name="plus" /> {t("desk.newProduct")} <Key name="N" />
        </button>
        <button
          type="button"
          class="plain"
          data-testid="open-sale"
          aria-keyshortcuts="f"
          disabled={!able || room.products.length === 0}
          title={room.products.length === 0 ? t("desk.noGoods") : undefined}
          onClick={() => props.onOver("sale")}
        >
          <Icon name="bolt" /> {t("desk.newSale")} <Key name="F" />
        </button>
      </div>
      <div class="desk-slot desk-shelf-slot">
        <ShelfTable
          act={act}
          client={client}
          products={room.products}
          dashboard={props.dashboard}
          currency={room.currency}
          onFirst={() => props.onOver("mount")}
        />
      </div>
      <div class="desk-slot desk-sales-slot">
        <Sales
          act={act}
          client={client}
          dashboard={props.dashboard}
          currency={room.currency}
          onAgain={() => props.onOver("sale")}
        />
      </div>
    </section>
  );
}
