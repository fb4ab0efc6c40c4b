/** One message on the desk. Drawn anew only when it, or what is open beside it, changed. */

import { Component } from "preact";
import type { ChatLine } from "../shared/chat.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";

export interface LineProps {
  line: ChatLine;
  mine: boolean;
  muted: boolean;
  /** The language the row was drawn in. */
  lang: string;
  onRecall: (message: string) => void;
  onMute: (line: ChatLine) => void;
  onKick: (line: ChatLine) => void;
}

export class ChatLineRow extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    const now = this.props;
    return next.line !== now.line || next.muted !== now.muted || next.mine !== now.mine || next.lang !== now.lang;
  }

  override render({ line, mine, muted, onRecall, onMute, onKick }: LineProps) {
    const host = line.user.role === "host" || line.user.role === "operator";
    return (
      <li data-testid="desk-line" data-mine={mine} class={`${line.recalled ? "recalled" : ""}${mine ? " mine" : ""}`}>
        <p>
          {host && <span class="tag">{t("chat.host")}</span>} <b>{line.user.name}</b> <span>{line.text}</span>
          {muted && <span class="tag sold-out">{t("mod.muted")}</span>}
        </p>
        <div class="line-actions">
          {line.recalled ? (
            <span class="soft">{t("console.recalled")}</span>
          ) : (
            <button type="button" class="tiny" data-testid="recall" onClick={() => onRecall(line.message)}>
              {t("console.recall")}
            </button>
          )}
          {!mine && !host && (
            <>
              <button type="button" class="tiny" data-testid="mute" onClick={() => onMute(line)}>
                {t(muted ? "console.unmute" : "mod.mute")} {!muted && <Icon name="down" />}
              </button>
              <button type="button" class="tiny danger" data-testid="kick" onClick={() => onKick(line)}>
                {t("console.kick")}
              </button>
            </>
          )}
        </div>
      </li>
    );
  }
}
