/** On small screens: one part of the desk at a time. */

import { t } from "../shared/i18n.js";
import { Icon, type IconName } from "../shared/icons.js";
import type { Part } from "./roles.js";

const ICONS: Record<Part, IconName> = { show: "eye", goods: "bag", orders: "receipt", chat: "chat", figures: "chart" };

export function TabBar({ parts, part, onPart }: { parts: readonly Part[]; part: Part; onPart: (part: Part) => void }) {
  return (
    <nav class="desk-tabs" aria-label={t("desk.parts")} data-testid="desk-tabs">
      {parts.map((name) => (
        <button
          key={name}
          type="button"
          class={name === part ? `on tab-${name}` : `tab-${name}`}
          aria-current={name === part ? "page" : undefined}
          data-testid={`desk-tab-${name}`}
          onClick={() => onPart(name)}
        >
          <Icon name={ICONS[name]} />
          <span>{t(`desk.${name}`)}</span>
        </button>
      ))}
    </nav>
  );
}
