/** One live room in the list: what is on, how many watch, what is sold. */

import type { RoomSnapshot } from "@miaodan/client";
import { hasToken, isDemo } from "../shared/entry.js";
import { count, money } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Poster, ProductPicture } from "../shared/pictures.js";
import { saleOf } from "./rooms.js";

const THUMBS = 3;

export function RoomCard({ room }: { room: RoomSnapshot }) {
  const id = encodeURIComponent(room.id);
  const products = room.products.toSorted((one, other) => Number(other.pinned) - Number(one.pinned));
  const sale = saleOf(room);
  return (
    <li class="room-card" data-testid="room-card" data-room={room.id}>
      <div class="room-cover">
        <Poster name={room.id} />
        <p class="room-marks">
          <span class={`status ${room.status}`}>{t(`room.${room.status}`)}</span>
          <span class="room-online" data-testid="room-online">
            <Icon name="eye" />
            <span class="unseen">{t("landing.online", { count: count(room.online) })}</span>
            <span aria-hidden="true">{count(room.online)}</span>
          </span>
        </p>
        {sale !== null && (
          <p class="room-sale">
            <Icon name="bolt" filled /> {t(sale === "open" ? "landing.sale" : "landing.saleSoon")}
          </p>
        )}
        <h2>
          <a href={`/live/${id}`} dir="auto">
            {room.title}
          </a>
        </h2>
      </div>
      <div class="room-goods">
        {products.slice(0, THUMBS).map((product) => (
          <figure key={product.sku}>
            <ProductPicture title={product.title} sku={product.sku} image={product.image} />
            <figcaption>{money(product.price, room.currency)}</figcaption>
          </figure>
        ))}
        <p class="soft" data-testid="room-products">
          {products.length === 1 ? t("landing.product") : t("landing.products", { count: products.length })}
        </p>
      </div>
      {(isDemo() || hasToken("host", room.id)) && (
        <a class="room-console" href={`/console/${id}`} data-testid="room-console">
          {t("landing.host")}
        </a>
      )}
    </li>
  );
}

/** Holds the place of a card until the list is here. */
export function RoomCardToCome() {
  return (
    <li class="room-card to-come" aria-hidden="true">
      <div class="room-cover" />
      <div class="room-goods" />
    </li>
  );
}
