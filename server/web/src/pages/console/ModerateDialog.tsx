/** Mutes or removes somebody: for how long, and why. */

import { useState } from "preact/hooks";
import type { ChatLine } from "../shared/chat.js";
import { t } from "../shared/i18n.js";
import { Dialog } from "./Dialog.js";
import { KICKS, type Lasting, MUTES } from "./moderation.js";
import { lasting } from "./sale-plan.js";

interface Props {
  kind: "mute" | "kick";
  line: ChatLine;
  onClose: () => void;
  onSure: (duration: Lasting, reason: string) => void;
}

export function ModerateDialog({ kind, line, onClose, onSure }: Props) {
  const choices: readonly Lasting[] = kind === "mute" ? MUTES : KICKS;
  const [duration, setDuration] = useState<Lasting>(600_000);
  const [reason, setReason] = useState("");
  return (
    <Dialog title={t(`mod.${kind}Title`, { name: line.user.name })} kind="box" testId={`${kind}-dialog`} onClose={onClose}>
      <form
        class="moderate"
        onSubmit={(event) => {
          event.preventDefault();
          onSure(duration, reason.trim());
        }}
      >
        <blockquote class="soft">{line.text}</blockquote>
        <div class="quick" role="group" aria-label={t("mod.howLong")}>
          {choices.map((choice) => (
            <button
              type="button"
              class="chip"
              key={choice ?? 0}
              aria-pressed={duration === choice}
              data-testid={`for-${choice ?? "good"}`}
              onClick={() => setDuration(choice)}
            >
              {choice === null ? t("mod.forGood") : lasting(choice)}
            </button>
          ))}
        </div>
        <input
          type="text"
          maxLength={200}
          autocomplete="off"
          aria-label={t("mod.reason")}
          placeholder={t("mod.reason")}
          data-testid="moderate-reason"
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <p class="soft">{t(`mod.${kind}Help`)}</p>
        <div class="dialog-actions">
          <button type="button" class="plain" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="primary" data-testid={`${kind}-sure`}>
            {t(`mod.${kind}Do`)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
