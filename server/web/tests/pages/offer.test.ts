import type { Product, Sale } from "@miaodan/client";
import { beforeEach, describe, expect, test } from "vitest";
import {
  buttonState,
  discount,
  mostOf,
  nextTurnOf,
  type Offer,
  offerOf,
  offerOfSale,
  taken,
} from "../../src/pages/live/offer.js";
import { setLang } from "../../src/pages/shared/i18n.js";

const NOW = 1_790_000_000_000;

const TEA: Product = {
  sku: "tea",
  title: "Tea",
  price: 19_900,
  image: null,
  list_price: 29_900,
  per_user_limit: 5,
  available: 40,
  pinned: false,
  position: 0,
  total: 50,
};

function sale(changes: Partial<Sale> = {}): Sale {
  return {
    sale: "s1",
    sku: "tea",
    price: 9_900,
    starts_at: NOW - 1_000,
    ends_at: NOW + 9_000,
    phase: "open",
    available: 3,
    per_user_limit: 1,
    total: 10,
    stock: 10,
    ...changes,
  };
}

const none = (): number => 0;
const offer = (changes: Partial<Offer> = {}): Offer => ({ ...offerOf(TEA, [], none, NOW), ...changes });

beforeEach(() => setLang("en"));

describe("what a product is offered for", () => {
  test("its own price beside its list price, where it has no sale", () => {
    const told = { by: "shelf", key: "tea", price: 19_900, was: 29_900, total: 50, limit: 5, sale: null, window: null };
    expect(offerOf(TEA, [], none, NOW)).toMatchObject(told);
    expect(offerOf({ ...TEA, list_price: 19_900 }, [], none, NOW).was).toBeNull();
  });

  test("the flash price while its sale is open", () => {
    const told = { by: "sale", key: "s1", price: 9_900, was: 19_900, available: 3, total: 10, limit: 1, window: "open" };
    expect(offerOf(TEA, [sale()], none, NOW)).toMatchObject(told);
  });

  test.each([
    ["before it opens", sale({ phase: "scheduled", starts_at: NOW + 1 }), none, "before"],
    ["once it is sold out", sale({ available: 0 }), none, "sold_out"],
    ["once the buyer has theirs", sale(), (key: string) => (key === "s1" ? 1 : 0), "open"],
  ] as const)("its own price %s, with the sale beside it", (_when, about, mine, window) => {
    expect(offerOf(TEA, [about], mine, NOW)).toMatchObject({ by: "shelf", price: 19_900, sale: about, window });
  });

  test("a sale that is on comes before one that is to come; others' and ended ones do not count", () => {
    const later = sale({ sale: "s2", phase: "scheduled", starts_at: NOW + 5_000, ends_at: NOW + 6_000 });
    const other = sale({ sale: "s3", sku: "cup" });
    expect(offerOf(TEA, [later, other, sale()], none, NOW).key).toBe("s1");
    expect(offerOf(TEA, [sale({ ends_at: NOW }), other], none, NOW)).toMatchObject({ by: "shelf", sale: null });
    expect(nextTurnOf("tea", [later, other, sale()], NOW)).toBe(NOW + 5_000);
    expect(nextTurnOf("tea", [other], NOW)).toBeNull();
  });

  test("a sale whose product left the shelf has no price to compare with", () => {
    expect(offerOfSale(sale(), undefined, 0, NOW).was).toBeNull();
  });
});

test.each([
  [offer(), 5],
  [offer({ mine: 3 }), 2],
  [offer({ mine: 5 }), 1],
  [offer({ available: 2 }), 2],
  [offer({ available: 0 }), 1],
  [offer({ limit: null, available: 500 }), 99],
])("one order asks for no more than limit and stock allow (%#)", (about, most) => {
  expect(mostOf(about)).toBe(most);
});

describe("the button", () => {
  const flash = (changes: Partial<Sale>, mine = 0): Offer => offerOfSale(sale(changes), TEA, mine, NOW);
  test.each([
    ["buys", flash({}), false, false, "buy"],
    ["buys more", flash({ per_user_limit: null }, 1), false, false, "more"],
    ["waits for an answer", flash({}), true, false, "placing"],
    ["knows the limit", flash({}, 1), false, false, "limit"],
    ["waits for zero", flash({ phase: "scheduled", starts_at: NOW + 1 }), false, false, "before"],
    ["is sold out", flash({ available: 0 }), false, false, "sold_out"],
    ["has ended", flash({ ends_at: NOW }), false, true, "over"],
    ["rests with the room", flash({}), false, true, "closed"],
    ["of a product that is sold out", offer({ available: 0 }), false, false, "sold_out"],
  ] as const)("%s", (_what, about, placing, closed, expected) => {
    expect(buttonState(about, placing, closed)).toBe(expected);
  });
});

test.each([
  [0, 0, null, false],
  [5, 0, null, true],
  [10, 8, null, true],
  [100, 100, 0, false],
  [999, 1_000, 1, false],
  [28, 100, 72, false],
  [1, 1_000, 99, true],
  [0, 1_000, 100, false],
  [10, 11, 9, true],
])("%i left of %i", (available, total, percent, urgent) => {
  expect(taken(available, total)).toEqual({ percent, urgent });
});

test("a discount is said as shops of that language say it", () => {
  expect(discount(23_940, 39_900)).toBe("-40%");
  expect(discount(39_900, 39_900)).toBeNull();
  expect(discount(39_900, null)).toBeNull();
  expect(discount(39_899, 39_900)).toBeNull();
  setLang("zh");
  expect(discount(23_940, 39_900)).toBe("6折");
  expect(discount(16_900, 25_900)).toBe("6.5折");
  expect(discount(39_899, 39_900)).toBeNull();
});
