/** How commands and batches travel: one WebSocket message each way. */

import { type Command, type Event, SUBPROTOCOL_JSON } from "./wire/index.js";

export interface Codec {
  /** The WebSocket subprotocol that names this encoding. */
  readonly subprotocol: string;
  encode(command: Command): string | Uint8Array;
  /** A batch of events; throws where the message is none. */
  decode(data: unknown): Event[];
}

export class NotABatch extends Error {
  override name = "NotABatch";
}

/** Checks what every batch has in common; unknown types and fields stay, a client may be older. */
export function asBatch(value: unknown): Event[] {
  if (!Array.isArray(value)) throw new NotABatch("a batch is an array of events");
  for (const event of value as unknown[]) {
    if (typeof event !== "object" || event === null || typeof (event as { type?: unknown }).type !== "string") {
      throw new NotABatch("an event is an object with a type");
    }
  }
  return value as Event[];
}

export const jsonCodec: Codec = {
  subprotocol: SUBPROTOCOL_JSON,
  encode: (command) => JSON.stringify(command),
  decode(data) {
    if (typeof data !== "string") throw new NotABatch("a JSON batch is a text message");
    return asBatch(JSON.parse(data));
  },
};
