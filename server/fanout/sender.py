"""One frame to many sockets in one call of a compiled function (see `native/sender.c`).

The function is called through ctypes, which gives up the interpreter's lock meanwhile. Where it was
not built, or the sockets are not plain ones (TLS), frames go out by the transports' own `write`.
"""

from __future__ import annotations

import ctypes
from array import array
from pathlib import Path
from typing import Literal

LIBRARY = Path(__file__).parent / "native" / "sender.so"

Choice = Literal["auto", "compiled", "python"]


class NoSender(Exception):
    """The compiled sender was asked for and is not there. `reason` says what was seen."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"fanout.sender is `compiled`, but {self.reason}; make install builds it, with a C compiler"


class Sender:
    """`send` writes to descriptors that belong to this process's event loop, on the loop's thread."""

    def __init__(self, library: Path = LIBRARY) -> None:
        """Raises OSError when there is no such library."""
        function = ctypes.CDLL(str(library)).miaodan_send
        function.argtypes = (
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int),
        )
        function.restype = ctypes.c_int
        self._function = function
        self._failed = array("i")
        self._accepted = ctypes.c_int()

    def send(self, fds: array[int], start: int, stop: int, frame: bytes) -> tuple[int, list[tuple[int, int]]]:
        """Send `frame` to `fds[start:stop]`, without blocking; negative descriptors are passed over.

        Returns how many sockets took all of it, and for each other one its place in `fds` and the
        bytes it took.
        """
        count = min(stop, len(fds)) - start
        if count <= 0:
            return 0, []
        if len(self._failed) < 2 * count:
            self._failed = array("i", bytes(2 * count * self._failed.itemsize))
        pairs = self._function(
            fds.buffer_info()[0] + start * fds.itemsize,
            count,
            frame,
            len(frame),
            self._failed.buffer_info()[0],
            ctypes.byref(self._accepted),
        )
        failed = [(start + self._failed[2 * n], self._failed[2 * n + 1]) for n in range(pairs)]
        return self._accepted.value, failed


def find_sender(choice: Choice, library: Path = LIBRARY) -> Sender | None:
    """The compiled sender, or None for the pure Python one. Raises NoSender."""
    if choice == "python":
        return None
    try:
        return Sender(library)
    except OSError as error:
        if choice == "compiled":
            raise NoSender(str(error)) from error
        return None
