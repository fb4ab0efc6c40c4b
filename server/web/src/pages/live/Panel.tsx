/** The bag and the visitor's orders: beside the stage of a wide screen, a sheet over a phone's. */

import type { RoomClient } from "@miaodan/client";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useDialog } from "../shared/dialog.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { OrdersBadge } from "./BarButtons.js";

export type Tab = "shelf" | "orders";

export interface PanelProps {
  client: RoomClient;
  wide: boolean;
  /** A phone's sheet is up. */
  open: boolean;
  /** A product card is over it: a phone's sheet makes way, and comes back as it was. */
  behind: boolean;
  tab: Tab;
  onTab: (tab: Tab) => void;
  onClose: () => void;
  /** Products on the shelf. */
  products: number;
  children: ComponentChildren;
}

export function Panel({ client, wide, open, behind, tab, onTab, onClose, products, children }: PanelProps) {
  const box = useRef<HTMLElement>(null);
  const sheet = open && !wide;
  useDialog(box, onClose, sheet);
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: for pointers; Escape does the same */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: for pointers; Escape does the same */}
      {sheet && !behind && <div class="panel-back" onClick={onClose} />}
      <section
        class={`panel${open ? " open" : ""}${sheet && behind ? " behind" : ""}`}
        {...(sheet ? { role: "dialog", "aria-modal": true, tabIndex: -1 } : {})}
        aria-label={t(tab)}
        ref={box}
        data-testid="panel"
      >
        <header class="panel-head">
          <div class="tabs" role="tablist">
            {(["shelf", "orders"] as const).map((name) => (
              <button
                key={name}
                type="button"
                role="tab"
                aria-selected={tab === name}
                data-testid={`tab-${name}`}
                class={tab === name ? "on" : ""}
                onClick={() => onTab(name)}
              >
                {t(name)}
                {name === "shelf" ? ` (${products})` : <OrdersBadge client={client} />}
              </button>
            ))}
          </div>
          <button type="button" class="quiet panel-close" aria-label={t("close")} data-testid="panel-close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="panel-body" role="tabpanel">
          {children}
        </div>
      </section>
    </>
  );
}
