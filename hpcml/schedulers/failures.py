"""The classes of failure, what a person reads about each, and what the next attempt asks for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hpcml.campaign import Resources


class Failure(StrEnum):
    MEMORY = "memory"
    TIME = "time"
    PREEMPT = "preempt"
    NODE = "node"
    INPUT = "input"
    CODE = "code"
    STORAGE = "storage"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One plain sentence, what to do about it ('' when nothing is to be done), and the class, if any.

    `{root}` in a remedy stands for the campaign directory, which a scheduler does not know: see `with_root`.
    """

    sentence: str
    remedy: str = ""
    failure: Failure | None = None


def with_root(remedy: str, root: Path) -> str:
    """The remedy with the campaign directory in its commands, so that they can be copied to a shell."""
    return remedy.replace("{root}", shlex.quote(str(root)))


@dataclass(frozen=True, slots=True)
class Try:
    """What the next attempt asks for; again is False where another try cannot help."""

    again: bool
    resources: Resources
    why: str = ""


GROWTH = 1.5
# over a measured peak, for what the scheduler's sampling misses
HEADROOM = 1.3


def next_try(
    failure: Failure,
    resources: Resources,
    *,
    tries: int,
    max_tries: int,
    memory_ceiling: int | None = None,
    walltime_ceiling: int | None = None,
    memory_peak: int = 0,
    memory_given: int = 0,
) -> Try:
    """The policy by class. memory_ceiling: bytes of one shard, all ranks; walltime_ceiling: seconds; both
    as the site file sets them. memory_peak, memory_given: bytes that the shard used, and that it could use; 0
    when unknown. tries: attempts since the last that recorded anything; a time limit, a preemption or a lost
    node is not the shard's fault, so only max_tries bounds them.
    """
    if failure is Failure.CODE:
        return Try(False, resources, why="an error in the code comes back on every machine")
    if failure is Failure.INPUT:
        return Try(False, resources, why="the input has to be fixed first")
    if tries >= max_tries:
        return Try(False, resources, why=f"{tries} attempts in a row recorded nothing new")
    if failure is Failure.MEMORY:
        return _more_memory(resources, memory_ceiling, memory_peak, memory_given)
    if failure is Failure.TIME:
        return _more_time(resources, walltime_ceiling)
    return Try(True, resources, why="elsewhere" if failure is Failure.NODE else "")


def _more_memory(resources: Resources, ceiling: int | None, peak: int, given_before: int) -> Try:
    # a scheduler that grows requests by itself has given more than was asked for
    before = max(resources.memory * resources.ranks, given_before)
    wanted = max(int(before * GROWTH), int(peak * HEADROOM))
    given = min(wanted, ceiling) if ceiling is not None else wanted
    if given // 2**20 <= before // 2**20:  # requests are made in whole MiB
        why = f"no more than {(ceiling or 0) / 1e9:.3g} GB per shard at this site (options.memory_ceiling)"
        return Try(False, resources, why=f"{why}: use fewer ranks per shard")
    more = replace(resources, memory=given // resources.ranks)
    return Try(True, more, why=f"{more.memory / 1e9:.3g} GB per rank instead of {resources.memory / 1e9:.3g}")


def _more_time(resources: Resources, ceiling: int | None) -> Try:
    wanted = int(resources.walltime * GROWTH)
    given = min(wanted, ceiling) if ceiling is not None else wanted
    # at the ceiling the same request still helps: finished units are kept, the next try does the rest
    longer = replace(resources, walltime=max(given, resources.walltime))
    return Try(True, longer, why=f"{longer.walltime} s instead of {resources.walltime} s")
