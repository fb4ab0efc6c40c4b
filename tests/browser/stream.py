"""A real stream for the video: H.264 in HLS, made here and served from an origin of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av

RATE = 10
SECONDS = 60


def write_stream(directory: Path) -> None:
    """`live.m3u8` and its segments: a minute of a grey that turns lighter, 180x320."""
    playlist = str(directory / "live.m3u8")
    options = {"hls_time": "2", "hls_list_size": "0", "hls_segment_type": "mpegts"}
    with av.open(playlist, "w", format="hls", options=options) as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": str(2 * RATE)})
        video.width, video.height, video.pix_fmt = 180, 320, "yuv420p"
        video.time_base = Fraction(1, RATE)
        for number in range(RATE * SECONDS):
            frame = av.VideoFrame(180, 320, "yuv420p")
            for plane, level in zip(frame.planes, (number % 200 + 20, 110, 150), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts = number
            frame.time_base = Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))


class _Quiet(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The address of a server of these files on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
