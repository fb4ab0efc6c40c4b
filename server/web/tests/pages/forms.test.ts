import { CommandError, type Product } from "@miaodan/client";
import { describe, expect, test, vi } from "vitest";
import { Draft } from "../../src/pages/console/draft.js";
import { readProduct } from "../../src/pages/console/MountForm.js";
import { asTyped, readChanges } from "../../src/pages/console/product-changes.js";
import { exampleAmount, problemFrom } from "../../src/pages/console/reading.js";
import { largestThatFits } from "../../src/pages/console/small-picture.js";
import { suggestSku } from "../../src/pages/console/suggest-sku.js";

const PRODUCT = { sku: "tea-01", title: " Tea ", price: "9.90", list_price: "", stock: "100", per_user_limit: "", image: "" };

describe("mount", () => {
  test("is read as integers of minor units, empty options as null", () => {
    expect(readProduct(PRODUCT, "CNY").product).toEqual({
      sku: "tea-01",
      title: "Tea",
      price: 990,
      list_price: null,
      stock: 100,
      per_user_limit: null,
      image: null,
    });
  });

  test.each([
    ["sku", "has space"],
    ["sku", ""],
    ["sku", `s${"0".repeat(32)}`],
    ["sku", "there"],
    ["title", "  "],
    ["title", "x".repeat(201)],
    ["price", "9.999"],
    ["price", "999999999.99"],
    ["stock", "-1"],
    ["stock", "1.5"],
    ["per_user_limit", "0"],
    ["list_price", "9.89"],
    ["image", "javascript:alert(1)"],
    ["image", "http://shop.example/a.png"],
    ["image", "//shop.example/a.png"],
    ["image", `https://shop.example/${"a".repeat(2_048)}`],
  ] as const)("%s = %j is refused there, and there alone", (name, text) => {
    const { product, problems } = readProduct({ ...PRODUCT, [name]: text }, "CNY", ["there"]);
    expect(product).toBeNull();
    expect(Object.keys(problems ?? {})).toEqual([name]);
  });

  test.each([
    ["JPY", "990", 990],
    ["KWD", "9.905", 9_905],
    ["CNY", "9.9", 990],
  ])("money in %s: %s is %i", (currency, text, minor) => {
    expect(readProduct({ ...PRODUCT, price: text }, currency).product?.price).toBe(minor);
    expect(readProduct({ ...PRODUCT, price: exampleAmount(currency) }, currency).problems).toBeNull();
  });

  test("yen have no fraction", () => {
    expect(readProduct({ ...PRODUCT, price: "9.9" }, "JPY").problems).toHaveProperty("price");
  });
});

describe("an id from the title", () => {
  test.each([
    ["Cloud Runner", [], "cloud-runner"],
    ["Cloud Runner", ["cloud-runner"], "cloud-runner-2"],
    ["Cloud Runner", ["cloud-runner", "cloud-runner-2"], "cloud-runner-3"],
    ["云感跑鞋 · Cloud Runner", [], "cloud-runner"],
    ["云感跑鞋", [], "item-1"],
    ["云感跑鞋", ["item-1"], "item-2"],
    ["Crème brûlée", [], "creme-brulee"],
    ["An extraordinarily long title for tea", [], "an-extraordinarily-long"],
    ["x".repeat(90), [], "x".repeat(24)],
  ])("%s beside %j is %s", (title, taken, sku) => {
    expect(suggestSku(title, taken)).toBe(sku);
  });
});

describe("changes of a product", () => {
  const product: Product = {
    sku: "tea-01",
    title: "Tea",
    price: 990,
    image: null,
    list_price: 1_990,
    per_user_limit: 2,
    available: 5,
    pinned: false,
    position: 0,
    total: 5,
  };
  const typed = asTyped(product, "CNY");

  test("nothing typed is nothing sent", () => {
    expect(readChanges(product, typed, "CNY")).toEqual({ problems: {}, command: null });
  });

  test("what changed is sent, and that alone; what was emptied is taken away", () => {
    const values = { ...typed, price: "8.90", list_price: "", image: "/tea.png" };
    expect(readChanges(product, values, "CNY").command).toEqual({
      type: "product.update",
      sku: "tea-01",
      price: 890,
      list_price: null,
      image: "/tea.png",
    });
  });

  test("a price above the list price is wrong at the list price", () => {
    expect(readChanges(product, { ...typed, price: "20" }, "CNY")).toEqual({
      problems: { list_price: "Not below the price" },
      command: null,
    });
  });
});

test("the server's complaint goes to the field it names", () => {
  const error = (field?: string) =>
    new CommandError({ type: "error", code: "invalid", message: "no", ...(field === undefined ? {} : { field }) });
  expect(problemFrom(error("product.price"), ["sku", "price"])).toEqual({ price: "no" });
  expect(problemFrom(error("elsewhere"), ["sku", "price"])).toBeNull();
  expect(problemFrom(error(), ["sku"])).toBeNull();
  expect(problemFrom(error("duration_ms"), ["duration"], { duration_ms: "duration" })).toEqual({ duration: "no" });
});

describe("a draft", () => {
  const storage = () => {
    const kept = new Map<string, string>();
    return {
      kept,
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    };
  };
  const empty = { title: "", price: "1" };

  test("is there again after a reload, until it was sent", () => {
    const box = storage();
    new Draft("d", empty, box).set({ title: "Tea" });
    const again = new Draft("d", empty, box);
    expect(again.values).toEqual({ title: "Tea", price: "1" });
    again.clear();
    expect(new Draft("d", empty, box).values).toEqual(empty);
  });

  test("what is stored in another shape is not believed", () => {
    const box = storage();
    box.kept.set("d", JSON.stringify({ title: 7, price: "2", more: "x" }));
    expect(new Draft("d", empty, box).values).toEqual({ title: "", price: "2" });
    box.kept.set("d", "{");
    expect(new Draft("d", empty, box).values).toEqual(empty);
  });

  test("tells that it was filled in from elsewhere", () => {
    const heard = vi.fn();
    const draft = new Draft("d", empty, null);
    const off = draft.listen(heard);
    draft.fill({ title: "Tea" });
    expect([draft.values.title, heard.mock.calls.length]).toEqual(["Tea", 1]);
    off();
    draft.set({ title: "Cup" });
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

test("a picture is made as large and as good as fits", () => {
  const tried: [number, number][] = [];
  const encode = (size: number, quality: number): string => {
    tried.push([size, quality]);
    return "x".repeat(Math.round(size * size * quality));
  };
  const fits = largestThatFits(encode);
  expect(fits?.length).toBeLessThanOrEqual(2_048);
  expect(tried.at(-1)).toEqual([96, 0.2]);
  expect(largestThatFits(() => "x".repeat(2_049))).toBeNull();
});
