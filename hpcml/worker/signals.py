"""Requests to stop: SIGTERM, SIGUSR1 and the end of the wall time, all handled alike.

The running unit gets GRACE seconds to end; then it is dropped (an exception inside `process`). A unit
inside a compiled kernel cannot be dropped: the log covers what was done before it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType

GRACE = 10.0
LEAST_MARGIN = 2.0
LARGEST_MARGIN = 120.0


class UnitDropped(BaseException):
    """Raised inside a unit that did not end in its grace time. No `except Exception` catches it."""


class Interruption:
    """Signal handlers for the life of a rank; `requested` turns true once and stays.

    The engine sets `in_unit` while a unit runs, so that only a unit is ever dropped, never the engine.
    """

    def __init__(self, end: float) -> None:
        self.requested = False
        self.in_unit = False
        self.tell_others: Callable[[], None] | None = None
        self._asked_at = 0.0
        self._deadline = 0.0
        self._end = end
        if end != float("inf"):
            left = max(0.0, end - time.time())
            margin = min(LARGEST_MARGIN, max(LEAST_MARGIN, 0.05 * left))
            self._deadline = time.time() + max(0.001, left - margin)
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            self._before[number] = signal.signal(number, self._asked)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._alarm)
        self.go_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def no_time_for(self, seconds: float) -> bool:
        """Would a unit of this length end after the wall time?"""
        return self._deadline > 0 and time.time() + seconds > self._deadline

    def request(self) -> None:
        self.requested = True
        if self.tell_others is not None:
            self.tell_others()

    def finish_quietly(self) -> None:
        """From here on signals are only noted: the rank is ending already."""
        self.in_unit = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def go_on(self) -> None:
        """More units follow: the end of the wall time counts (again)."""
        if self._deadline:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._deadline - time.time()))

    def _asked(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self._asked_at:
            self._asked_at = now
            self.request()
            signal.setitimer(signal.ITIMER_REAL, GRACE)
        elif self.in_unit and now - self._asked_at > 1.0:
            # asked once more, later than one stop that reaches a rank by two ways
            raise UnitDropped

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:  # the end of the wall time
            self.request()
            signal.setitimer(signal.ITIMER_REAL, min(GRACE, max(0.001, (self._end - time.time()) / 2)))
        elif self.in_unit:
            raise UnitDropped
