/** Pictures made here from a name, for what has none: no request leaves the page for them. */

import { useState } from "preact/hooks";
import { hue } from "./format.js";

export { Poster } from "./poster.js";

/** A product's picture: its own where it has one that loads, else its first character on a colour. */
export function ProductPicture({ title, sku, image }: { title: string; sku: string; image: string | null }) {
  const [broken, setBroken] = useState(false);
  const shown = image !== null && !broken && /^(https:|data:image\/|\/(?!\/))/.test(image);
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
