import type { RoomSnapshot } from "@miaodan/client";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "../style/base.css";
import "../style/landing.css";
import { count } from "../shared/format.js";
import { t, useLang } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { Switches } from "../shared/parts.js";
import { Poster } from "../shared/pictures.js";

const REFRESH_MS = 10_000;

type Rooms = { state: "loading" } | { state: "failed" } | { state: "known"; rooms: RoomSnapshot[] };

function useRooms(): { rooms: Rooms; again: () => void } {
  const [rooms, setRooms] = useState<Rooms>({ state: "loading" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => setRound(round + 1), REFRESH_MS);
    fetch("/api/v1/rooms", { signal: stop.signal })
      .then(async (response) => {
        if (!response.ok) throw new Error(String(response.status));
        return (await response.json()) as { rooms: RoomSnapshot[] };
      })
      .then(
        (list) => setRooms({ state: "known", rooms: list.rooms }),
        () => {
          // What was shown stays on a passing failure.
          if (!stop.signal.aborted) setRooms((before) => (before.state === "known" ? before : { state: "failed" }));
        },
      );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [round]);
  return { rooms, again: () => setRound(round + 1) };
}

function RoomCard({ room }: { room: RoomSnapshot }) {
  const id = encodeURIComponent(room.id);
  return (
    <li class="room-card" data-testid="room-card" data-room={room.id}>
      {/* biome-ignore lint/a11y/useAnchorContent: the heading is the same link, with words */}
      <a class="room-picture" href={`/live/${id}`} tabIndex={-1} aria-hidden="true">
        <Poster name={room.id} />
      </a>
      <div class="room-what">
        <h2>
          <a href={`/live/${id}`}>{room.title}</a>
        </h2>
        <p class="soft">
          <span class={`status ${room.status}`}>{t(`room.${room.status}`)}</span>
          <span class="online">
            <Icon name="eye" /> {count(room.online)}
          </span>
          <span>{t("landing.products", { count: room.products.length })}</span>
        </p>
        <p class="room-links">
          <a class="button primary" href={`/live/${id}`}>
            {t("landing.watch")}
          </a>
          <a class="button plain" href={`/console/${id}`}>
            {t("landing.host")}
          </a>
        </p>
      </div>
    </li>
  );
}

function OpenRoom() {
  const [id, setId] = useState("");
  const valid = /^[A-Za-z0-9_-]{1,64}$/.test(id);
  const go = (where: "live" | "console"): void => {
    if (valid) location.href = `/${where}/${id}`;
  };
  return (
    <form
      class="open-room"
      onSubmit={(event) => {
        event.preventDefault();
        go("live");
      }}
    >
      <h2>{t("landing.openRoom")}</h2>
      <div>
        <input
          type="text"
          autocomplete="off"
          spellcheck={false}
          aria-label={t("landing.roomId")}
          placeholder={t("landing.roomId")}
          value={id}
          onInput={(event) => setId(event.currentTarget.value.trim())}
        />
        <button type="submit" class="primary" disabled={!valid}>
          {t("landing.watch")}
        </button>
        <button type="button" class="plain" disabled={!valid} onClick={() => go("console")}>
          {t("landing.host")}
        </button>
      </div>
    </form>
  );
}

function Page() {
  useLang();
  const { rooms, again } = useRooms();
  useEffect(() => {
    document.title = `${t("landing.title")} · ${t("app.name")}`;
  });
  return (
    <>
      <header class="site-head">
        <a class="brand" href="/">
          <Icon name="bolt" filled /> {t("app.name")}
        </a>
        <Switches />
      </header>
      <main class="landing">
        <h1>{t("landing.title")}</h1>
        <p class="soft">{t("landing.intro")}</p>
        {rooms.state === "loading" && <p class="empty">{t("loading")}</p>}
        {rooms.state === "failed" && (
          <p class="empty">
            {t("landing.failed")}{" "}
            <button type="button" class="small" onClick={again}>
              {t("landing.again")}
            </button>
          </p>
        )}
        {rooms.state === "known" && rooms.rooms.length === 0 && <p class="empty">{t("landing.empty")}</p>}
        {rooms.state === "known" && (
          <ul class="room-cards" data-testid="rooms">
            {rooms.rooms.map((room) => (
              <RoomCard key={room.id} room={room} />
            ))}
          </ul>
        )}
        <OpenRoom />
      </main>
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<Page />, root);
