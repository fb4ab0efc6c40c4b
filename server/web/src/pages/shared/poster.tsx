/** The stage's backdrop where there is no video: a small studio, drawn from the room's id. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { hue } from "./format.js";

export interface PosterProps {
  /** The room's id: decides the colours. */
  name: string;
  /** What the sign on the wall says. */
  title?: string;
  /** What stands on the desk in the light: the pinned product's picture. */
  children?: ComponentChildren;
}

const SIGN_LETTERS = 14;

/** A title that fits the sign. */
function sign(title: string): string {
  const letters = [...(title.split(/[·|—–]/, 1)[0] ?? "").trim()];
  return letters.length > SIGN_LETTERS ? `${letters.slice(0, SIGN_LETTERS - 1).join("")}…` : letters.join("");
}

export function Poster({ name, title = "", children }: PosterProps) {
  const base = hue(name);
  const id = useId();
  const tone = (shift: number, saturation: number, light: number): string =>
    `hsl(${(base + shift) % 360} ${saturation}% ${light}%)`;
  return (
    <div class="poster" aria-hidden="true">
      <svg class="poster-set" viewBox="0 0 480 720" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
        <defs>
          <linearGradient id={`${id}-wall`} x1="0" y1="0" x2="0.4" y2="1">
            <stop offset="0" stop-color={tone(0, 52, 26)} />
            <stop offset="0.6" stop-color={tone(28, 48, 20)} />
            <stop offset="1" stop-color={tone(50, 45, 10)} />
          </linearGradient>
          <linearGradient id={`${id}-arch`} x1="0" y1="0" x2="0" y2="1">
            <stop offset="0" stop-color={tone(18, 72, 62)} />
            <stop offset="1" stop-color={tone(40, 60, 34)} />
          </linearGradient>
          <radialGradient id={`${id}-halo`}>
            <stop offset="0" stop-color={tone(30, 95, 88)} stop-opacity="0.9" />
            <stop offset="0.5" stop-color={tone(24, 90, 74)} stop-opacity="0.35" />
            <stop offset="1" stop-color={tone(20, 90, 70)} stop-opacity="0" />
          </radialGradient>
          <linearGradient id={`${id}-beam`} x1="0" y1="0" x2="0" y2="1">
            <stop offset="0" stop-color="#fff" stop-opacity="0.34" />
            <stop offset="1" stop-color="#fff" stop-opacity="0" />
          </linearGradient>
          <linearGradient id={`${id}-coat`} x1="0" y1="0" x2="0.3" y2="1">
            <stop offset="0" stop-color={tone(330, 42, 34)} />
            <stop offset="1" stop-color={tone(345, 50, 16)} />
          </linearGradient>
          <linearGradient id={`${id}-desk`} x1="0" y1="0" x2="0" y2="1">
            <stop offset="0" stop-color={tone(12, 40, 78)} />
            <stop offset="0.07" stop-color={tone(14, 38, 48)} />
            <stop offset="1" stop-color={tone(40, 45, 14)} />
          </linearGradient>
        </defs>
        <rect x="-800" y="-200" width="2080" height="1120" fill={`url(#${id}-wall)`} />
        {/* The lit panel, and panels beside it for wide screens. */}
        {[-520, -260, 520, 780].map((x) => (
          <rect key={x} x={x + 60} y="150" width="100" height="420" rx="50" fill={`url(#${id}-arch)`} opacity="0.13" />
        ))}
        <path d="M90 640V330a150 150 0 0 1 300 0v310Z" fill={`url(#${id}-arch)`} opacity="0.62" />
        <path d="M90 640V330a150 150 0 0 1 300 0v310" fill="none" stroke="#fff" stroke-opacity="0.4" stroke-width="3" />
        {/* Shelves with what a shop has. */}
        <g fill={tone(26, 50, 66)} opacity="0.34">
          <rect x="-30" y="330" width="104" height="5" rx="2.500" />
          <rect x="-30" y="450" width="104" height="5" rx="2.500" />
          <path d="M6 330v-44c0-6 4-8 4-14v-14h12v14c0 6 4 8 4 14v44Z" />
          <rect x="38" y="284" width="26" height="46" rx="5" />
          <path d="M8 450c-6-30 4-44 18-44s24 14 18 44Z" />
          <rect x="52" y="412" width="16" height="38" rx="3" />
          <rect x="406" y="330" width="104" height="5" rx="2.500" />
          <rect x="406" y="450" width="104" height="5" rx="2.500" />
          <circle cx="432" cy="306" r="24" />
          <rect x="460" y="270" width="18" height="60" rx="7" />
          <rect x="416" y="398" width="30" height="52" rx="6" />
          <path d="M456 450v-30l12-20 12 20v30Z" />
        </g>
        {/* Lamps and their light. */}
        {[118, 362].map((x) => (
          <g key={x}>
            <path d={`M${x} 150 ${x - 120} 720h240Z`} fill={`url(#${id}-beam)`} opacity="0.5" />
            <path d={`M${x} -200V118`} stroke="#000" stroke-opacity="0.45" stroke-width="3" />
            <path d={`M${x - 28} 150a28 32 0 0 1 56 0Z`} fill={tone(345, 40, 14)} />
            <ellipse cx={x} cy="150" rx="28" ry="5" fill="#fff" opacity="0.85" />
          </g>
        ))}
        {title !== "" && (
          <text
            x="240"
            y="272"
            text-anchor="middle"
            font-size="24"
            font-weight="700"
            letter-spacing="2"
            fill="#fff"
            fill-opacity="0.6"
          >
            {sign(title)}
          </text>
        )}
        <circle cx="240" cy="420" r="190" fill={`url(#${id}-halo)`} />
        {/* The host. */}
        <g transform="translate(240 600) scale(0.74) translate(-240 -640)">
          <circle cx="240" cy="398" r="106" fill="none" stroke="#fff" stroke-opacity="0.75" stroke-width="7" />
          <g fill={`url(#${id}-coat)`}>
            <path d="M178 396c0-46 24-74 62-74s62 28 62 74c0 34 4 60 14 84-46 16-106 16-152 0 10-24 14-50 14-84Z" opacity="0.9" />
            <path d="M96 640c0-104 46-150 112-158h64c66 8 112 54 112 158Z" />
          </g>
          <path d="M216 440h48v40c0 18-48 18-48 0Z" fill={tone(8, 50, 60)} />
          <ellipse cx="240" cy="398" rx="40" ry="50" fill={tone(8, 58, 70)} />
          <path d="M199 398c-4-40 16-64 42-64s46 24 40 64c-8-18-18-32-30-38-12 14-36 22-52 38Z" fill={`url(#${id}-coat)`} />
          <path d="M208 484c14 22 50 22 64 0l14 6c-14 40-78 40-92 0Z" fill="#fff" fill-opacity="0.24" />
        </g>
        {/* The desk. */}
        <rect x="-800" y="590" width="2080" height="330" fill={`url(#${id}-desk)`} />
        <g fill={tone(345, 40, 14)} opacity="0.9">
          <rect x="352" y="540" width="7" height="54" rx="3" />
          <rect x="345" y="508" width="21" height="40" rx="10.500" />
          <rect x="336" y="588" width="40" height="7" rx="3.500" />
        </g>
      </svg>
      <i class="poster-glow" />
      {children !== undefined && <div class="poster-product">{children}</div>}
    </div>
  );
}
