import { expect, test } from "vitest";
import { stillMuted, withMuted, withoutMuted } from "../../src/pages/console/moderation.js";
import { EMPTY_ROOM, isRoomId, readRoom } from "../../src/pages/console/room-form.js";

const ANN = { user: "ann", name: "Ann", until: 100 };
const BOB = { user: "bob", name: "Bob", until: null };

test("who is muted again moves to the top with the new time", () => {
  expect(withMuted([BOB, ANN], { ...ANN, until: 500 })).toEqual([{ ...ANN, until: 500 }, BOB]);
  expect(withoutMuted([BOB, ANN], "bob")).toEqual([ANN]);
});

test("who may speak again leaves the list; for good stays", () => {
  expect(stillMuted([ANN, BOB], 99)).toEqual([ANN, BOB]);
  expect(stillMuted([ANN, BOB], 100)).toEqual([BOB]);
});

test("a room is sent with what was filled in", () => {
  expect(readRoom("r", { ...EMPTY_ROOM, title: " Tea house ", currency: "jpy" }, false).room).toEqual({
    id: "r",
    title: "Tea house",
    currency: "JPY",
    guests: false,
  });
  const full = { title: "T", currency: "CNY", stream_url: "https://v.example/a.m3u8", starts_at: "2030-01-01T20:00:00" };
  expect(readRoom("r", full, true).room).toMatchObject({
    stream_url: "https://v.example/a.m3u8",
    starts_at: new Date("2030-01-01T20:00:00").getTime(),
  });
});

test.each([
  ["title", " "],
  ["currency", "YUAN"],
  ["stream_url", "ftp://v.example"],
  ["stream_url", "//v.example/a.m3u8"],
  ["starts_at", "soon"],
] as const)("%s = %j is refused there alone", (name, text) => {
  const { problems } = readRoom("r", { ...EMPTY_ROOM, title: "T", [name]: text }, true);
  expect(Object.keys(problems ?? {})).toEqual([name]);
});

test("an address that is no room's id", () => {
  expect(["tea-house_1", "a b", "", "x".repeat(65)].map(isRoomId)).toEqual([true, false, false, false]);
});
