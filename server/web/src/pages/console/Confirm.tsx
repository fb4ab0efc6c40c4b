/** Before the room starts or ends: what will happen, in numbers. */

import type { RoomSnapshot } from "@miaodan/client";
import { saleWindow } from "@miaodan/client";
import { count } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Dialog } from "./Dialog.js";

interface Props {
  room: RoomSnapshot;
  onClose: () => void;
  onSure: () => void;
}

export function StartDialog({ room, onClose, onSure }: Props) {
  return (
    <Dialog title={t("start.title")} kind="box" testId="start-dialog" onClose={onClose}>
      <ul class="facts">
        <li>{t("start.orders", { count: room.products.length })}</li>
        <li>{t(room.stream_url == null ? "start.noVideo" : "start.video")}</li>
        <li>{t("start.watching", { count: count(room.online) })}</li>
      </ul>
      {room.products.length === 0 && <p class="hint">{t("start.empty")}</p>}
      <div class="dialog-actions">
        <button type="button" class="plain big" onClick={onClose}>
          {t("cancel")}
        </button>
        <button type="button" class="primary big" data-first data-testid="confirm-start" onClick={onSure}>
          {t("console.start")}
        </button>
      </div>
    </Dialog>
  );
}

/** `unpaid`: orders on hold; null where that is not known. `now` on the server's clock. */
export function EndDialog({ room, onClose, onSure, unpaid, now }: Props & { unpaid: number | null; now: number }) {
  const sales = room.sales.filter((sale) => saleWindow(sale, now) !== "over");
  return (
    <Dialog title={t("end.title")} kind="box" testId="end-dialog" onClose={onClose}>
      <ul class="facts">
        <li>{t("end.watching", { count: count(room.online) })}</li>
        <li data-testid="end-sales">{sales.length === 0 ? t("end.noSales") : t("end.sales", { count: sales.length })}</li>
        <li data-testid="end-unpaid">
          {unpaid === null ? t("end.unpaidUnknown") : unpaid === 0 ? t("end.noUnpaid") : t("end.unpaid", { count: unpaid })}
        </li>
        <li>{t("end.books")}</li>
      </ul>
      <p class="hint">{t("end.final")}</p>
      <div class="dialog-actions">
        <button type="button" class="plain big" data-first data-testid="end-keep" onClick={onClose}>
          {t("end.keep")}
        </button>
        <button type="button" class="primary big" data-testid="confirm-end" onClick={onSure}>
          {t("end.sure")}
        </button>
      </div>
    </Dialog>
  );
}
