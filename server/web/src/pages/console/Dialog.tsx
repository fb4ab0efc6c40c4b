/** What opens over the desk: a drawer at its side, or a box in its middle. The desk behind it is inert meanwhile. */

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";

export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** `drawer` slides in from the side, `box` asks something. */
  kind: "drawer" | "box";
  testId: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const titleId = useId();
  // Before the browser takes the focus from a desk that has become inert.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const first = box.current?.querySelector<HTMLElement>("[data-first], .dialog-body :is(input, select, textarea)");
    (first ?? box.current)?.focus();
    // The desk makes itself inert; the notice above it is no part of it.
    const notice = document.querySelector(".demo-notice");
    notice?.toggleAttribute("inert", true);
    return () => {
      notice?.toggleAttribute("inert", false);
      // The desk is still inert while this is taken down.
      if (before instanceof HTMLElement) setTimeout(() => before.focus(), 0);
    };
  }, []);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for pointers; Escape does the same
    // biome-ignore lint/a11y/useKeyWithClickEvents: for pointers; Escape does the same
    <div class={`dialog-back ${props.kind}`} onClick={(event) => event.target === event.currentTarget && props.onClose()}>
      <div
        class="dialog"
        role="dialog"
        aria-modal="true"
        aria-labelledby={titleId}
        tabIndex={-1}
        ref={box}
        data-testid={props.testId}
      >
        <header class="dialog-head">
          <h2 id={titleId}>{props.title}</h2>
          <button type="button" class="quiet" aria-label={t("close")} data-testid="dialog-close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-body">{props.children}</div>
      </div>
    </div>
  );
}
