/** What became of the latest attempt to buy, said where the button was pressed, with the next step. */

import type { RoomClient } from "@miaodan/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useServerTime } from "../shared/countdown.js";
import { t } from "../shared/i18n.js";
import { Icon } from "../shared/icons.js";
import { useRedraw } from "../shared/redraw.js";
import type { Attempt, Buying } from "./buying.js";
import { Celebration } from "./Celebration.js";
import { CHECKING_MS, type Facts, LONG_MS, type NextStep, told } from "./told.js";

export interface OutcomeProps {
  client: RoomClient;
  buying: Buying;
  /** The sku or sale that was ordered. */
  of: string;
  limit: number | null;
  onOrders?: (() => void) | undefined;
  /** Shows the product at its own price; null where that is not for sale. */
  onNormal?: (() => void) | null | undefined;
}

/** Milliseconds since `since` (`performance.now`), drawn anew when the words change. */
function useWaited(since: number | null): number {
  const redraw = useRedraw();
  useEffect(() => {
    if (since === null) return;
    const timers = [LONG_MS, CHECKING_MS].map((after) => setTimeout(redraw, Math.max(0, since + after + 10 - performance.now())));
    return () => timers.forEach(clearTimeout);
  }, [since]);
  return since === null ? 0 : performance.now() - since;
}

/** The order that an attempt is about, where it is known. */
function orderOf(attempt: Attempt): string | null {
  return attempt.state === "placing" ? null : attempt.order;
}

export function Outcome(props: OutcomeProps) {
  const attempt = props.buying.attempts.get(props.of);
  return attempt === undefined ? null : <Shown {...props} attempt={attempt} />;
}

function Shown(props: OutcomeProps & { attempt: Attempt }) {
  const { client, attempt, buying } = props;
  const waited = useWaited(attempt.state === "placing" ? attempt.since : null);
  const id = orderOf(attempt);
  const order = id === null ? undefined : client.orders.get(id);
  const facts = (now: number): Facts => ({
    order,
    paying: order !== undefined && client.paying(order),
    now,
    connected: client.status.phase === "open" && navigator.onLine,
    waited,
    limit: props.limit,
    normal: props.onNormal != null,
  });
  const now = useServerTime(client.clock, told(attempt, facts(client.clock.now())).until, 1_000);
  const said = told(attempt, facts(now));
  const before = useRef(said.tone);
  // Bought while this was on screen, not shown again later.
  const [bought, setBought] = useState(false);
  useEffect(() => {
    if (before.current !== "good" && said.tone === "good") setBought(true);
    before.current = said.tone;
  }, [said.tone]);
  const steps: Record<NextStep, (() => void) | null> = {
    pay: id === null ? null : () => void buying.pay(props.of, id),
    orders: props.onOrders ?? null,
    again: () => void buying.again(props.of),
    check: () => void buying.again(props.of),
    normal: props.onNormal ?? null,
  };
  const shown = said.steps.filter((step) => steps[step] !== null);
  return (
    <div class={`outcome ${said.tone}`} role="status" data-testid="outcome" data-status={said.status}>
      {bought && said.tone === "good" && <Celebration />}
      {said.tone === "busy" ? (
        <span class="spinner" aria-hidden="true" />
      ) : (
        <Icon name={said.tone === "good" ? "check" : "bag"} />
      )}
      <p>
        <strong>{said.title}</strong>
        {said.help !== null && <span>{said.help}</span>}
      </p>
      {said.tone !== "busy" && (
        <button type="button" class="quiet outcome-close" aria-label={t("close")} onClick={() => buying.clear(props.of)}>
          <Icon name="close" />
        </button>
      )}
      {shown.length > 0 && (
        <div class="outcome-steps">
          {shown.map((step, index) => (
            <button
              key={step}
              type="button"
              class={index === 0 && said.tone !== "good" ? "primary" : "plain"}
              data-testid={`outcome-${step}`}
              onClick={() => steps[step]?.()}
            >
              {t(`step.${step}`)}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
