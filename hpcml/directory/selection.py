"""Units chosen by a pattern over their keys (`--units 'boot-00*'`)."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from hpcml.directory.opened import OpenStep
from hpcml.errors import UsageError
from hpcml.quantities import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN = 3


def matching_units(step: OpenStep, pattern: str) -> NDArray[np.int64]:
    """Numbers of the step's units whose key matches the glob `pattern`, ascending. The units are listed."""
    keys = step.units().keys.tolist()
    return np.array([n for n, key in enumerate(keys) if fnmatchcase(key.decode(), pattern)], np.int64)


def refuse_no_match(steps: Sequence[OpenStep], pattern: str) -> None:
    """UsageError when no unit of these steps matches. Steps whose units are not listed have none yet."""
    listed = [step for step in steps if step.listed()]
    if any(len(matching_units(step, pattern)) for step in listed):
        return
    waiting = [step.name for step in steps if not step.listed()]
    shown = "; ".join(f"{step.name} begins with {_first_keys(step)}" for step in listed)
    later = f"the units of {', '.join(waiting)} are not listed yet" if waiting else ""
    raise UsageError(f"no unit matches {pattern!r}", "; ".join(text for text in (shown, later) if text))


def others_left(step: str, count: int) -> str:
    """The line about units that were not chosen and are not done."""
    return f"{step}: {counted(count, 'other unit')} {'is' if count == 1 else 'are'} left"


def _first_keys(step: OpenStep) -> str:
    units = step.units()
    keys = [units.key(number) for number in units.numbers_in_order()[:SHOWN].tolist()]
    return ", ".join(keys) or "no unit"
