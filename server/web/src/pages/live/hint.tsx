/** A bubble that shows a visitor once where to buy. */

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../shared/i18n.js";

const KEY = "miaodan.hinted";
const SHOWN_MS = 9_000;
/** One bubble per page at most, whichever button asked first. */
let given = false;

function hintedBefore(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
}

function remember(): void {
  try {
    localStorage.setItem(KEY, "1");
  } catch {
    // A browser that stores nothing is not asked again on this page.
  }
}

/** Over the button beside which it stands. */
export function FirstHint() {
  const [shown, setShown] = useState(false);
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    // A preview cannot be tapped.
    if (given || hintedBefore() || place.current?.closest("[inert]") !== null) return;
    given = true;
    remember();
    setShown(true);
    const stop = (): void => setShown(false);
    const timer = setTimeout(stop, SHOWN_MS);
    window.addEventListener("click", stop, { once: true });
    return () => {
      clearTimeout(timer);
      window.removeEventListener("click", stop);
    };
  }, []);
  return (
    <span class={shown ? "hint" : ""} ref={place} data-testid={shown ? "hint" : undefined} aria-hidden="true">
      {shown && t("hint.tap")}
    </span>
  );
}
