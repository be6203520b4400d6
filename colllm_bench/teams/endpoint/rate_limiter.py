"""Rate limits of an endpoint: at most so many requests and tokens in any minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW = 60.0
"""Seconds that the limits refer to."""


class Cancelled(Exception):
    """The evaluation is ending: no further request may be sent."""


class RateLimiter:
    """Delays requests so that no window of a minute holds more than allowed.

    A sliding window whose token counts are corrected once the server has reported them. The
    usual libraries have no such correction (aiolimiter is a leaky bucket for asyncio, which
    lets up to twice the limit through in a minute).

    Args:
        rpm: requests per minute, or None for no limit.
        tpm: tokens per minute, prompt and completion together, or None.
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
        self._recent: deque[list[float]] = deque()  # [time, tokens], oldest first

    def acquire(self, tokens: int) -> list[float]:
        """Wait until a request of about ``tokens`` tokens may be sent.

        Returns:
            Its ticket, for :meth:`report`.

        Raises:
            Cancelled: ``stop`` was set meanwhile.
        """
        while True:
            with self._lock:
                now = self.clock()
                while self._recent and now - self._recent[0][0] >= WINDOW:
                    self._recent.popleft()
                if self._has_room(tokens):
                    ticket = [now, float(tokens)]
                    self._recent.append(ticket)
                    return ticket
                left = WINDOW - (now - self._recent[0][0])
            if self.stop.wait(min(left, 1.0)):
                raise Cancelled

    def report(self, ticket: list[float], tokens: int) -> None:
        """Replace the estimate of a request by the ``tokens`` that it took."""
        with self._lock:
            ticket[1] = float(tokens)

    def _has_room(self, tokens: int) -> bool:
        if not self._recent:
            return True  # a request above the limit must be sent too, alone
        if self.rpm is not None and len(self._recent) >= self.rpm:
            return False
        used = sum(ticket[1] for ticket in self._recent)
        return self.tpm is None or used + tokens <= self.tpm
