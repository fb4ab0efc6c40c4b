/** One message on the desk. Drawn anew only when it, or what is open beside it, changed. */

import { Component } from "preact";
import type { ChatLine } from "../shared/chat.js";
import { t } from "../shared/i18n.js";

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

export class ChatLineRow extends Component<LineProps, { open: boolean }> {
  override state = { open: false };

  override shouldComponentUpdate(next: LineProps, state: { open: boolean }): boolean {
    const now = this.props;
    if (state.open !== this.state.open) return true;
    return next.line !== now.line || next.muted !== now.muted || next.mine !== now.mine || next.lang !== now.lang;
  }

  /** A finger's first tap on a line shows what may be done, and does nothing else. */
  private readonly tapped = (event: MouseEvent): void => {
    if (!(event instanceof PointerEvent) || event.pointerType === "mouse" || event.pointerType === "") return;
    const onButton = event.target instanceof Element && event.target.closest("button") !== null;
    if (onButton && this.state.open) return;
    event.stopPropagation();
    this.setState({ open: !this.state.open });
  };

  override render({ line, mine, muted, onRecall, onMute, onKick }: LineProps, { open }: { open: boolean }) {
    const host = line.user.role === "host" || line.user.role === "operator";
    const classes = [line.recalled || line.withdrawn ? "recalled" : "", mine ? "mine" : "", open ? "open" : ""];
    return (
      <li data-testid="desk-line" data-mine={mine} class={classes.filter(Boolean).join(" ")} onClickCapture={this.tapped}>
        <p>
          {host && <span class="tag">{t("chat.host")}</span>} <b>{line.user.name}</b> <span>{line.text}</span>
          {muted && <span class="tag sold-out">{t("mod.muted")}</span>}
        </p>
        {(line.recalled || line.withdrawn) && (
          <span class="soft">{t(line.recalled ? "console.recalled" : "console.withdrawn")}</span>
        )}
        {!(line.recalled && (mine || host)) && (
          <div class="line-actions">
            {!line.recalled && (
              <button type="button" class="tiny" data-testid="recall" onClick={() => onRecall(line.message)}>
                {t("console.recall")}
              </button>
            )}
            {!mine && !host && (
              <>
                <button type="button" class="tiny" data-testid="mute" onClick={() => onMute(line)}>
                  {t(muted ? "console.unmute" : "mod.mute")}
                </button>
                <button type="button" class="tiny danger" data-testid="kick" onClick={() => onKick(line)}>
                  {t("console.kick")}
                </button>
              </>
            )}
          </div>
        )}
      </li>
    );
  }
}
