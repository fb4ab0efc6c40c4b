/** What a buyer is told about an attempt: what happened, and what can be done next. Pure. */

import type { Order } from "@miaodan/client";
import { money, shortTime } from "../shared/format.js";
import { type TextKey, t } from "../shared/i18n.js";
import type { Attempt, Refusal } from "./buying.js";

/** `pay` the hold, look at the `orders`, try `again`, `check` on an unknown outcome, the product at its `normal` price. */
export type NextStep = "pay" | "orders" | "again" | "check" | "normal";

export interface Told {
  tone: "good" | "bad" | "plain" | "busy";
  /** For tests and styles: the refusal's code, the order's status, `paying` or `placing`. */
  status: string;
  title: string;
  help: string | null;
  steps: readonly NextStep[];
  /** Server time that the sentence counts down to. */
  until: number | null;
}

export interface Facts {
  order: Order | undefined;
  /** Its payment is under way. */
  paying: boolean;
  /** Server time, ms. */
  now: number;
  connected: boolean;
  /** How long the attempt has been under way, ms. */
  waited: number;
  /** Units a buyer may have of it; null: no limit. */
  limit: number | null;
  /** Whether the product can be bought at its own price instead. */
  normal: boolean;
}

/** After these the words change; the second is when the buyer is told that nothing is charged twice. */
export const LONG_MS = 2_500;
export const CHECKING_MS = 8_000;

/** The end of an order's id, which is enough to find it again. */
export function orderNumber(order: string): string {
  return order.slice(-8).toUpperCase();
}

export function told(attempt: Attempt, facts: Facts): Told {
  switch (attempt.state) {
    case "placing":
      return placing(facts);
    case "accepted":
      return facts.order === undefined ? placing(facts) : standing(facts.order, facts);
    case "refused":
      return refusal(attempt, facts);
  }
}

function placing(facts: Facts): Told {
  const busy = { tone: "busy", status: "placing", help: null, steps: [], until: null } as const;
  if (!facts.connected) return { ...busy, title: t("told.offline"), help: t("told.offlineHelp") };
  if (facts.waited >= CHECKING_MS) return { ...busy, title: t("told.checking"), help: t("told.checkingHelp") };
  return { ...busy, title: t(facts.waited >= LONG_MS ? "told.long" : "buy.placing") };
}

function standing(order: Order, facts: Facts): Told {
  const amount = money(order.amount, order.currency);
  const number = orderNumber(order.order);
  const about = { status: order.status, help: t("told.number", { number }), steps: ["orders"] as NextStep[], until: null };
  if (order.status === "paid" || order.status === "shipped" || order.status === "delivered") {
    return { ...about, tone: "good", title: t("told.paid", { amount }) };
  }
  if (facts.paying) return { ...about, tone: "busy", status: "paying", title: t("buy.payingLong"), help: t("told.payingHelp") };
  if (order.status === "reserved") {
    if (facts.now >= order.expires_at) return { ...about, tone: "plain", title: t("orders.payOver") };
    const time = shortTime(order.expires_at - facts.now);
    const title = t("buy.heldLong", { time });
    return {
      ...about,
      tone: "plain",
      title,
      help: t("told.heldHelp", { amount }),
      steps: ["pay", "orders"],
      until: order.expires_at,
    };
  }
  if (order.status === "expired") return { ...about, tone: "plain", title: t("told.expired"), help: t("told.expiredHelp") };
  return { ...about, tone: "plain", title: t(`order.${order.status}`) };
}

/** Titles and next steps of refusals; what is not here is said in general words. */
const SAID: Partial<Record<Refusal, { title: TextKey; help: TextKey; steps: NextStep[] }>> = {
  sold_out: { title: "told.soldOut", help: "told.soldOutHelp", steps: ["normal", "again"] },
  limit_exceeded: { title: "told.limit", help: "told.limitHelp", steps: ["orders", "normal"] },
  not_open: { title: "told.notOpen", help: "told.notOpenHelp", steps: ["again"] },
  sale_ended: { title: "told.ended", help: "told.endedHelp", steps: ["normal"] },
  payment_failed: { title: "told.payment", help: "told.paymentHelp", steps: ["again"] },
  rate_limited: { title: "told.fast", help: "told.fastHelp", steps: ["again"] },
  unavailable: { title: "told.busy", help: "told.busyHelp", steps: ["again"] },
  unknown_outcome: { title: "told.unknown", help: "told.unknownHelp", steps: ["check", "orders"] },
  timeout: { title: "told.unknown", help: "told.unknownHelp", steps: ["check", "orders"] },
  not_found: { title: "told.gone", help: "told.goneHelp", steps: [] },
  unauthorized: { title: "told.sign", help: "told.signHelp", steps: [] },
  forbidden: { title: "told.sign", help: "told.signHelp", steps: [] },
  closed: { title: "told.closed", help: "told.closedHelp", steps: ["orders"] },
  request_mismatch: { title: "told.other", help: "told.otherHelp", steps: ["orders", "again"] },
};

function refusal(attempt: Attempt & { state: "refused" }, facts: Facts): Told {
  const { code, retryAt } = attempt;
  const said = SAID[code] ?? { title: "told.other", help: "told.otherHelp", steps: ["orders", "again"] };
  const wait = retryAt !== null && retryAt > facts.now ? Math.ceil((retryAt - facts.now) / 1_000) : 0;
  const one = facts.limit === 1 && code === "limit_exceeded";
  const answer: Told = {
    tone: "bad",
    status: code,
    title: t(one ? "told.limitOne" : said.title),
    help: wait > 0 ? t("told.wait", { seconds: wait }) : t(said.help),
    steps: said.steps.filter((step) => (step === "normal" ? facts.normal : step !== "again" || wait === 0)),
    until: wait > 0 ? retryAt : null,
  };
  // What could not be paid is still held for this buyer.
  const hold = facts.order?.status === "reserved" && facts.now < facts.order.expires_at ? facts.order : null;
  if (hold === null) return answer;
  const time = shortTime(hold.expires_at - facts.now);
  return {
    ...answer,
    help: t("told.stillHeld", { time }),
    steps: wait > 0 ? ["orders"] : ["pay", "orders"],
    until: hold.expires_at,
  };
}
