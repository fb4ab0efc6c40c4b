"""permessage-deflate as this server answers it (RFC 7692).

No context on either side: one compressed frame serves every viewer, and no viewer costs memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.typing import ExtensionParameter

from server.fanout.deflate import WINDOW_BITS


class SharedDeflate(ServerPerMessageDeflateFactory):
    """Answers `server_no_context_takeover; client_no_context_takeover` and the windows asked for.

    A client whose window is too small for the shared frames is answered without compression.
    """

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            client_max_window_bits=WINDOW_BITS,
            compress_settings={"memLevel": 5},
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answer, extension = super().process_request_params(params, accepted_extensions)
        if not reads_shared_frames(extension):
            raise NegotiationError(f"server_max_window_bits is under {WINDOW_BITS}")
        return answer, extension


def reads_shared_frames(extension: PerMessageDeflate) -> bool:
    """Whether its peer can read what `fanout.deflate` makes."""
    return extension.local_no_context_takeover and extension.local_max_window_bits >= WINDOW_BITS
