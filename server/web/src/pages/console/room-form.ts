/** A new room as it is typed, and as `POST /api/v1/rooms` takes it. */

import { t } from "../shared/i18n.js";
import { type Problems, Reading, type Values } from "./reading.js";

export const ROOM_NAMES = ["title", "currency", "stream_url", "starts_at"] as const;
export type RoomName = (typeof ROOM_NAMES)[number];
export const EMPTY_ROOM: Values<RoomName> = { title: "", currency: "CNY", stream_url: "", starts_at: "" };

/** Offered first; every other ISO 4217 code can be typed. */
export const CURRENCIES = ["CNY", "USD", "EUR", "HKD", "TWD", "JPY", "KRW", "SGD", "GBP", "KWD"] as const;

export interface RoomWanted {
  id: string;
  title: string;
  currency: string;
  guests: boolean;
  stream_url?: string;
  /** Milliseconds since the Unix epoch. */
  starts_at?: number;
}

/** Whether the server takes it for a room. */
export function isRoomId(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(id);
}

export function readRoom(
  id: string,
  values: Values<RoomName>,
  guests: boolean,
): { room: RoomWanted; problems: null } | { room: null; problems: Problems<RoomName> } {
  const reading = new Reading<RoomName>(values);
  const currency = values.currency.trim().toUpperCase();
  if (!/^[A-Z]{3}$/.test(currency)) reading.wrong("currency", t("room.currencyBad"));
  const stream = reading.optional("stream_url", () => reading.text("stream_url", 2048));
  if (stream !== null && !/^(https?:\/\/[^\s/]|\/(?!\/))\S*$/.test(stream)) reading.wrong("stream_url", t("room.streamBad"));
  const startsAt = reading.optional("starts_at", () => Date.parse(values.starts_at));
  if (startsAt !== null && !(startsAt >= 0)) reading.wrong("starts_at", t("form.required"));
  const room: RoomWanted = {
    id,
    title: reading.text("title", 200),
    currency,
    guests,
    ...(stream === null ? {} : { stream_url: stream }),
    ...(startsAt === null ? {} : { starts_at: startsAt }),
  };
  return reading.ok ? { room, problems: null } : { room: null, problems: reading.problems };
}
