/** The announcement: written with what was said before at hand, and shown as viewers will see it. */

import { useState } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import type { Act } from "./act.js";
import { lastUsed, rememberUsed } from "./announcements.js";

const LIMIT = 500;

/** One line on the switchboard: what viewers read now, and the way to change it. */
export function AnnounceLine(props: { act: Act; current: string | null; able: boolean; onEdit: () => void }) {
  const { current } = props;
  return (
    <div class={`announce-line${current === null ? " none" : ""}`}>
      <Icon name="horn" />
      <p data-testid="announce-current">{current ?? t("announce.none")}</p>
      <button
        type="button"
        class="tiny"
        data-testid="open-announce"
        aria-keyshortcuts="a"
        disabled={!props.able}
        onClick={props.onEdit}
      >
        {t(current === null ? "announce.write" : "announce.change")}
      </button>
      {current !== null && (
        <button
          type="button"
          class="tiny only-icon"
          data-testid="announce-clear"
          aria-label={t("console.announceClear")}
          title={t("console.announceClear")}
          disabled={!props.able}
          onClick={() => void props.act({ type: "room.announce", text: "" })}
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

export function AnnounceForm({ act, current, onDone }: { act: Act; current: string | null; onDone: () => void }) {
  const [text, setText] = useState(current ?? "");
  const [said] = useState(lastUsed);
  const message = text.trim();
  const presets = [...said, t("announce.preset1"), t("announce.preset2"), t("announce.preset3")];
  return (
    <form
      class="announce-form"
      data-testid="announce-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (message === "") return;
        void act({ type: "room.announce", text: message }).then((error) => {
          if (error !== null) return;
          rememberUsed(message);
          onDone();
        });
      }}
    >
      <label class="announce-label">
        <span>{t("announce.text")}</span>
        <textarea
          rows={3}
          maxLength={LIMIT}
          data-testid="announce-text"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <p class="soft announce-count">{t("announce.count", { count: [...text].length, limit: LIMIT })}</p>
      <div class="announce-stage">
        <span class="soft">{t("announce.asSeen")}</span>
        <p class="announcement" data-testid="announce-preview">
          <Icon name="horn" /> <span>{message === "" ? "…" : message}</span>
        </p>
      </div>
      <fieldset class="presets">
        <legend>{t("announce.presets")}</legend>
        {[...new Set(presets)].map((preset) => (
          <button key={preset} type="button" class="chip" data-testid="announce-preset" onClick={() => setText(preset)}>
            {preset}
          </button>
        ))}
      </fieldset>
      <button type="submit" class="primary big" data-testid="announce-submit" disabled={message === ""}>
        {t("console.announceDo")}
      </button>
    </form>
  );
}
