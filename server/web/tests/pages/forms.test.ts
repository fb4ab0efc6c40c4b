import { CommandError } from "@miaodan/client";
import { describe, expect, test } from "vitest";
import { problemFrom } from "../../src/pages/console/form.js";
import { readProduct } from "../../src/pages/console/MountForm.js";
import { readSale } from "../../src/pages/console/SaleForm.js";

const PRODUCT = { sku: "tea-01", title: " Tea ", price: "9.90", list_price: "", stock: "100", per_user_limit: "", image: "" };
const SALE = { sku: "tea-01", price: "1", stock: "5", starts_in: "30", duration: "60", per_user_limit: "1" };

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
    ["title", "  "],
    ["title", "x".repeat(201)],
    ["price", "9.999"],
    ["stock", "-1"],
    ["stock", "1.5"],
    ["per_user_limit", "0"],
    ["list_price", "9.89"],
  ] as const)("%s = %j is refused there, and there alone", (name, text) => {
    const { product, problems } = readProduct({ ...PRODUCT, [name]: text }, "CNY");
    expect(product).toBeNull();
    expect(Object.keys(problems ?? {})).toEqual([name]);
  });
});

describe("sale", () => {
  test("seconds become milliseconds", () => {
    expect(readSale(SALE, "CNY").command).toMatchObject({ price: 100, stock: 5, starts_in_ms: 30_000, duration_ms: 60_000 });
  });

  test.each([
    ["stock", "0"],
    ["duration", "0"],
    ["starts_in", "-1"],
    ["price", ""],
  ] as const)("%s = %j is refused", (name, text) => {
    expect(Object.keys(readSale({ ...SALE, [name]: text }, "CNY").problems ?? {})).toEqual([name]);
  });
});

test("the server's complaint goes to the field it names", () => {
  const error = (field?: string) =>
    new CommandError({ type: "error", code: "invalid", message: "no", ...(field === undefined ? {} : { field }) });
  expect(problemFrom(error("product.price"), ["sku", "price"])).toEqual({ price: "no" });
  expect(problemFrom(error("elsewhere"), ["sku", "price"])).toBeNull();
  expect(problemFrom(error(), ["sku"])).toBeNull();
});
