/** The SDK's hand-written types against the server's generated AsyncAPI document. */

import { readFileSync } from "node:fs";
import { CloseCode, isFinalClose } from "@miaodan/client";
import { describe, expect, test } from "vitest";

interface Schema {
  type?: string;
  enum?: string[];
  properties?: Record<string, { enum?: string[] }>;
}
interface Document {
  components: { schemas: Record<string, Schema> };
  "x-close-codes": Record<string, { retryable: boolean }>;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const document = JSON.parse(read("../../../../schemas/documents/asyncapi.json")) as Document;
const source = read("../../src/sdk/wire.ts");
const schemas = Object.entries(document.components.schemas);
const ours = (name: string): string => (name === "Error" ? "ErrorEvent" : name);

/** Field names of an interface, with its tag where it has one. */
function fields(name: string): { names: string[]; tag: string | undefined } | null {
  const body = new RegExp(`export interface ${name} \\{\\n([^}]*)\\}`).exec(source)?.[1];
  if (body === undefined) return null;
  return {
    names: [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1] ?? ""),
    tag: /^ {2}type: "([^"]+)"/m.exec(body)?.[1],
  };
}

/** Members of a union of string literals. */
function literals(name: string): string[] {
  const body = new RegExp(`export type ${name} =([^;]*);`).exec(source)?.[1] ?? "";
  return [...body.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

describe("objects", () => {
  const objects = schemas.filter(([, schema]) => schema.properties !== undefined);
  test.each(objects)("%s has the document's fields", (name, schema) => {
    const found = fields(ours(name));
    expect(found?.names.toSorted()).toEqual(Object.keys(schema.properties ?? {}).toSorted());
    expect(found?.tag).toBe(schema.properties?.["type"]?.enum?.[0]);
  });
});

describe("vocabularies", () => {
  const vocabularies = schemas.filter(([, schema]) => schema.enum !== undefined);
  test.each(vocabularies)("%s has the document's words", (name, schema) => {
    expect(literals(name).toSorted()).toEqual(schema.enum?.toSorted());
  });

  test("every close code is known, and whether to come back", () => {
    const codes = Object.entries(document["x-close-codes"]);
    expect(codes.map(([code]) => Number(code)).toSorted()).toEqual(Object.values(CloseCode).toSorted());
    for (const [code, { retryable }] of codes) expect(isFinalClose(Number(code)), code).toBe(!retryable);
  });
});
