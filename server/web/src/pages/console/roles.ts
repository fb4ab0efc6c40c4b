/** What the console shows to whom. The server decides what each may do; what it would refuse is not shown. */

import type { Role } from "@miaodan/client";

export interface Rights {
  /** Runs the room: start and end, shelf, sales, announcement, the books. */
  runs: boolean;
  /** Keeps the chat in order: recall, mute, kick. */
  moderates: boolean;
}

/** `role` as the server welcomed it; undefined before that. */
export function rightsOf(role: Role | undefined): Rights {
  const runs = role === "host" || role === "operator";
  return { runs, moderates: runs || role === "moderator" };
}

/** The parts of the desk a phone shows one at a time, in the order of its tab bar. */
export type Part = "show" | "goods" | "orders" | "chat" | "figures";

export function partsFor(rights: Rights): readonly Part[] {
  return rights.runs ? ["show", "goods", "orders", "chat", "figures"] : ["show", "chat", "figures"];
}
