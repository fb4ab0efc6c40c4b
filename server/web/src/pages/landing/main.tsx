import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "../style/base.css";
import "../style/landing.css";
import { isDemo } from "../shared/entry.js";
import { t, useLang } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { SiteHead } from "../shared/parts.js";
import { RoomCard, RoomCardToCome } from "./RoomCard.js";
import { type Rooms, useRooms } from "./rooms.js";

function OpenRoom() {
  const [id, setId] = useState("");
  const valid = /^[A-Za-z0-9_-]{1,64}$/.test(id);
  return (
    <form
      class="open-room"
      data-testid="open-room"
      onSubmit={(event) => {
        event.preventDefault();
        if (valid) location.href = `/live/${id}`;
      }}
    >
      <label for="room-id">{t("landing.openRoom")}</label>
      <div>
        <input
          id="room-id"
          type="text"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder={t("landing.roomId")}
          value={id}
          onInput={(event) => setId(event.currentTarget.value.trim())}
        />
        <button type="submit" class="plain" disabled={!valid}>
          {t("landing.open")}
        </button>
      </div>
    </form>
  );
}

function List({ rooms, again }: { rooms: Rooms; again: () => void }) {
  if (rooms.state === "loading") {
    return (
      <ul class="room-cards" aria-busy="true" aria-label={t("loading")}>
        <RoomCardToCome />
        <RoomCardToCome />
        <RoomCardToCome />
      </ul>
    );
  }
  if (rooms.state === "failed") {
    return (
      <div class="no-rooms" role="status">
        <p>{t("landing.failed")}</p>
        <button type="button" class="primary" onClick={again}>
          {t("landing.again")}
        </button>
      </div>
    );
  }
  if (rooms.rooms.length === 0) {
    return (
      <div class="no-rooms" data-testid="no-rooms" role="status">
        <Icon name="moon" />
        <p>{t("landing.empty")}</p>
      </div>
    );
  }
  return (
    <ul class="room-cards" data-testid="rooms">
      {rooms.rooms.map((room) => (
        <RoomCard key={room.id} room={room} />
      ))}
    </ul>
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
      <SiteHead />
      <main class="landing">
        <h1>{t("landing.title")}</h1>
        {isDemo() && (
          <p class="demo-help" data-testid="demo-help">
            <strong>{t("landing.demo")}</strong> {t("landing.demoHelp")}
          </p>
        )}
        <List rooms={rooms} again={again} />
        <OpenRoom />
      </main>
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<Page />, root);
