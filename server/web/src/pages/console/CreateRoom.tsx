/** Where the console's room does not exist yet: make it. */

import { CommandError, type ErrorCode } from "@miaodan/client";
import { useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { explain } from "../shared/session.js";
import { Field } from "./form.js";
import { CURRENCIES, EMPTY_ROOM, isRoomId, ROOM_NAMES, type RoomName, type RoomWanted, readRoom } from "./room-form.js";
import { useForm } from "./use-form.js";

/** Asks the server for the room; what it was refused with, or null. */
async function create(token: string, room: RoomWanted): Promise<Error | null> {
  try {
    const response = await fetch("/api/v1/rooms", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(room),
    });
    if (response.ok) return null;
    const { error } = (await response.json()) as { error: { code: ErrorCode; message: string; field?: string } };
    return new CommandError({ type: "error", ...error });
  } catch {
    return new Error(t("error.lost"));
  }
}

export function CreateRoom({ roomId, token, onCreated }: { roomId: string; token: string; onCreated: () => void }) {
  const [guests, setGuests] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const form = useForm<RoomName>({
    names: ROOM_NAMES,
    empty: EMPTY_ROOM,
    draft: null,
    check: (values) => readRoom(roomId, values, guests).problems ?? {},
  });
  const able = isRoomId(roomId);
  const field = (name: RoomName, label: string, more: { optional?: boolean; type?: "datetime-local"; list?: string } = {}) => (
    <Field label={label} {...form.field(name)} {...more} />
  );
  const submit = (): Promise<void> =>
    form.submit(async () => {
      const { room } = readRoom(roomId, form.values, guests);
      if (room === null) return null;
      setProblem(null);
      const error = await create(token, room);
      if (error === null) onCreated();
      else if (error instanceof CommandError) {
        if (error.code === "conflict") setProblem(t("room.idTaken"));
        else if (!ROOM_NAMES.some((name) => name === error.field)) setProblem(explain(error));
      } else setProblem(error.message);
      return error;
    });
  return (
    <main class="door">
      <form
        class="token-form"
        data-testid="create-room"
        noValidate
        ref={form.ref}
        onSubmit={(event) => {
          event.preventDefault();
          if (able) void submit();
        }}
      >
        <h2>{t("console.create")}</h2>
        <p class="soft">{t("console.createHelp", { room: roomId })}</p>
        {!able && (
          <p class="problem" role="alert" data-testid="room-id-bad">
            {t("room.idBad")}
          </p>
        )}
        {field("title", t("console.roomTitle"))}
        {field("currency", t("console.currency"), { list: "currencies" })}
        <datalist id="currencies">
          {CURRENCIES.map((code) => (
            <option key={code} value={code} />
          ))}
        </datalist>
        {field("stream_url", t("room.stream"), { optional: true })}
        {field("starts_at", t("room.startsAt"), { optional: true, type: "datetime-local" })}
        <label class="check">
          <input
            type="checkbox"
            data-testid="field-guests"
            checked={guests}
            onChange={(event) => setGuests(event.currentTarget.checked)}
          />
          <span>{t("room.guests")}</span>
        </label>
        {problem !== null && (
          <p class="problem" role="alert" data-testid="create-problem">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={form.busy || !able} data-testid="create-submit">
          {t(form.busy ? "form.sending" : "console.create")}
        </button>
      </form>
    </main>
  );
}
