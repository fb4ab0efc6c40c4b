import { describe, expect, test } from "vitest";
import { withLatest } from "../../src/pages/console/announcements.js";
import { actionFor, type KeyPress, takesKeys } from "../../src/pages/console/keys.js";
import { partsFor, rightsOf } from "../../src/pages/console/roles.js";

const FREE = { typing: false, covered: false, off: false };

function press(key: string, changes: Partial<KeyPress> = {}): KeyPress {
  return { key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, isComposing: false, ...changes };
}

describe("keys of the desk", () => {
  test.each([
    ["l", { do: "start" }],
    ["L", { do: "start" }],
    ["p", { do: "pause" }],
    ["n", { do: "mount" }],
    ["f", { do: "sale" }],
    ["a", { do: "announce" }],
    ["/", { do: "chat" }],
    ["?", { do: "help" }],
    ["0", { do: "unpin" }],
    ["1", { do: "pin", place: 1 }],
    ["9", { do: "pin", place: 9 }],
    ["Escape", { do: "close" }],
    ["x", null],
    ["Enter", null],
    ["12", null],
  ])("%s", (key, action) => {
    expect(actionFor(press(key), FREE)).toEqual(action);
  });

  test.each(["ctrlKey", "metaKey", "altKey", "repeat", "isComposing"] as const)("none with %s", (modifier) => {
    for (const key of ["l", "1", "?", "Escape"]) expect(actionFor(press(key, { [modifier]: true }), FREE)).toBeNull();
  });

  test("where text is typed, a key is a key; Escape still closes", () => {
    const typing = { ...FREE, typing: true };
    for (const key of ["l", "1", "?", "/"]) expect(actionFor(press(key), typing)).toBeNull();
    expect(actionFor(press("Escape"), typing)).toEqual({ do: "close" });
  });

  test("under something that lies over the desk, only Escape", () => {
    const covered = { ...FREE, covered: true };
    for (const key of ["l", "p", "3", "?"]) expect(actionFor(press(key), covered)).toBeNull();
    expect(actionFor(press("Escape"), covered)).toEqual({ do: "close" });
  });

  test("switched off, only the way back on is left", () => {
    const off = { ...FREE, off: true };
    for (const key of ["l", "p", "3", "/"]) expect(actionFor(press(key), off)).toBeNull();
    expect(actionFor(press("?"), off)).toEqual({ do: "help" });
  });

  test.each([
    [{ tagName: "INPUT" }, true],
    [{ tagName: "TEXTAREA" }, true],
    [{ tagName: "SELECT" }, true],
    [{ tagName: "DIV", isContentEditable: true }, true],
    [{ tagName: "BUTTON", isContentEditable: false }, false],
    [null, false],
  ])("%j takes keys: %s", (element, takes) => {
    expect(takesKeys(element)).toBe(takes);
  });
});

describe("who sees what", () => {
  test.each([
    ["host", true, true],
    ["operator", true, true],
    ["moderator", false, true],
    ["viewer", false, false],
    ["guest", false, false],
    [undefined, false, false],
  ] as const)("%s", (role, runs, moderates) => {
    expect(rightsOf(role)).toEqual({ runs, moderates });
  });

  test("a moderator's desk has no goods and no orders", () => {
    expect(partsFor(rightsOf("moderator"))).toEqual(["show", "chat", "figures"]);
    expect(partsFor(rightsOf("host"))).toEqual(["show", "goods", "orders", "chat", "figures"]);
  });
});

test("announcements made before: latest first, each once, four at most", () => {
  expect(withLatest(["b", "a"], "a")).toEqual(["a", "b"]);
  expect(withLatest(["d", "c", "b", "a"], "e")).toEqual(["e", "d", "c", "b"]);
});
