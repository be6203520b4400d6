"""Rate limits of an endpoint: so many requests and tokens in any minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW = 60.0
"""Seconds that the limits speak of."""


class Stopped(Exception):
    """The evaluation ends; whoever waits must not go on."""


class Pace:
    """Lets requests through so that no window of a minute holds more than allowed.

    Args:
        rpm: requests a minute, or None for no limit.
        tpm: tokens a minute, prompt and completion together, or None.
        stop: set when nobody may wait any longer.
        clock: seconds; monotonic.
    """

    def __init__(
        self,
        rpm: int | None,
        tpm: int | None,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.rpm, self.tpm, self.stop, self.clock = rpm, tpm, stop, clock
        self._lock = threading.Lock()
        self._recent: deque[list[float]] = deque()  # [when, tokens], oldest first

    def enter(self, tokens: int) -> list[float]:
        """Wait until a request of about ``tokens`` tokens may go out.

        Returns:
            Its entry, for :meth:`settle`.

        Raises:
            Stopped: ``stop`` was set meanwhile.
        """
        while True:
            with self._lock:
                now = self.clock()
                while self._recent and now - self._recent[0][0] >= WINDOW:
                    self._recent.popleft()
                if self._has_room(tokens):
                    entry = [now, float(tokens)]
                    self._recent.append(entry)
                    return entry
                left = WINDOW - (now - self._recent[0][0])
            if self.stop.wait(min(left, 1.0)):
                raise Stopped

    def settle(self, entry: list[float], tokens: int) -> None:
        """The request took ``tokens`` tokens, whatever was expected."""
        with self._lock:
            entry[1] = float(tokens)

    def _has_room(self, tokens: int) -> bool:
        if not self._recent:
            return True  # one that is larger than the limit must go out too, alone
        if self.rpm is not None and len(self._recent) >= self.rpm:
            return False
        used = sum(entry[1] for entry in self._recent)
        return self.tpm is None or used + tokens <= self.tpm
