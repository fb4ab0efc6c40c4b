/** Pictures made here from a name, for what has none: no request leaves the page for them. */

import { useId, useState } from "preact/hooks";
import { hue } from "./format.js";

/** The stage's backdrop until there is video. */
export function Poster({ name }: { name: string }) {
  const base = hue(name);
  const id = useId();
  return (
    <svg class="poster" viewBox="0 0 400 560" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      <defs>
        <linearGradient id={`${id}-sky`} x1="0" y1="0" x2="0.6" y2="1">
          <stop offset="0" stop-color={`hsl(${base} 46% 34%)`} />
          <stop offset="0.55" stop-color={`hsl(${(base + 35) % 360} 42% 22%)`} />
          <stop offset="1" stop-color={`hsl(${(base + 60) % 360} 40% 12%)`} />
        </linearGradient>
        <radialGradient id={`${id}-light`}>
          <stop offset="0" stop-color={`hsl(${(base + 20) % 360} 80% 72%)`} stop-opacity="0.55" />
          <stop offset="1" stop-color={`hsl(${(base + 20) % 360} 80% 72%)`} stop-opacity="0" />
        </radialGradient>
      </defs>
      <rect width="400" height="560" fill={`url(#${id}-sky)`} />
      <circle cx="200" cy="270" r="250" fill={`url(#${id}-light)`} />
      <g fill="none" stroke="#fff" stroke-opacity="0.14">
        <circle cx="200" cy="270" r="36" />
        <circle cx="200" cy="270" r="74" />
        <circle cx="200" cy="270" r="118" />
        <circle cx="200" cy="270" r="170" />
      </g>
    </svg>
  );
}

/** A product's picture: its own where it has one that loads, else its first character on a colour. */
export function ProductPicture({ title, sku, image }: { title: string; sku: string; image: string | null }) {
  const [broken, setBroken] = useState(false);
  const shown = image !== null && !broken && /^(https:|data:image\/|\/)/.test(image);
  if (shown) return <img class="picture" src={image} alt="" loading="lazy" onError={() => setBroken(true)} />;
  const base = hue(sku + title);
  return (
    <svg class="picture" viewBox="0 0 80 80" aria-hidden="true">
      <rect width="80" height="80" fill={`hsl(${base} 55% 90%)`} />
      <circle cx="66" cy="14" r="30" fill={`hsl(${base} 60% 83%)`} />
      <text x="40" y="52" text-anchor="middle" font-size="34" font-weight="600" fill={`hsl(${base} 45% 32%)`}>
        {[...title][0] ?? "?"}
      </text>
    </svg>
  );
}
