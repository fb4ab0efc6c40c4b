/** Whether there is room for the chat and the shelf beside the stage. */

import { useEffect, useState } from "preact/hooks";

const query = matchMedia("(min-width: 900px)");

export function useWide(): boolean {
  const [wide, setWide] = useState(query.matches);
  useEffect(() => {
    const look = (): void => setWide(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return wide;
}
