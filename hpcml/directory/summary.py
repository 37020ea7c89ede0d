"""The small results of a merged step: what its workload's summarise() gives, kept beside the table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.directory.opened import OpenStep
from hpcml.errors import UsageError
from hpcml.store.parts import write_sealed
from hpcml.user_code import calling_user_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input, Workload


def write_summary(step: OpenStep) -> None:
    """Write the small results of the workload, if it has any."""
    workload = step.instance(step.combinations()[0])
    arrays = summary_arrays(workload, step.plan.workload, step.table())
    if not arrays:
        return
    write_sealed(
        step.layout.summary,
        arrays,
        ids=np.empty(0, np.int64),
        identity=step.identity(),
        about={"step": step.name},
    )


def summary_arrays(workload: Workload, name: str, table: Input) -> dict[str, NDArray[Any]]:
    """What summarise() of the workload called `name` gives, as arrays; UsageError when it cannot be kept."""
    with calling_user_code(
        name, "summarise()", hint="the table is written: fix the workload and merge again"
    ):
        found = dict(workload.summarise(table) or {})
        arrays = {
            key: np.asarray(value.encode() if isinstance(value, str) else value)
            for key, value in found.items()
        }
    for key, array in arrays.items():
        if not re.fullmatch(r"[!-.0-~]+", str(key)) or array.dtype.kind not in "biufcS":
            raise UsageError(
                f"workload {name!r}: summarise() gave {key!r} of type {array.dtype}",
                "names without blanks and slashes; numbers, arrays of numbers, text",
            )
    return arrays
