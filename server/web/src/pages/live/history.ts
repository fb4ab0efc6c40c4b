/** The visitor's earlier orders: the ledger tells them page by page, the socket those under way. */

import { listOrders, type RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";

const PAGE = 30;

export interface History {
  state: "loading" | "ready" | "failed";
  /** There are older ones. */
  more: boolean;
  /** Loads the next page, or the one that failed once more. */
  load: () => void;
}

export function useHistory(client: RoomClient, token: string | null): History {
  const room = client.room?.id;
  const [state, setState] = useState<History["state"]>(token === null ? "ready" : "loading");
  const [more, setMore] = useState(false);
  const cursor = useRef<string | null>(null);
  const stop = useRef<AbortController | null>(null);
  const load = (): void => {
    if (token === null || room === undefined) return;
    stop.current?.abort();
    const here = new AbortController();
    stop.current = here;
    setState("loading");
    const from = cursor.current === null ? {} : { cursor: cursor.current };
    listOrders(token, { room, limit: PAGE, ...from }, here.signal).then(
      (page) => {
        for (const order of page.orders) client.keep(order);
        cursor.current = page.cursor;
        setMore(page.cursor !== null);
        setState("ready");
      },
      () => {
        if (!here.signal.aborted) setState("failed");
      },
    );
  };
  useEffect(() => {
    cursor.current = null;
    load();
    return () => stop.current?.abort();
  }, [client, token, room]);
  return { state, more, load };
}
