/** A room client for a component: connected while it is shown, drawn anew when something changed. */

import { type ClientOptions, CommandError, ConnectionLost, ReplyTimeout, RoomClient } from "@miaodan/client";
import { useEffect, useMemo } from "preact/hooks";
import { type TextKey, t } from "./i18n.js";
import { useRedraw } from "./redraw.js";

export function useClient(options: ClientOptions): RoomClient {
  const client = useMemo(() => new RoomClient(options), [options.url, options.token]);
  const redraw = useRedraw();
  useEffect(() => {
    const off = client.on("change", redraw);
    client.connect();
    return () => {
      off();
      client.close();
    };
  }, [client]);
  return client;
}

/** The room's id: the last part of /live/{room} or /console/{room}. */
export function roomFromPath(path: string): string {
  try {
    return decodeURIComponent(path.split("/").filter(Boolean)[1] ?? "");
  } catch {
    return "";
  }
}

/** Why a command failed, in the visitor's language. */
export function explain(error: unknown): string {
  if (error instanceof CommandError) {
    if (error.code === "unavailable" && (error.retryAfterMs ?? 0) > 1_000) {
      return t("error.unavailableFor", { seconds: Math.ceil((error.retryAfterMs ?? 0) / 1_000) });
    }
    const key = `error.${error.code}` as TextKey;
    return error.code === "invalid" || error.code === "conflict" ? `${t(key)}: ${error.message}` : t(key);
  }
  if (error instanceof ConnectionLost) return t("error.lost");
  if (error instanceof ReplyTimeout) return t("error.timeout");
  return t("error.other");
}
