/** Danmaku flying over whatever it lies on: the viewer page's stage, or the console's preview of it. */

import type { Danmaku, RoomClient } from "@miaodan/client";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../shared/i18n.js";
import { DanmakuCanvas } from "./danmaku-canvas.js";

export interface DanmakuLayerProps {
  client: RoomClient;
  /** Switched off by the visitor: nothing flies. */
  shown?: boolean;
  /** 0 to 1. */
  opacity?: number;
}

function badgeOf(danmaku: Danmaku): string {
  const role = danmaku.user.role;
  if (role === "viewer" || role === "guest") return "";
  return t(role === "moderator" ? "chat.moderator" : "chat.host");
}

export function DanmakuLayer({ client, shown = true, opacity = 1 }: DanmakuLayerProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const layer = useRef<DanmakuCanvas | null>(null);
  useEffect(() => {
    if (canvas.current === null) return;
    const made = new DanmakuCanvas(canvas.current);
    layer.current = made;
    const offs = [
      client.on("danmaku", (danmaku) => made.add(danmaku, danmaku.user.id === client.user?.id, badgeOf(danmaku))),
      client.on("danmaku.recalled", (event) => made.recall(event.message)),
      () => made.dispose(),
    ];
    return () => {
      for (const off of offs) off();
    };
  }, [client]);
  useEffect(() => layer.current?.show(shown), [client, shown]);
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
    <canvas class="danmaku" ref={canvas} aria-hidden="true" data-testid="danmaku-layer" data-shown={shown} style={{ opacity }} />
  );
}
