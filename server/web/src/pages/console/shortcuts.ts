/** Listens for the desk's keys while it is shown. */

import { useEffect, useRef, useState } from "preact/hooks";
import { remember, remembered } from "../shared/storage.js";
import { actionFor, type KeyAction, takesKeys } from "./keys.js";

const KEY = "miaodan.keys";

/** Whether the letters and digits are switched off in this browser, and the switch. */
export function useKeysOff(): [boolean, (off: boolean) => void] {
  const [off, setOff] = useState(() => remembered(KEY) === "off");
  return [
    off,
    (next) => {
      setOff(next);
      remember(KEY, next ? "off" : "on");
    },
  ];
}

/** `onAction` hears what a key asked for; it answers whether it did something with it. */
export function useShortcuts(off: boolean, onAction: (action: KeyAction) => boolean): void {
  const latest = useRef({ off, onAction });
  latest.current = { off, onAction };
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const action = actionFor(event, {
        typing: takesKeys(event.target instanceof HTMLElement ? event.target : null),
        covered: document.querySelector('[aria-modal="true"]') !== null,
        off: latest.current.off,
      });
      if (action !== null && latest.current.onAction(action)) event.preventDefault();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
