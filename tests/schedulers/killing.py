"""kill -9 to the ranks of a step at a moment that matters.

Finding that moment on a real scheduler.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import toy

from hpcml.directory.opened import OpenCampaign

from .cluster_campaign import ClusterCampaign


@contextlib.contextmanager
def frozen(pids: list[int]) -> Iterator[list[int]]:
    """Those of the processes that are alive, standing still meanwhile: what is seen of them stays true."""
    stopped = []
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield [pid for pid in stopped if toy.alive(pid)]
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def killed_at_work(field: ClusterCampaign, step: str, *, amid_units: bool = True) -> bool:
    """kill -9 to all ranks of the step at a moment when units are to do, and one of them has recorded some.

    amid_units=False: as soon as its ranks are there, for steps of one unit or of units that take no time.
    """
    with frozen(field.ranks(step)) as pids:
        opened = OpenCampaign(field.root).step(step)
        if not pids or not opened.listed():
            return False  # or they were submitted behind jobs that were killed, and find no units
        found = opened.ledger()
        at_work = not amid_units or any(log.alive and log.ids for log in found.logs)
        if not len(found.missing) or not at_work:
            return False
        killed = 0
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # its launcher may have ended it meanwhile
                os.kill(pid, signal.SIGKILL)
                killed += 1
    if not killed:
        return False
    toy.wait_until(lambda: not any(map(toy.alive, pids)), what="the killed ranks are gone")
    if amid_units:
        assert 0 < len(opened.ledger().missing) < len(opened.units())
    return True
