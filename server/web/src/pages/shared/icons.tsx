/** Line icons, drawn here; they take the colour of the text around them. */

const paths = {
  heart: "M12 20.5S3.5 15.6 3.5 9.4A4.6 4.6 0 0 1 12 6.9a4.6 4.6 0 0 1 8.5 2.5c0 6.2-8.5 11.1-8.5 11.1Z",
  bag: "M5.5 8h13l1 12.5h-15L5.5 8Zm3 2.5V7a3.5 3.5 0 0 1 7 0v3.5",
  receipt: "M6 3.5h12v17l-2.4-1.6-1.8 1.6-1.8-1.6-1.8 1.6-1.8-1.6L6 20.5v-17Zm3 5h6m-6 4h6",
  send: "M4 12 20 4.5 15 20l-3.5-6.5L4 12Zm7.5 1.5L20 4.5",
  close: "M6 6l12 12M18 6 6 18",
  bolt: "M13 3 5 13.5h6L10.5 21 19 10h-6.5L13 3Z",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 2.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z",
  horn: "M4 10v4h3.5l7.5 4.5v-13L7.5 10H4Zm14-1.5a5 5 0 0 1 0 7",
  up: "M6 14.5 12 8.5l6 6",
  down: "M6 9.5l6 6 6-6",
  globe: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Zm-8.5 8.5h17M12 3.5c5 5 5 12 0 17-5-5-5-12 0-17Z",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-5v2m0 14v2m9-9h-2M5 12H3m15.4-6.4-1.4 1.4M7 17l-1.4 1.4m12.800 0L17 17M7 7 5.6 5.6",
  check: "M5 12.5l4.500 4.500L19 7.5",
  right: "M9.5 6l6 6-6 6",
  minus: "M6 12h12",
  sound: "M4 10v4h3.500l4.500 4v-12L7.500 10H4Zm11.500-1.500a5 5 0 0 1 0 7m2.500-9.500a8.500 8.500 0 0 1 0 12",
  mute: "M4 10v4h3.500l4.500 4v-12L7.500 10H4Zm12-.5 5 5m0-5-5 5",
  more: "M5.500 11a1 1 0 1 0 .01 0Zm6.500 0a1 1 0 1 0 .01 0Zm6.500 0a1 1 0 1 0 .01 0Z",
  clock: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17ZM12 7.500V12l3 2",
  door: "M6 20.500v-17h10v17M3.500 20.500h17M13 12h.01",
  windows: "M8 8V4.500h12v12h-3.500M4 8h12.500v11.500H4V8Z",
  offline:
    "M3 9a13 13 0 0 1 5-3m4-.5A13 13 0 0 1 21 9M6.500 12.500A8.500 8.500 0 0 1 10 10.600m4 .2a8.500 8.500 0 0 1 3.500 1.700M12 17.500h.01M4 3.500l16 17",
  shield: "M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6l-7-2.500Z",
  plus: "M6 12h12M12 6v12",
  play: "M7 4.500v15l12-7.500-12-7.500Z",
  pause: "M7 5h3.500v14H7V5Zm6.500 0H17v14h-3.500V5Z",
  stop: "M6 6h12v12H6V6Z",
  chat: "M4 5h16v11h-8l-4.500 3.500V16H4V5Zm4 4h8m-8 3h5",
  chart: "M4 20h16M7 16v-4m5 4V6m5 10V9",
  keyboard: "M3 6.500h18v11H3v-11Zm3.500 3.500h.01m3.490 0h.01m3.490 0h.01m3.490 0h.01M8 14h8",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill={filled ? "currentColor" : "none"}
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
