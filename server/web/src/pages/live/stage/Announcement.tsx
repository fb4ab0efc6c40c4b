/** The host's announcement on one line; one too long for it runs through, and stands while it is looked at. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../../shared/i18n.js";
import { Icon } from "../../shared/icons.js";

const PX_PER_S = 36;

export function Announcement({ text, onDismiss }: { text: string; onDismiss?: () => void }) {
  const line = useRef<HTMLSpanElement>(null);
  const [beyond, setBeyond] = useState(0);
  useLayoutEffect(() => {
    const box = line.current?.parentElement;
    if (line.current === null || box == null) return;
    const measure = (): void => {
      if (line.current !== null) setBeyond(Math.max(0, line.current.scrollWidth - box.clientWidth));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    measure();
    return () => observer.disconnect();
  }, [text]);
  const running = beyond > 0;
  return (
    <div class={`announcement${running ? " running" : ""}`} data-testid="announcement" role="note">
      <Icon name="horn" />
      {/* With the focus on it the text stands still. */}
      <p class="announcement-line" tabIndex={running ? 0 : -1}>
        <span
          ref={line}
          style={running ? { "--beyond": `-${beyond}px`, animationDuration: `${(beyond / PX_PER_S) * 2 + 5}s` } : {}}
        >
          {text}
        </span>
      </p>
      {onDismiss !== undefined && (
        <button
          type="button"
          class="quiet"
          aria-label={t("announcement.dismiss")}
          data-testid="announcement-dismiss"
          onClick={onDismiss}
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
