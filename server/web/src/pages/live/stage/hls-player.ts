/** hls.js on a video element. In a chunk of its own that is loaded when a stream needs it. */

import Hls, { type ErrorData } from "hls.js/light";
import type { Trouble } from "./video-source.js";

export interface HlsPlayer {
  mend(): void;
  destroy(): void;
}

/** Plays `url` from its live edge; what cannot be overcome in the player is told to `onTrouble`. null: no MSE here. */
export function playHls(video: HTMLVideoElement, url: string, onTrouble: (kind: Trouble) => void): HlsPlayer | null {
  if (!Hls.isSupported()) return null;
  const hls = new Hls({
    // The pages' policy allows no worker from a blob, and a worker file of its own would be one more thing to load.
    enableWorker: false,
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: 8,
    // Behind the edge it plays a little faster until it has caught up.
    maxLiveSyncPlaybackRate: 1.25,
    backBufferLength: 20,
    maxBufferLength: 20,
    capLevelToPlayerSize: true,
  });
  hls.on(Hls.Events.ERROR, (_event, data: ErrorData) => {
    if (data.fatal) onTrouble(data.type === Hls.ErrorTypes.MEDIA_ERROR ? "media" : "network");
  });
  hls.attachMedia(video);
  hls.loadSource(url);
  return { mend: () => hls.recoverMediaError(), destroy: () => hls.destroy() };
}
