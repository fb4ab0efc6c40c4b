/** One figure over time, drawn by uPlot in the page's colours, and said in words. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { locale } from "../shared/i18n.js";
import { useTheme } from "../shared/theme.js";

export interface ChartProps {
  /** Seconds. */
  times: readonly number[];
  values: readonly (number | null)[];
  /** What the axis shows, s. */
  from: number;
  to: number;
  /** Its colour: a token of `tokens.css`, e.g. `--chart-online`. */
  colour: string;
  /** A value as the axis shows it. */
  short: (value: number) => string;
}

const TIME_AXIS_FROM_PX = 110;
/** Less time than this, in s, is told in seconds: marks are no longer minutes apart. */
const SECONDS_BELOW_S = 150;

/** A token's colour as it is now: the canvas knows no custom properties. */
function colourOf(box: HTMLElement, token: string): string {
  box.style.setProperty("color", `var(${token})`);
  const colour = getComputedStyle(box).color;
  box.style.removeProperty("color");
  return colour;
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const theme = useTheme();
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const ink = colourOf(element, "--soft");
    const line = colourOf(element, "--line");
    const stroke = colourOf(element, props.colour);
    const build = (): uPlot => {
      const tall = element.clientHeight >= TIME_AXIS_FROM_PX;
      const now = latest.current;
      const font = "11px system-ui, sans-serif";
      return new uPlot(
        {
          width: Math.max(60, element.clientWidth),
          height: Math.max(30, element.clientHeight),
          padding: [6, 4, tall ? 0 : 4, 0],
          legend: { show: false },
          cursor: { show: false },
          scales: {
            x: { time: true, range: () => [latest.current.from, latest.current.to] },
            // From nothing, with air above; a flat line of nothing lies at the bottom.
            y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
          },
          axes: [
            {
              show: tall,
              stroke: ink,
              font,
              size: 22,
              space: 70,
              grid: { show: false },
              ticks: { show: false },
              values: (_plot, splits) => {
                const close = latest.current.to - latest.current.from < SECONDS_BELOW_S;
                const told = new Intl.DateTimeFormat(locale(), {
                  hour: "2-digit",
                  minute: "2-digit",
                  ...(close ? { second: "2-digit" } : {}),
                  hour12: false,
                });
                return splits.map((at) => told.format(at * 1000));
              },
            },
            {
              stroke: ink,
              font,
              size: 38,
              space: 26,
              grid: { stroke: line, width: 1 },
              ticks: { show: false },
              values: (_plot, splits) => splits.map((value) => latest.current.short(value)),
            },
          ],
          series: [{}, { stroke, width: 2, fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)"), points: { show: false } }],
        },
        [[...now.times], [...now.values]],
        element,
      );
    };
    plot.current = build();
    let height = element.clientHeight;
    const watcher = new ResizeObserver(() => {
      if (element.clientWidth === 0) return;
      // The time axis comes and goes with the height, and is not uPlot's to change.
      if (height >= TIME_AXIS_FROM_PX !== element.clientHeight >= TIME_AXIS_FROM_PX) {
        plot.current?.destroy();
        plot.current = build();
      } else plot.current?.setSize({ width: element.clientWidth, height: element.clientHeight });
      height = element.clientHeight;
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [theme, props.colour]);

  useEffect(() => {
    plot.current?.setData([[...props.times], [...props.values]]);
  }, [props.times, props.values, props.from]);

  return <div class="chart" ref={box} aria-hidden="true" />;
}
