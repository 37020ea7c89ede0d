"""HTCondor without a shared file system: what travels with a job, what comes back, where it lands.

A shard takes a box (commands/box.py) with it and computes in it, in the scratch folder. Each start leaves
one parcel (store/parcel.py) in `incoming`, which comes back at the end, at exit code 85 and at an
eviction, and goes along to the next start of an evicted job. DAGMan makes the box of a step when its
units are listed (SCRIPT PRE), and the merge runs on the access point, where the campaign is.
What lives here: the lines and values that differ from a site with a shared file system. What does not:
all others (htcondor.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from hpcml.schedulers.base import Batch, BatchStep, File
from hpcml.schedulers.htcondor_lines import Lines
from hpcml.schedulers.jobscript import merge_values
from hpcml.store.layout import Layout

BOX = "box"
PARCELS = "incoming"


def transfers(options: Mapping[str, Any]) -> bool:
    return not options["shared_filesystem"]


def array_lines(batch: Batch, step: BatchStep) -> Lines:
    """File transfer of one shard; paths are relative to `initialdir`, the campaign directory."""
    box = Layout(batch.root).box(batch.attempt, step.plan.name)
    return {
        "should_transfer_files": "YES",
        "transfer_executable": "True",  # a container would look for rank.sh inside the image
        "when_to_transfer_output": "ON_EXIT_OR_EVICT",
        "transfer_input_files": os.path.relpath(box, batch.root),
        "transfer_output_files": PARCELS,
        "transfer_checkpoint_files": PARCELS,
    }


def merge_lines() -> Lines:
    """On the access point: there are the parcels and the table."""
    return {
        "universe": "local",
        "should_transfer_files": None,
        "when_to_transfer_output": None,
        "transfer_output_files": None,
    }


def here_values(batch: Batch, step: BatchStep, options: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a script that runs on the access point, never in a container."""
    values = merge_values(batch, step, options)
    return {**values, "python": [options["python"] or sys.executable], "log": step.logs / "box.log"}


def box_script(batch: Batch, step: BatchStep, options: Mapping[str, Any]) -> File:
    values = here_values(batch, step, options)
    return File(f"{step.plan.name}/box.sh", "htcondor/box.sh", values, executable=True)
