/** How it goes: four figures over time, the counts beside them, and what each product sells. */

import type { Dashboard, RoomClient, RoomSnapshot } from "@miaodan/client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { count, minorDigits, money } from "../shared/format.js";
import { currentLang, locale, type TextKey, t } from "../shared/i18n.js";
import { Chart } from "./Chart.js";
import { type Columns, History, type Metric, range } from "./history.js";
import { ProductBars } from "./ProductBars.js";
import type { Rights } from "./roles.js";

const WINDOWS = [2, 10, 60] as const;

/** A chart shows at least this much time, in seconds: one dot is no line. */
const LEAST_S = 30;

const CHARTS: readonly { metric: Metric; label: TextKey; name: string; runs: boolean }[] = [
  { metric: "online", label: "console.online", name: "online", runs: false },
  { metric: "danmaku", label: "console.rate", name: "rate", runs: false },
  { metric: "orders", label: "figures.orders", name: "orders-rate", runs: true },
  { metric: "revenue", label: "console.revenue", name: "revenue", runs: true },
];

/** The room's figures as they come, and the latest. Kept over reconnects. */
export function useHistory(client: RoomClient): { history: History; dashboard: Dashboard | null } {
  const history = useMemo(() => new History(), [client]);
  const [dashboard, setDashboard] = useState<Dashboard | null>(null);
  useEffect(
    () =>
      client.on("dashboard", (board) => {
        history.add(board, client.clock.now());
        setDashboard(board);
      }),
    [client, history],
  );
  return { history, dashboard };
}

/** A value of a metric, in full or as short as an axis wants it. */
function say(metric: Metric, value: number, currency: string, short = false): string {
  if (metric === "online") return short && !Number.isInteger(value) ? "" : count(Math.round(value));
  if (metric !== "revenue") return value >= 100 ? count(Math.round(value)) : value.toFixed(short && value % 1 === 0 ? 0 : 1);
  if (!short) return money(Math.round(value), currency);
  if (value > 0 && value < 10 ** minorDigits(currency) / 10) return "";
  return new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }).format(
    value / 10 ** minorDigits(currency),
  );
}

interface Props {
  client: RoomClient;
  history: History;
  dashboard: Dashboard | null;
  room: RoomSnapshot;
  rights: Rights;
}

export function Figures(props: Props) {
  const { client, history, dashboard, room, rights } = props;
  const [minutes, setMinutes] = useState<(typeof WINDOWS)[number]>(10);
  const [view, setView] = useState<"charts" | "products">("charts");
  const now = client.clock.now();
  const windowMs = minutes * 60_000;
  const columns = useMemo(() => history.read(windowMs, now), [dashboard, windowMs, history]);
  const shown = CHARTS.filter((chart) => rights.runs || !chart.runs);
  return (
    <>
      <header class="figures-head">
        <h2 class="unseen">{t("desk.figures")}</h2>
        {rights.runs && (
          <div class="segments" role="group" aria-label={t("figures.view")}>
            {(["charts", "products"] as const).map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={view === name}
                data-testid={`figures-${name}`}
                onClick={() => setView(name)}
              >
                {t(`figures.${name}`)}
              </button>
            ))}
          </div>
        )}
        {view === "charts" && (
          <div class="segments" role="group" aria-label={t("figures.window")}>
            {WINDOWS.map((window) => (
              <button
                key={window}
                type="button"
                aria-pressed={minutes === window}
                data-testid={`window-${window}`}
                onClick={() => setMinutes(window)}
              >
                {t("figures.minutes", { count: window })}
              </button>
            ))}
          </div>
        )}
      </header>
      {view === "charts" ? (
        <div class="charts" data-testid="charts" key={currentLang()}>
          {shown.map((chart) => (
            <Figure key={chart.metric} {...chart} {...props} columns={columns} minutes={minutes} now={now} />
          ))}
        </div>
      ) : (
        <ProductBars dashboard={dashboard} products={room.products} sales={room.sales} now={now} />
      )}
      <Counters dashboard={dashboard} room={room} runs={rights.runs} />
    </>
  );
}

function Figure(props: Props & { metric: Metric; label: TextKey; name: string; columns: Columns; minutes: number; now: number }) {
  const { metric, columns, room, minutes } = props;
  const values = columns.values[metric];
  const known = range(values);
  const latest = known?.last ?? (metric === "online" ? room.online : 0);
  const words = (value: number): string => say(metric, value, room.currency);
  const to = props.now / 1000;
  return (
    <figure class="figure" data-testid={`chart-${metric}`} data-points={columns.times.length}>
      <figcaption>
        <span class="figure-label">{t(props.label)}</span>
        <b data-testid={`counter-${props.name}`}>{words(latest)}</b>
        <span class="unseen" data-testid={`chart-${metric}-words`}>
          {known === null ? t("figures.nothing") : t("figures.words", { minutes, min: words(known.min), max: words(known.max) })}
        </span>
      </figcaption>
      <Chart
        times={columns.times}
        values={values}
        from={Math.max(to - minutes * 60, Math.min(columns.times[0] ?? to, to - LEAST_S))}
        to={to}
        colour={`--chart-${metric}`}
        short={(value) => say(metric, value, room.currency, true)}
      />
    </figure>
  );
}

function Counters({ dashboard, room, runs }: { dashboard: Dashboard | null; room: RoomSnapshot; runs: boolean }) {
  const cells: [TextKey, string, string][] = [
    ["console.peak", count(dashboard?.peak_online ?? room.online), "peak"],
    ["console.likes", count(room.likes), "likes"],
  ];
  if (runs) {
    cells.push(
      ["console.reserved", count(dashboard?.orders.reserved ?? 0), "reserved"],
      ["figures.paid", count(dashboard?.orders.paid ?? 0), "paid"],
      ["console.refunded", count(dashboard?.orders.refunded ?? 0), "refunded"],
    );
  }
  return (
    <dl class="counters" data-testid="counters">
      {cells.map(([label, value, name]) => (
        <div key={name}>
          <dt>{t(label)}</dt>
          <dd data-testid={`counter-${name}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
