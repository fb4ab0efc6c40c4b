/** The MessagePack encoding; a module of its own, so pages that speak JSON do not carry it. */

import { decode, encode } from "@msgpack/msgpack";
import { asBatch, type Codec, NotABatch } from "./codec.js";
import { SUBPROTOCOL_MSGPACK } from "./wire/index.js";

export const msgpackCodec: Codec = {
  subprotocol: SUBPROTOCOL_MSGPACK,
  encode: (command) => encode(command, { ignoreUndefined: true }),
  decode(data) {
    if (data instanceof ArrayBuffer) return asBatch(decode(new Uint8Array(data)));
    if (data instanceof Uint8Array) return asBatch(decode(data));
    throw new NotABatch("a MessagePack batch is a binary message");
  },
};
