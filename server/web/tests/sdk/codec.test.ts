import { jsonCodec, NotABatch } from "@miaodan/client";
import { encode } from "@msgpack/msgpack";
import { expect, test } from "vitest";
import { msgpackCodec } from "../../src/sdk/codec-msgpack.js";

const BATCH = [{ type: "danmaku.skipped", count: 3 }];

test("both encodings carry the same batch", () => {
  const packed = encode(BATCH);
  expect(jsonCodec.decode(JSON.stringify(BATCH))).toEqual(BATCH);
  expect(msgpackCodec.decode(packed.slice().buffer)).toEqual(BATCH);
});

test.each([["{}"], ["[1]"], ["[null]"], ['[{"no":"type"}]']])("%s is no batch", (text) => {
  expect(() => jsonCodec.decode(text)).toThrow(NotABatch);
  expect(() => msgpackCodec.decode(encode(JSON.parse(text)))).toThrow(NotABatch);
});

test("a message of the other kind is refused", () => {
  expect(() => jsonCodec.decode(new ArrayBuffer(1))).toThrow(NotABatch);
  expect(() => msgpackCodec.decode("[]")).toThrow(NotABatch);
});
