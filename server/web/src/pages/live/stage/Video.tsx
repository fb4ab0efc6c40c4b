/** The stream, or what is shown in its place: never a broken player. Knows nothing of the page it is on. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type TextKey, t } from "../../shared/i18n.js";
import { Icon } from "../../shared/icons.js";
import { StreamPlayer, type VideoState } from "./stream-player.js";
import { wayToPlay } from "./video-source.js";

export interface VideoProps {
  /** The room's `stream_url`; followed when it changes or goes. */
  url: string | null | undefined;
  muted: boolean;
  /** Shown while there are no moving pictures. */
  poster: ComponentChildren;
  onState?: (state: VideoState) => void;
}

const TEXTS: Partial<Record<VideoState, TextKey>> = {
  loading: "video.loading",
  waiting: "video.waiting",
  failed: "video.failed",
};

export function Video({ url, muted, poster, onState }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  const player = useRef<StreamPlayer | null>(null);
  const [state, setState] = useState<VideoState>("none");
  const [shape, setShape] = useState("unknown");
  const playable = wayToPlay(url, false) !== "none";

  useEffect(() => {
    const become = (next: VideoState): void => {
      setState(next);
      onState?.(next);
    };
    if (!playable || url == null || element.current === null) {
      become("none");
      return;
    }
    become("loading");
    const made = new StreamPlayer(element.current, url, become);
    player.current = made;
    return () => {
      player.current = null;
      made.dispose();
    };
  }, [url, playable]);
  useEffect(() => {
    if (element.current !== null) element.current.muted = muted;
  }, [muted, playable]);

  const text = TEXTS[state];
  return (
    <div class="video" data-testid="video" data-state={state} data-shape={shape}>
      {poster}
      {playable && (
        <video
          ref={element}
          data-testid="video-element"
          muted
          autoplay
          playsInline
          disableRemotePlayback
          tabIndex={-1}
          aria-label={t("video.label")}
          onLoadedMetadata={(event) => {
            const { videoWidth, videoHeight } = event.currentTarget;
            setShape(videoWidth > videoHeight ? "wide" : "tall");
          }}
        />
      )}
      {state === "blocked" && (
        <button type="button" class="video-play" data-testid="video-play" onClick={() => player.current?.play()}>
          <Icon name="play" filled /> {t("video.play")}
        </button>
      )}
      {text !== undefined && (
        <p class="video-note" role="status" data-testid="video-note">
          <span class="spinner" aria-hidden="true" /> {t(text)}
        </p>
      )}
    </div>
  );
}
