/**
 * Who the visitor is. A demo server hands out tokens; a real one does not, and the visitor pastes
 * theirs or watches as a guest. Tokens stay in this tab's sessionStorage and are in no address.
 */

import { useEffect, useState } from "preact/hooks";

export type EntryRole = "viewer" | "host";
export type Entry = { kind: "demo" | "token"; token: string } | { kind: "guest" } | { kind: "unknown" };

/** A host's token is for one room, a viewer's for any. */
function key(role: EntryRole, room: string): string {
  return role === "host" ? `miaodan.token.host.${room}` : "miaodan.token.viewer";
}

function stored(storageKey: string): Entry | null {
  try {
    const value = JSON.parse(sessionStorage.getItem(storageKey) ?? "null") as Partial<{ kind: string; token: string }> | null;
    if (value === null || typeof value.token !== "string") return null;
    return { kind: value.kind === "demo" ? "demo" : "token", token: value.token };
  } catch {
    return null;
  }
}

function store(storageKey: string, entry: Entry): void {
  try {
    if (entry.kind === "demo" || entry.kind === "token") sessionStorage.setItem(storageKey, JSON.stringify(entry));
    else sessionStorage.removeItem(storageKey);
  } catch {
    // Without storage the token lives as long as the page.
  }
}

/** Whether this tab holds a token for this room. */
export function hasToken(role: EntryRole, room: string): boolean {
  return stored(key(role, room)) !== null;
}

/** Whether this server hands out tokens: its pages say so. */
export function isDemo(): boolean {
  return document.querySelector<HTMLMetaElement>('meta[name="miaodan-mode"]')?.content === "demo";
}

async function demoEntry(role: EntryRole, room: string): Promise<Entry> {
  if (!isDemo()) return { kind: "unknown" };
  try {
    const query = new URLSearchParams(role === "host" ? { role, room } : { role });
    const response = await fetch(`/demo/token?${query}`, { headers: { accept: "application/json" } });
    if (!response.ok) return { kind: "unknown" };
    const body = (await response.json()) as { token?: unknown };
    return typeof body.token === "string" ? { kind: "demo", token: body.token } : { kind: "unknown" };
  } catch {
    return { kind: "unknown" };
  }
}

export interface EntryControl {
  /** null until it is known. */
  entry: Entry | null;
  /** The visitor pasted a token. */
  sign: (token: string) => void;
  /** The visitor watches without one. */
  asGuest: () => void;
  /** The server did not take the token: forget it, and ask a demo server for another. */
  refused: () => void;
}

export function useEntry(role: EntryRole, room: string): EntryControl {
  const storageKey = key(role, room);
  const [entry, setEntry] = useState<Entry | null>(null);
  const become = (next: Entry): void => {
    store(storageKey, next);
    setEntry(next);
  };
  const ask = (): void => {
    void demoEntry(role, room).then(become);
  };
  useEffect(() => {
    const known = stored(storageKey);
    if (known === null) ask();
    else setEntry(known);
  }, [storageKey]);
  return {
    entry,
    sign: (token) => become({ kind: "token", token: token.trim() }),
    asGuest: () => become({ kind: "guest" }),
    refused: () => {
      const wasDemo = entry?.kind === "demo";
      become({ kind: "unknown" });
      if (wasDemo) ask();
    },
  };
}
