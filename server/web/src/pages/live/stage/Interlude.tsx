/** What the stage says while the room is not live: not yet, a short break, or over. */

import type { RoomClient, RoomSnapshot } from "@miaodan/client";
import { useEffect, useState } from "preact/hooks";
import { useServerTime } from "../../shared/countdown.js";
import { count, dayTime, longTime } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { Icon } from "../../shared/icons.js";

export interface InterludeProps {
  client: RoomClient;
  room: RoomSnapshot;
  onOrders: (() => void) | null;
}

export function Interlude({ client, room, onOrders }: InterludeProps) {
  if (room.status === "live") return null;
  return (
    <section class={`curtain ${room.status}`} data-testid="curtain" data-status={room.status}>
      {room.status === "scheduled" && <Before client={client} startsAt={room.starts_at ?? null} />}
      {room.status === "paused" && (
        <>
          <Icon name="clock" />
          <h2>{t("room.pausedLong")}</h2>
          <p>{t("room.pausedHelp")}</p>
        </>
      )}
      {room.status === "ended" && <After room={room} onOrders={onOrders} />}
    </section>
  );
}

function Before({ client, startsAt }: { client: RoomClient; startsAt: number | null }) {
  const now = useServerTime(client.clock, startsAt, 1_000);
  const ahead = startsAt !== null && startsAt > now;
  return (
    <>
      <Icon name="clock" />
      <h2>{t(ahead ? "room.startsIn" : "room.waiting")}</h2>
      {ahead ? (
        <>
          <p class="curtain-time" role="timer" data-testid="starts-in">
            {longTime(startsAt - now)}
          </p>
          <p>{t("room.startsAt", { time: dayTime(startsAt, now) })}</p>
        </>
      ) : (
        <p>{t("room.waitingHelp")}</p>
      )}
    </>
  );
}

interface OtherRoom {
  id: string;
  title: string;
  online: number;
}

const OTHERS = 3;

/** Live rooms besides this one; none where they cannot be learnt. */
async function otherRooms(here: string): Promise<OtherRoom[]> {
  try {
    const response = await fetch("/api/v1/rooms", { headers: { accept: "application/json" } });
    if (!response.ok) return [];
    const body = (await response.json()) as { rooms?: OtherRoom[] };
    return (body.rooms ?? []).filter((room) => room.id !== here).slice(0, OTHERS);
  } catch {
    return [];
  }
}

function After({ room, onOrders }: { room: RoomSnapshot; onOrders: (() => void) | null }) {
  const [others, setOthers] = useState<readonly OtherRoom[]>([]);
  useEffect(() => {
    let here = true;
    void otherRooms(room.id).then((found) => here && setOthers(found));
    return () => {
      here = false;
    };
  }, [room.id]);
  return (
    <>
      <h2>{t("room.endedLong")}</h2>
      <p>{t("room.endedThanks")}</p>
      <p class="curtain-facts">
        <span>
          <Icon name="heart" filled /> {t("likes", { count: count(room.likes) })}
        </span>
        <span>
          <Icon name="bag" /> {t("room.endedProducts", { count: room.products.length })}
        </span>
      </p>
      {others.length > 0 && (
        <ul class="curtain-rooms" aria-label={t("room.others")}>
          {others.map((other) => (
            <li key={other.id}>
              <a href={`/live/${encodeURIComponent(other.id)}`} data-testid="other-room">
                <span class="status live">{t("room.live")}</span>
                <b>{other.title}</b>
                <Icon name="eye" /> {count(other.online)}
              </a>
            </li>
          ))}
        </ul>
      )}
      <p class="curtain-buttons">
        {onOrders !== null && (
          <button type="button" class="plain" onClick={onOrders}>
            {t("orders")}
          </button>
        )}
        <a class="button primary" href="/">
          {t("gone.home")}
        </a>
      </p>
    </>
  );
}
