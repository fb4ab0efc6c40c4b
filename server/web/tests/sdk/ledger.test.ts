import { listOrders } from "@miaodan/client";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
});

function answer(status: number, body: unknown): { asked: [string, RequestInit][] } {
  const asked: [string, RequestInit][] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push([url, init]);
    return Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status }));
  });
  return { asked };
}

test("asks with the token in a header and what was given in the query", async () => {
  const { asked } = answer(200, { orders: [], cursor: "1.o" });
  expect(await listOrders("t0ken", { room: "a b", status: "refunding", limit: 20 })).toEqual({ orders: [], cursor: "1.o" });
  expect(asked[0]?.[0]).toBe("/api/v1/orders?room=a+b&status=refunding&limit=20");
  expect(asked[0]?.[1].headers).toEqual({ authorization: "Bearer t0ken" });
});

test("asks the server it is told", async () => {
  const { asked } = answer(200, { orders: [], cursor: null });
  await listOrders("t", {}, undefined, "https://shop.example/");
  expect(asked[0]?.[0]).toBe("https://shop.example/api/v1/orders?");
});

test("a refusal rejects with its code", async () => {
  answer(503, { error: { code: "unavailable", message: "the ledger is away" } });
  await expect(listOrders("t")).rejects.toMatchObject({
    name: "CommandError",
    code: "unavailable",
    message: "the ledger is away",
  });
});

test("an answer that cannot be read is none", async () => {
  answer(502, "<html>");
  await expect(listOrders("t")).rejects.toMatchObject({ name: "ConnectionLost" });
});

test("what was given up is no lost connection", async () => {
  const stop = new AbortController();
  stop.abort();
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("aborted")));
  await expect(listOrders("t", {}, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
});
