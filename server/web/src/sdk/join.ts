/** The front door: a room by its server and its id. */

import { RoomClient } from "./client.js";
import { type ClientOptions, socketUrl } from "./session.js";

export interface JoinOptions extends Omit<ClientOptions, "url"> {
  /** Open the control socket, for hosts and moderators. */
  control?: boolean;
}

/**
 * Joins a room and stays in it until `close()`.
 *
 * `server` is where Miaodan answers, e.g. `https://shop.example`; a path (a proxy's) is kept.
 * Throws TypeError for an address that is none.
 */
export function joinRoom(server: string | URL, room: string, options: JoinOptions = {}): RoomClient {
  const { control = false, ...rest } = options;
  const base = new URL(server);
  if (!/^(https?|wss?):$/.test(base.protocol)) throw new TypeError(`${base.href} is no http: or https: address`);
  const secure = base.protocol === "https:" || base.protocol === "wss:";
  const host = `${base.host}${base.pathname.replace(/\/$/, "")}`;
  const client = new RoomClient({
    ...rest,
    url: socketUrl(room, control ? "control" : "live", { protocol: secure ? "https:" : "http:", host }),
  });
  client.connect();
  return client;
}
