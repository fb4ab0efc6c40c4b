/** What is for sale on the stage: the flash sale that matters now, and the product that is being shown. */

import type { RoomSnapshot } from "@miaodan/client";
import { useServerTime } from "../shared/countdown.js";
import { FlashCard } from "./FlashCard.js";
import { nextTurn, saleToShow } from "./on-stage.js";
import { type BuyContext, PinnedCard } from "./Shelf.js";

/** `open`: what is tapped opens; in a preview nothing does. */
export function StageCards({ room, context, open }: { room: RoomSnapshot; context: BuyContext; open: boolean }) {
  const { client } = context;
  const now = useServerTime(client.clock, nextTurn(room.sales, client.clock.now()), 1_000);
  const sale = saleToShow(room.sales, now);
  const pinned = room.products.find((product) => product.pinned);
  return (
    <div class="foot-cards">
      {sale !== undefined && (
        <FlashCard
          key={sale.sale}
          client={client}
          sale={sale}
          product={room.products.find((product) => product.sku === sale.sku)}
          currency={context.currency}
          buying={context.buying}
          closed={context.closed}
          onSignIn={context.onSignIn ?? null}
          {...(open ? { onOpen: context.onBuy } : {})}
          {...(context.onOrders === undefined ? {} : { onOrders: context.onOrders })}
        />
      )}
      {pinned !== undefined && pinned.sku !== sale?.sku && <PinnedCard product={pinned} context={context} />}
    </div>
  );
}
